--- A second sandbox over the state of a first one: what that has written is copied, and is a lower
--- directory of the second. Neither sees what the other writes from then on.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local launch = require "moonsand.sandbox.launch"
local options = require "moonsand.sandbox.options"
local scope = require "moonsand.scope"

local M = {}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function read(path)
  local file <close> = io.open(path)
  return file and file:read("a")
end

-- A pid 1 that has read its signals waits for more of them.
local function is_settled(process)
  local status = read(("/proc/%d/status"):format(process:pid()))
  if not status or status:find("State:%s+[ZX]") then return true end
  return status:find("State:%s+S") and status:find("ShdPnd:%s+0+\n") ~= nil
end

--- Stop all that runs in it; what is written meanwhile could be half of something.
local function pause(process, undo)
  local ok, message, errno = process:stop()
  if not ok then
    fault.throw("sandbox", "fork: what runs in the sandbox does not stop: " .. message,
      {errno = errno})
  end
  undo:defer(function() process:continue() end)
  local deadline = core.clock() + 10
  while not is_settled(process) do
    if core.clock() > deadline then
      fault.throw("sandbox", "fork: what runs in the sandbox does not stop")
    end
    core.poll({}, 0.001)
  end
end

--- Copy a directory as it is: whiteouts, attributes, times and links included.
local function copy(from, to, ids)
  local own = options.check {
    command = {"cp", "-a", "--reflink=auto", "--", "/from/.", "/to"}, ids = ids,
    binds = {{source = from, target = "/from"}, {source = to, target = "/to", read_only = false}},
    seccomp = "none", env = {LC_ALL = "C"}, -- it runs nothing of what it copies
  }
  local running <close>, failure = launch.alone(own)
  local result = failure or running:wait()
  if result.ok then return end
  fault.throw("sandbox", ("fork: '%s' cannot be copied: %s"):format(from,
    result.message or result.stderr:match("^[^\n]*")))
end

local function snapshot(upper, ids, undo)
  local parent, name = upper:match("^(.*)/([^/]+)/*$")
  local place, err, errno = core.mkdtemp(("%s/.%s.fork."):format(parent, name))
  if not place then fault.throw("sandbox", "fork: " .. err, {errno = errno}) end
  undo:defer(function() core.remove_tree(place) end)
  copy(upper, place, ids)
  return place
end

--- An overlay whose changes so far are below a new upper, which vanishes.
local function forked(entry, ids, undo)
  if not entry.upper then return entry end
  local own = {}
  for key, value in pairs(entry) do own[key] = value end
  own.upper, own.work = nil, nil
  if core.stat(entry.upper) then
    own.lower = {snapshot(entry.upper, ids, undo), table.unpack(entry.lower)}
  end
  return own
end

--- What holds state that is not in a directory cannot be copied.
local function check(from, is_prepared)
  local kept = false
  for _, entry in ipairs(from.overlays) do
    kept = kept or entry.upper ~= nil
    if is_prepared and not entry.upper and not entry.read_only then
      wrong(("what is written to '%s' is in the sandbox's own memory, and cannot be forked"):format(
        entry.target), "give that overlay an 'upper' directory")
    end
  end
  if not kept then
    wrong("what is written vanishes with each run: there is nothing to fork",
      "give an overlay an 'upper' directory")
  end
end

--- The options of a fork; what they need is in `undo`.
---@param sandbox moonsand.Sandbox
---@param undo moonsand.Scope
---@param processes moonsand.process[]   of what runs in it
---@param is_prepared? boolean
---@return moonsand.sandbox.Options
function M.options(sandbox, undo, processes, is_prepared)
  local from = sandbox.options
  check(from, is_prepared)
  if from.as_init and #processes > 0 then
    wrong("a program that is pid 1 itself cannot be stopped for a fork", "fork when it has ended")
  end
  local stopped <close> = scope.new()
  for _, process in ipairs(processes) do pause(process, stopped) end
  local own = {}
  for key, value in pairs(sandbox.given) do own[key] = value end
  own.lower, own.overlays = nil, {}
  for i, entry in ipairs(from.overlays) do own.overlays[i] = forked(entry, from.ids, undo) end
  return own
end

return M
