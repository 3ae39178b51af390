--- A plan: the ordered list of kernel steps that makes one sandbox. Plain data that prints itself.
local lazy = require "moonsand.lazy"
local describe = lazy "moonsand.sandbox.describe"
local hooks = lazy "moonsand.sandbox.hooks"
local names = lazy "moonsand.sandbox.names"

local M = {}

---@class moonsand.sandbox.Plan
---@field [integer] table   steps: {"verb", field = value, ...}
local Plan = {__name = "moonsand.sandbox.Plan"}
Plan.__index = Plan

---@param steps table[]
---@return moonsand.sandbox.Plan
function M.new(steps)
  return setmetatable(steps, Plan)
end

--- One readable line a step.
---@return string   lines, each ending in a newline
function Plan:describe()
  local out = {}
  for i, step in ipairs(self) do out[i] = ("%3d  %s\n"):format(i, describe.line(step)) end
  return table.concat(out)
end

Plan.__tostring = Plan.describe

--- What the steps are called: the verb and the place, or the verb alone.
---@return string[]
function Plan:names()
  return names.of(self)
end

--- What leads from this plan to another, a line a change: `+` a step that came, `-` one that went,
--- `>` one that moved, `~` a field that changed. Empty for equal plans.
---@param other moonsand.sandbox.Plan
---@return string
function Plan:diff(other)
  return require("moonsand.sandbox.difference").text(self, other, describe.line)
end

--- The command line of bubblewrap that is equal to this plan.
---@param beside? table      what is not in the steps: options such as `stdin`, `timeout`
---@return string? text      for bash; nil: there is none
---@return string[] missing  what bubblewrap has no equal for
function Plan:bwrap(beside)
  return require("moonsand.sandbox.bwrap").line(self, beside)
end

--- Put steps before or after a named one; as the option `steps` of a sandbox.
---@param hook moonsand.sandbox.Hook
---@return moonsand.sandbox.Plan self
function Plan:insert(hook)
  hooks.insert(self, hooks.check(hook))
  return self
end

return M
