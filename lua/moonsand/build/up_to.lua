--- `--until TASK`: of every recipe that targets need, the tasks up to one (bitbake --runall).
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"

local M = {}

local function has_task(recipe, name)
  for _, task in ipairs(recipe.tasks) do
    if task.name == name then return true end
  end
  return false
end

-- The task in recipes that were not seen before.
local function add(list, seen, nodes, task)
  for _, node in ipairs(nodes) do
    local recipe = node.recipe
    if not seen[recipe] and has_task(recipe, task) then
      list[#list + 1] = {recipe = recipe, task = task}
    end
    seen[recipe] = true
  end
end

--- Like `tasks:plan(targets)`. What the task itself needs may bring in more recipes, whose task
--- counts, too.
---@param tasks moonsand.build.Graph
---@param targets string[]
---@param name string   "fetch"
---@return moonsand.build.Node[] order
---@return moonsand.build.Node[] wanted
function M.plan(tasks, targets, name)
  local _, task = graph.target("x:" .. name)
  local nodes, wanted = tasks:plan(targets)
  local list, seen = {}, {}
  repeat
    local before = #list
    add(list, seen, nodes, task)
    if #list == 0 then
      fault.throw("usage", ("no recipe of this build has the task '%s'"):format(graph.short(task)),
        {hint = "moonsand tasks " .. (graph.target(targets[1] or ""))})
    end
    if #list > before then nodes, wanted = tasks:plan(targets, list) end
  until #list == before
  return nodes, wanted
end

return M
