--- What belongs to the result of a task: enough for another store to have it as a hit, and to go on
--- from it with the recipe's later tasks.
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

local function add_records(list, node)
  local action = node.record.action
  for _, record in ipairs {{"action", action}, {"intent", node.intent}, {"log", action},
    {"log", "signature." .. action}, {"log", "why." .. action}} do
    list[#list + 1] = {kind = record[1], key = record[2]}
  end
end

local function add_trees(list, node, prefix)
  for name, digest in order.sorted(node.record.trees) do
    list[#list + 1] = {name = prefix .. name, digest = digest}
  end
end

-- The tasks before it whose results are there, in their order: it ran over their layers.
local function below(node)
  local list = {}
  for _, other in ipairs(node.before) do
    local found = other.record
    if found and found.layer and not found.alone then list[#list + 1] = other end
  end
  return list
end

--- The closure of a resolved node that has a result.
---@param node moonsand.build.Node
---@return moonsand.Closure
function M.of(node)
  if not node.record then
    fault.throw("usage", ("'%s' has no result yet"):format(node.name),
      {hint = "moonsand build " .. node.name})
  end
  local closure = {task = node.name, trees = {}, layers = {}, records = {}}
  add_trees(closure.trees, node, "")
  for _, other in ipairs(below(node)) do
    add_trees(closure.trees, other, other.task .. "-")
    table.insert(closure.layers, other.record.layer)
    add_records(closure.records, other)
  end
  if not node.record.alone then table.insert(closure.layers, node.record.layer) end
  add_records(closure.records, node)
  return closure
end

--- Every digest of a closure, to pin it.
---@param closure moonsand.Closure
---@return string[]
function M.digests(closure)
  local list = table.move(closure.layers, 1, #closure.layers, 1, {})
  for _, tree in ipairs(closure.trees) do list[#list + 1] = tree.digest end
  return list
end

return M
