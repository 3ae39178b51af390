--- Why a step failed and what to do about it, where its errno says too little.
local ids = require "moonsand.sandbox.ids"
local overlay = require "moonsand.sandbox.overlay"

local M = {}

local EPERM, EOVERFLOW = 1, 75

local hints = {}

function hints.proc(_, errno)
  if errno ~= EPERM then return nil end
  return nil, "proc = \"bind\" (--proc bind) shows the caller's /proc in its place, read-only"
end

function hints.sysfs(_, errno)
  if errno ~= EPERM then return nil end
  return nil, "the kernel gives a sysfs only where a whole one is seen already; bind what there is:"
    .. " binds = {{source = \"/sys\"}} (--ro /sys)"
end

function hints.namespaces(_, errno, details)
  if details.call ~= "setns" or errno ~= EPERM then return nil end
  return nil, "to join a namespace takes CAP_SYS_ADMIN over it, and in one's own: start it as root"
end

function hints.ids(_, _, details) return nil, ids.hint(details) end

function hints.overlay(step, errno)
  local why, hint = overlay.explain(step, errno)
  return why and ("overlay %s: %s"):format(step.target, why), hint
end

--- What is known about a step that failed.
---@param plan? moonsand.sandbox.Plan
---@param errno integer
---@param details? table   from core.spawn
---@return string? message   in place of the kernel's
---@return string? hint
function M.of(plan, errno, details)
  local step = plan and details and plan[details.step]
  if not step then return nil end
  if errno == EOVERFLOW then
    return nil, "a file or directory there belongs to a user who has no id inside: "
      .. "ids = \"range\" (--ids range) gives ids to more users"
  end
  if hints[step[1]] then return hints[step[1]](step, errno, details) end
end

return M
