--- A sandbox that runs: reads its output, watches the clock, and makes the result when it ends.
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local loop = require "moonsand.loop"
local result = require "moonsand.sandbox.result"

local M = {}

---@class moonsand.sandbox.Running
---@field process moonsand.process
---@field streams moonsand.sandbox.Streams
local Running = {__name = "moonsand.sandbox.Running"}
Running.__index = Running

---@param process moonsand.process
---@param streams moonsand.sandbox.Streams
---@param options table
---@param cleanup fun()
---@return moonsand.sandbox.Running
function M.new(process, streams, options, cleanup)
  return setmetatable({
    process = process, streams = streams, options = options, cleanup = cleanup,
    started = core.clock(), parts = {stdout = {}, stderr = {}}, timed_out = false,
    term_at = options.timeout and core.clock() + options.timeout,
  }, Running)
end

--- Send a signal to the program; "KILL" ends everything inside at once.
---@param signal string   "TERM", "INT", ...
---@return boolean? ok
---@return string? message
---@return integer? errno
function Running:kill(signal)
  return self.process:kill(signal)
end

--- One read of a pipe; drops it at its end.
function Running:take(i)
  local pipe = self.streams.pipes[i]
  local bytes = assert(pipe.handle:read(65536))
  if bytes == "" then
    pipe.handle:close()
    table.remove(self.streams.pipes, i)
  elseif self.options.on_output then
    self.options.on_output(pipe.name, bytes)
  else
    table.insert(self.parts[pipe.name], bytes)
  end
end

--- What is in the pipes already; nobody can write any more.
function Running:drain()
  while #self.streams.pipes > 0 do
    local ready = loop.wait({{fd = self.streams.pipes[1].handle}}, 0)
    if not ready then return end
    self:take(1)
  end
end

--- TERM at the deadline, KILL a grace later.
function Running:check_time()
  local now = core.clock()
  if self.kill_at and now >= self.kill_at then
    self.process:kill("KILL")
    self.kill_at = nil
  elseif self.term_at and now >= self.term_at then
    self.timed_out = true
    self.process:kill("TERM")
    self.kill_at = now + (self.options.grace or defaults.grace)
    self.term_at = nil
  end
end

function Running:time_left()
  local at = self.kill_at or self.term_at
  return at and math.max(0, at - core.clock())
end

--- Serve what happens next; returns how the process ended once it has.
function Running:step(extra)
  local list = {{fd = self.process}}
  for i, pipe in ipairs(self.streams.pipes) do list[i + 1] = {fd = pipe.handle} end
  if extra then list[#list + 1] = {fd = extra} end
  local ready = loop.wait(list, self:time_left())
  self:check_time()
  for k = ready and #ready or 0, 1, -1 do -- backwards: take() may drop a pipe
    local i = ready[k]
    if extra and i == #list then
      self.on_extra()
    elseif i > 1 and self.streams.pipes[i - 1] then
      self:take(i - 1)
    end
  end
  local ended, err = self.process:wait()
  if ended == nil then error(err, 0) end
  return ended or nil
end

--- Wait for the end. What is written meanwhile is read, so no pipe can fill up.
---@param watch? {fd: any, ready: fun()}   something else to serve, such as the caller's signals
---@return moonsand.sandbox.Result
function Running:wait(watch)
  if watch then self.on_extra = watch.ready end
  local ended
  repeat ended = self:step(watch and watch.fd) until ended
  self:drain()
  local final = result.ended(ended, {
    stdout = table.concat(self.parts.stdout), stderr = table.concat(self.parts.stderr),
    wall = core.clock() - self.started, timed_out = self.timed_out,
  })
  self:close()
  return final
end

--- Kill what still runs, and let go of everything.
function Running:close()
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
