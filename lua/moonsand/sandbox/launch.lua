--- From checked options and a plan to a running program.
local lazy = require "moonsand.lazy"
local compose = require "moonsand.sandbox.compose"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local isolation = lazy "moonsand.sandbox.isolation"
local leftovers = lazy "moonsand.sandbox.leftovers"
local limits = require "moonsand.sandbox.limits"
local observe = lazy "moonsand.sandbox.observe"
local overlay = lazy "moonsand.sandbox.overlay"
local owner = lazy "moonsand.sandbox.owner"
local result = require "moonsand.sandbox.result"
local running = require "moonsand.sandbox.running"
local scope = require "moonsand.scope"
local streams = require "moonsand.sandbox.streams"
local watch = require "moonsand.sandbox.watch"

local M = {}

--- Without a mount namespace /tmp is everybody's: a directory of one's own stands in for it.
local function prepare_scratch(own, undo)
  local path, err, errno = core.mkdtemp(leftovers.scratch())
  if not path then fault.throw("sandbox", "scratch directory " .. err, {errno = errno}) end
  undo:defer(function() core.remove_tree(path) end)
  own.scratch = path
  own.bounds = isolation.bounds(own)
end

--- The options for one run: every upper has its work directory.
---@param given table
---@param undo moonsand.Scope
---@return table
function M.prepare(given, undo)
  local own = {}
  for key, value in pairs(given) do own[key] = value end
  own.not_enforced = table.move(given.not_enforced, 1, #given.not_enforced, 1, {})
  own.overlays = {}
  for i, entry in ipairs(given.overlays) do
    own.overlays[i] = entry.upper and overlay.prepare(entry, undo) or entry
  end
  own.binds = {}
  for i, entry in ipairs(given.binds) do
    own.binds[i] = entry.idmap and owner.prepare(entry, own, undo) or entry
  end
  if own.isolation == "filters" then prepare_scratch(own, undo) end
  own.watched = watch.open(own, undo)
  own.observer = own.observe and observe.open(own, undo)
  return own
end

--- What went well, and is to be told nevertheless.
---@param options table   of this run; changed
---@param notes? {mount_points: string[], proc: string?}   from core.spawn
function M.note(options, notes)
  options.mount_points = notes and notes.mount_points or options.mount_points or {}
  if not notes then return end
  if notes.proc then
    table.insert(options.not_enforced, {option = "proc",
      reason = "no fresh /proc was to be had: processes outside can be seen",
      hint = "docs/mounts.md"})
  end
end

--- Start a program. What `undo` holds is undone when it has ended, or at once when it cannot start.
---@param options table   checked
---@param undo moonsand.Scope
---@param make fun(fds: table): moonsand.sandbox.Plan
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function M.start(options, undo, make)
  if not options.script and not options.command then
    fault.throw("usage", "sandbox: there is no program to run", {
      hint = "give 'script' or 'command'",
    })
  end
  local io_streams = streams.open(options)
  undo:defer(function() io_streams:close() end)
  local plan, started = make(io_streams.fds), core.clock()
  local process, message, errno, details = core.spawn(plan)
  if not process then
    local unseen = options.observer and options.observer:refused(errno, details)
    return nil, unseen and result.unobserved(unseen)
      or result.failed(message, errno, details, plan)
  end
  M.note(options, message)
  if options.observer then options.observer:release() end
  io_streams:release()
  local cleanup = scope.new()
  for i = 1, #undo - 1 do cleanup[i] = undo[i] end
  undo:release()
  return running.new(process, io_streams, options, started, function() cleanup:close() end)
end

--- Put the limits of a sandbox into force; the failure when one cannot be.
---@param options table   checked; changed
---@param undo moonsand.Scope
---@return moonsand.sandbox.Result? failure
function M.limit(options, undo)
  local why = limits.apply(options, undo)
  return why and result.unlimited(why, options.limits[why.name])
end

--- Start the program of a sandbox that is made for it alone.
---@param given table   checked options
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function M.alone(given)
  local undo <close> = scope.new()
  local own = M.prepare(given, undo)
  local failure = M.limit(own, undo)
  if failure then return nil, failure end
  return M.start(own, undo, function(fds) return compose.plan(own, fds) end)
end

return M
