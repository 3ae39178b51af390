--- One pool of job tokens for everything that runs: a task takes one, and every make inside takes
--- what is left, so `jobs` bounds the whole build. GNU make's protocol over a named pipe.
local core = require "moonsand.core"
local loop = require "moonsand.loop"

local M = {}

--- The number of the pipe inside of a sandbox.
M.FD = 17

---@class moonsand.build.Jobserver
---@field path string
---@field jobs integer
local Jobserver = {__name = "moonsand.build.Jobserver"}
Jobserver.__index = Jobserver

function Jobserver:write(count)
  if count > 0 then assert(self.pipe:write(("+"):rep(count))) end
end

-- Take what is in the pipe. Only while nobody runs: a task that was killed took its tokens along.
function Jobserver:refill()
  local bytes
  repeat bytes = self.pipe:read(4096) until not bytes or bytes == ""
  self:write(self.jobs)
  self.doubtful = false
end

local PAUSE <const> = 0.05 -- seconds

--- Wait for a token. To be called from a coroutine of the loop. How many tokens a killed task took
--- along cannot be known while others run: they are waited for, and the pool is filled anew.
function Jobserver:take()
  while self.doubtful and self.users > 0 do loop.wait({}, PAUSE) end
  if self.users == 0 then self:refill() end
  self.users = self.users + 1
  while not self.pipe:read(1) do loop.wait({{fd = self.pipe, events = "r"}}) end
end

--- Give the token back.
---@param killed? boolean   processes of the task were killed, perhaps with tokens in their hands
function Jobserver:give(killed)
  self.users = self.users - 1
  self.doubtful = self.doubtful or killed
  self:write(1)
end

local Spare = {__name = "moonsand.build.Spare"}
Spare.__index = Spare

function Spare:__close()
  self.pool:write(self.count)
end

--- Tokens that nobody uses just now, for whoever has one already: `count` of them, until it is
--- closed.
---@return {count: integer}
function Jobserver:spare()
  local bytes = self.jobs > 1 and self.pipe:read(self.jobs - 1) or ""
  return setmetatable({pool = self, count = #bytes}, Spare)
end

--- Environment that tells make about the pool.
---@return table<string, string>
function Jobserver:environment()
  return {MAKEFLAGS = (" -j%d --jobserver-auth=%d,%d"):format(self.jobs, M.FD, M.FD)}
end

function Jobserver:__close()
  self.pipe:close()
  core.unlink(self.path)
end

--- Make a pool of `jobs` tokens with its pipe in a directory. `mkfifo` makes the pipe.
---@param directory string
---@param jobs integer
---@param mkfifo fun(path: string)
---@return moonsand.build.Jobserver
function M.open(directory, jobs, mkfifo)
  local path = ("%s/jobs.%d"):format(directory, core.getpid())
  core.unlink(path)
  mkfifo(path)
  local pipe = assert(core.open(path, "r+"))
  assert(pipe:nonblock(true))
  return setmetatable({path = path, jobs = jobs, pipe = pipe, users = 0}, Jobserver)
end

return M
