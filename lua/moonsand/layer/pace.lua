--- Long walks give other coroutines of the loop a turn between directories, so that hashing a large
--- layer does not stop the output of the tasks that run.
local core = require "moonsand.core"
local loop = require "moonsand.loop"

local M = {}

local SECONDS = 0.02

--- Give others a turn when this job has had its time. Outside of a loop it costs next to nothing.
---@param job {turn?: number}
function M.step(job)
  local now = core.clock()
  if not job.turn then
    job.turn = now
  elseif now - job.turn > SECONDS then
    loop.wait({}, 0)
    job.turn = core.clock()
  end
end

return M
