--- Sandboxes: a table of options becomes a plan, the plan a run, the run a result. Complete without
--- the other storeys.
local builder = require "moonsand.sandbox.builder"
local compose = require "moonsand.sandbox.compose"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local options = require "moonsand.sandbox.options"
local result = require "moonsand.sandbox.result"
local running = require "moonsand.sandbox.running"
local scope = require "moonsand.scope"
local streams = require "moonsand.sandbox.streams"

local M = {}

---@class moonsand.Sandbox
---@field options table   checked
local Sandbox = {__name = "moonsand.Sandbox"}
Sandbox.__index = Sandbox

function Sandbox:__tostring()
  local o = self.options
  return ("sandbox %s(root %s, network %s)"):format(o.name and o.name .. " " or "", o.root,
    o.network)
end

--- A sandbox from a table of options. Nothing happens yet.
---@param given moonsand.sandbox.Options
---@return moonsand.Sandbox
function M.new(given)
  return setmetatable({options = options.check(given)}, Sandbox)
end

--- The same in the chain spelling.
---@return moonsand.sandbox.Builder
function M.builder()
  return builder.start(M.new)
end

--- The steps that will be carried out.
---@return moonsand.sandbox.Plan
function Sandbox:plan()
  return compose.plan(self.options)
end

local function made(path)
  local ok, err, errno = core.mkdirs(path)
  if not ok then fault.throw("sandbox", "upper directory " .. err, {errno = errno}) end
end

--- overlayfs wants a scratch directory beside the upper, empty at each mount; one that the caller
--- did not name is ours.
local function prepare_upper(entry, undo)
  made(entry.upper)
  if entry.work then
    made(entry.work)
    return entry
  end
  local parent, name = entry.upper:match("^(.*)/([^/]+)/*$")
  local work, err, errno = core.mkdtemp(("%s/.%s.work."):format(parent, name))
  if not work then fault.throw("sandbox", "work directory " .. err, {errno = errno}) end
  undo:defer(function() core.remove_tree(work) end)
  local own = {}
  for key, value in pairs(entry) do own[key] = value end
  own.work = work
  return own
end

--- The options for one run: every upper has its work directory.
local function prepare(given, undo)
  local own = {}
  for key, value in pairs(given) do own[key] = value end
  own.overlays = {}
  for i, entry in ipairs(given.overlays) do
    own.overlays[i] = entry.upper and prepare_upper(entry, undo) or entry
  end
  return own
end

--- Start the program and return at once. A sandbox that could not be made is a result, too.
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function Sandbox:start()
  local undo <close> = scope.new()
  local own = prepare(self.options, undo)
  local io_streams = streams.open(own)
  undo:defer(function() io_streams:close() end)
  local process, message, errno, details = core.spawn(compose.plan(own, io_streams.fds))
  if not process then return nil, result.failed(message, errno, details) end
  io_streams:release()
  local cleanup = scope.new()
  for i = 1, #undo - 1 do cleanup[i] = undo[i] end
  undo:release()
  return running.new(process, io_streams, own, function() cleanup:close() end)
end

--- Run the program to its end.
---@return moonsand.sandbox.Result
function Sandbox:run()
  local handle <close>, failure = self:start()
  if not handle then return failure end
  return handle:wait()
end

Sandbox.execute = Sandbox.run

return M
