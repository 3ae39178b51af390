--- The variables of a task: a datastore of its own, for the task's name is an override. It is made
--- when somebody asks, and let go of while the task waits and when it is done: there may be
--- thousands of tasks.
local recipe = require "moonsand.recipe"

local M = {}

--- The datastore of a task.
---@param node moonsand.build.Node
---@return moonsand.recipe.Data
function M.of(node)
  local d = node.data
  if not d then
    d = recipe.task_data(node.recipe.data, node.task)
    node.data = d
  end
  return d
end

--- Let go of it; whoever asks gets another one, that says the same.
---@param node moonsand.build.Node
function M.release(node)
  node.data = nil
end

return M
