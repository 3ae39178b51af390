--- A sandbox that runs: reads its output, watches the clock, and makes the result when it ends.
local lazy = require "moonsand.lazy"
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local limits = require "moonsand.sandbox.limits"
local loop = require "moonsand.loop"
local result = require "moonsand.sandbox.result"
local strangers = lazy "moonsand.sandbox.strangers"
local terminal = lazy "moonsand.sandbox.terminal"
local watching = require "moonsand.sandbox.watch"

local M = {}

local PIPE_SIZE = 1 << 20 -- the most that a pipe holds without privileges (pipe(7))

---@class moonsand.sandbox.Running
---@field process moonsand.process
---@field streams moonsand.sandbox.Streams
---@field sandbox? moonsand.Sandbox
---@field closed? boolean
---@field holder? moonsand.process   pid 1, when that is not the process's own parent
local Running = {__name = "moonsand.sandbox.Running"}
Running.__index = Running

---@param process moonsand.process
---@param streams moonsand.sandbox.Streams
---@param options table
---@param started number   the clock before the sandbox was made
---@param cleanup fun()
---@return moonsand.sandbox.Running
function M.new(process, streams, options, started, cleanup)
  local source = streams.source
  return setmetatable({
    process = process, streams = streams, options = options, cleanup = cleanup,
    started = started,
    term_at = options.timeout and core.clock() + options.timeout,
    idle_at = options.idle_timeout and core.clock() + options.idle_timeout,
    keys = source and terminal.keys(source, streams.master),
  }, Running)
end

--- Send a signal to the program; "KILL" ends everything inside at once.
---@param signal string   "TERM", "INT", ...
---@return boolean? ok
---@return string? message
---@return integer? errno
function Running:kill(signal)
  local ok, err, errno = self.process:kill(signal)
  local groups = self.options.groups
  if signal == "KILL" and groups and groups.frozen then groups:freeze(false) end
  return ok, err, errno
end

--- Stop everything inside; the clocks of its timeouts stand still meanwhile. A control group does
--- it unnoticed; else pid 1 sends STOP to all.
---@return boolean? ok
---@return string? message
---@return integer? errno
function Running:stop()
  if self.stopped_at then return true end
  local ok, err, errno = self:pause(true)
  if ok then self.stopped_at = core.clock() end
  return ok, err, errno
end

--- Let everything inside go on.
---@return boolean? ok
---@return string? message
---@return integer? errno
function Running:continue()
  if not self.stopped_at then return true end
  local ok, err, errno = self:pause(false)
  if not ok then return nil, err, errno end
  local pause = core.clock() - self.stopped_at
  self.stopped_at = nil
  for _, clock in ipairs {"term_at", "idle_at", "kill_at"} do
    self[clock] = self[clock] and self[clock] + pause
  end
  return true
end

function Running:pause(on)
  local groups = self.options.groups
  if groups and groups.by_role.whole and not self.options.joined then return groups:freeze(on) end
  if self.options.as_init then
    return nil, "a program that is pid 1 itself can only be stopped by a control group"
  end
  if on then return self.process:stop() end
  return self.process:continue()
end

--- Nothing more comes from a pipe.
function Running:drop(i)
  local pipe = table.remove(self.streams.pipes, i)
  if pipe.handle == self.streams.master then self.keys = nil end
  pipe:close()
end

--- One read of a pipe; drops it at its end.
---@return integer count   of bytes
function Running:take(i)
  local pipe = self.streams.pipes[i]
  local bytes, err, errno = pipe.handle:read(65536)
  if bytes == "" or terminal.is_end(errno) then
    self:drop(i)
  elseif bytes then
    if self.idle_at then self.idle_at = core.clock() + self.options.idle_timeout end
    pipe:take(bytes)
  elseif errno ~= terminal.would_block then
    error(err, 0)
  end
  return bytes and #bytes or 0
end

local function flush(pipe)
  while pipe.pending do
    loop.wait {{fd = pipe.tee, events = "w"}}
    pipe:pass_on()
  end
end

--- What the program has written is in the pipes. A process that it left behind may hold them open:
--- its end is not waited for, and what it goes on writing not listened to.
function Running:drain()
  for i = #self.streams.pipes, 1, -1 do
    local pipe, left = self.streams.pipes[i], PIPE_SIZE
    flush(pipe)
    while left > 0 and self.streams.pipes[i] == pipe and loop.wait({{fd = pipe.handle}}, 0) do
      left = left - self:take(i)
      flush(pipe)
    end
  end
end

--- Is it time to end the program, and for which reason?
function Running:overdue(now)
  if self.kill_at then return nil end
  if self.term_at and now >= self.term_at then return "wall" end
  return self.idle_at and now >= self.idle_at and "idle" or nil
end

--- TERM at the deadline, KILL a grace later.
function Running:check_time()
  if self.stopped_at then return end
  local now = core.clock()
  local overdue = self:overdue(now)
  if self.kill_at and now >= self.kill_at then
    self.process:kill("KILL")
    self.kill_at = nil
  elseif overdue then
    self.timed_out = overdue
    self.process:kill("TERM")
    self.kill_at = now + (self.options.grace or defaults.grace)
    self.term_at, self.idle_at = nil, nil
  end
end

function Running:time_left()
  if self.stopped_at then return nil end
  local at = self.kill_at or self.term_at
  if self.idle_at and (not at or self.idle_at < at) then at = self.idle_at end
  local left = at and math.max(0, at - core.clock())
  if not self.options.watched then return left end
  return math.min(left or watching.PAUSE, watching.PAUSE)
end

--- What to wait for, and what to do about each.
function Running:entries(watches)
  local list, serve = {{fd = self.process}}, {function() end} -- the first: see step
  local function add(entry, fn)
    list[#list + 1], serve[#serve + 1] = entry, fn
  end
  for i = #self.streams.pipes, 1, -1 do -- backwards: take() may drop a pipe
    local pipe = self.streams.pipes[i]
    if pipe.pending then
      add({fd = pipe.tee, events = "w"}, function() pipe:pass_on() end)
    else
      add({fd = pipe.handle}, function() self:take(i) end)
    end
  end
  if self.keys and self.keys.fd then add(self.keys, function() self.keys:ready() end) end
  local observer = self.options.observer
  if observer and not observer.ended then
    add({fd = observer.process}, function()
      if observer:death() then self.process:kill("KILL") end
    end)
  end
  for _, watch in ipairs(watches) do add(watch, function() watch.ready() end) end
  return list, serve
end

--- Serve what happens next; returns how the process ended once it has.
function Running:step(watches)
  local list, serve = self:entries(watches)
  local ready = loop.wait(list, self:time_left())
  self:check_time()
  if self.options.watched then self.options.watched:take() end
  local over = false
  for _, i in ipairs(ready or {}) do
    over = over or i == 1
    serve[i]()
  end
  if not over then return nil end
  local ended, err = self.process:wait()
  if ended == nil then error(err, 0) end
  return ended or nil
end

--- Wait for the end. What is written meanwhile is read, so no pipe can fill up.
---@param watches? {fd: any, events?: string, ready: fun()}[]   what else to serve, such as signals
---@return moonsand.sandbox.Result
function Running:wait(watches)
  local ended
  repeat ended = self:step(watches or {}) until ended
  self:drain()
  if self.options.joined then ended.leftovers = nil end -- only the sandbox's pid 1 knows
  if self.options.link then self.options.link:tell(self.options.not_enforced) end
  local watched = self.options.watched
  local opened = watched and watched:finish(self.options.not_enforced)
  local observer = self.options.observer
  local observed, unseen
  if observer then observed, unseen = observer:finish(self.options.not_enforced) end
  if unseen then
    self:close()
    return result.unobserved(unseen)
  end
  local verdict = limits.judge(self.options, ended, self.timed_out)
  local final = result.ended(ended, {
    kept = self.streams.kept,
    wall = core.clock() - self.started, timed_out = self.timed_out, oom = verdict.oom,
    limits_hit = verdict.limits_hit, not_enforced = self.options.not_enforced,
    mount_points = self.options.mount_points, opened = opened, observed = observed,
  })
  if not final.ok then final.hint = strangers.hint(self.options, final) end
  self:close()
  return final
end

--- Give the sandbox's own terminal the size of another one.
---@param from any   the caller's terminal: a handle or a number
function Running:resize(from)
  if self.streams.master then terminal.resize(from, self.streams.master) end
end

--- Close something else, too, when this is closed.
---@param other {close: fun(self: any)}
function Running:owns(other)
  self.holder = other.holder
  local cleanup = self.cleanup
  self.cleanup = function()
    if cleanup then cleanup() end
    other:close()
  end
end

--- Kill what still runs, and let go of everything.
function Running:close()
  self.closed = true
  if self.stopped_at then self:kill("KILL") end -- what a version 1 freezer holds does not die
  self.process:close()
  self.streams:close()
  if self.cleanup then
    local cleanup = self.cleanup
    self.cleanup = nil
    cleanup()
  end
end

Running.__close = Running.close
Running.__gc = Running.close

return M
