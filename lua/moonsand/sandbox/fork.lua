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

local with_owners = {"chown", "dac_override", "fowner", "fsetid"}

--- Copy a directory as it is: whiteouts, attributes, times and links included.
local function copy(entry, upper, to, ids)
  local own = options.check {
    command = {"cp", "-a", "--reflink=auto", "--", "/proc/self/fd/3/.", "/to"}, ids = ids,
    cap_add = ids == "range" and with_owners or nil,
    binds = {{source = to, target = "/to", read_only = false}},
    seccomp = "none", env = {LC_ALL = "C"}, -- it runs nothing of what it copies
  }
  own.fds[3] = {directory = upper}
  local running <close>, failure = launch.alone(own)
  local result = failure or running:wait()
  if result.ok then return end
  fault.throw("sandbox", ("fork: what is written to '%s' cannot be copied: %s"):format(
    entry.target, result.message or result.stderr:match("^[^\n]*")))
end

-- What an overlay cannot have as a lower directory, whiteouts and all.
local unfit = {overlay = true, nfs = true, fuse = true}

--- Beside a directory of the caller; for what is in memory, where there is room.
local function place_for(entry)
  if entry.upper then
    local parent, name = entry.upper:match("^(.*)/([^/]+)/*$")
    return ("%s/.%s.fork."):format(parent, name)
  end
  for _, place in ipairs {"/var/tmp", "/tmp", "/dev/shm"} do
    local system = core.statfs(place)
    if system and not unfit[system.type] and not system.read_only then
      return place .. "/moonsand-fork."
    end
  end
  fault.throw("host", "fork: neither /var/tmp nor /tmp nor /dev/shm can be below an overlay", {
    hint = "give the overlay an 'upper' directory",
  })
end

local function snapshot(entry, upper, ids, undo)
  local place, err, errno = core.mkdtemp(place_for(entry))
  if not place then fault.throw("sandbox", "fork: " .. err, {errno = errno}) end
  undo:defer(function() core.remove_tree(place) end)
  copy(entry, upper, place, ids)
  return place
end

--- An overlay whose changes so far are below a new upper, which vanishes.
local function forked(entry, upper, ids, undo)
  if not upper and not entry.upper then return entry end
  local own = {}
  for key, value in pairs(entry) do own[key] = value end
  own.upper, own.work = nil, nil
  local opened = not upper and core.open(entry.upper, "dir")
  if upper or opened then
    own.lower = {snapshot(entry, upper or opened, ids, undo), table.unpack(entry.lower)}
  end
  if opened then opened:close() end
  return own
end

--- The overlays that a fork is made of. A directory as root is one, too.
local function overlays_of(from)
  local list, has_root = {}, from.root == "host" or from.root == "empty"
  for i, entry in ipairs(from.overlays) do
    list[i] = entry
    has_root = has_root or entry.target == "/"
  end
  if not has_root then table.insert(list, 1, {target = "/", lower = {from.root}}) end
  return list
end

local function check(list, uppers)
  for _, entry in ipairs(list) do
    if entry.upper or uppers[entry.target] then return end
  end
  wrong("what is written vanishes with each run: there is nothing to fork",
    "give an overlay an 'upper' directory, or prepare the sandbox")
end

--- The options of a fork; what they need is in `undo`.
---@param sandbox moonsand.Sandbox
---@param undo moonsand.Scope
---@param processes moonsand.process[]   of what runs in it
---@param uppers table<string, moonsand.Fd>   by target: of overlays whose upper is in memory
---@return moonsand.sandbox.Options
function M.options(sandbox, undo, processes, uppers)
  local from = sandbox.options
  local list = overlays_of(from)
  check(list, uppers)
  if from.as_init and #processes > 0 then
    wrong("a program that is pid 1 itself cannot be stopped for a fork", "fork when it has ended")
  end
  local stopped <close> = scope.new()
  for _, process in ipairs(processes) do pause(process, stopped) end
  local own = {}
  for key, value in pairs(sandbox.given) do own[key] = value end
  own.lower, own.overlays = nil, {}
  for i, entry in ipairs(list) do
    own.overlays[i] = forked(entry, uppers[entry.target], from.ids, undo)
  end
  return own
end

return M
