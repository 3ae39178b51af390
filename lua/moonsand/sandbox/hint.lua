--- What to do about a step that failed, where its errno alone says too little.
local ids = require "moonsand.sandbox.ids"

local M = {}

local EPERM = 1

local hints = {}

function hints.proc(_, errno)
  if errno ~= EPERM then return nil end
  return "proc = \"bind\" (--proc bind) shows the caller's /proc in its place, read-only"
end

function hints.sysfs(_, errno)
  if errno ~= EPERM then return nil end
  return "the kernel gives a sysfs only where a whole one is seen already; bind what there is: "
    .. "binds = {{source = \"/sys\"}} (--ro /sys)"
end

function hints.ids(_, _, details) return ids.hint(details) end

--- The hint for a step of a plan that failed.
---@param plan moonsand.sandbox.Plan
---@param errno integer
---@param details? table   from core.spawn
---@return string? hint
function M.of(plan, errno, details)
  local step = details and plan[details.step]
  return step and hints[step[1]] and hints[step[1]](step, errno, details)
end

return M
