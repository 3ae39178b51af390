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

-- What was made over its root, with the record by which it is found: who has the layers of the root
-- need not make it again.
local function add_hooks(closure, node, store, seen)
  for _, hooked in ipairs(node.record.hooks or {}) do
    local digest = hooked.digest
    if not seen[digest] and store:layer(digest) then
      seen[digest] = true
      table.insert(closure.hooks, digest)
      table.insert(closure.records, {kind = "intent", key = hooked.key})
    end
  end
end

--- The closure of a resolved node that has a result.
---@param node moonsand.build.Node
---@param store moonsand.Store
---@return moonsand.Closure
function M.of(node, store)
  if not node.record then
    fault.throw("usage", ("'%s' has no result yet"):format(node.name),
      {hint = "moonsand build " .. node.name})
  end
  local closure = {task = node.name, trees = {}, layers = {}, hooks = {}, records = {}}
  local seen = {} -- layers of hooks
  add_trees(closure.trees, node, "")
  for _, other in ipairs(below(node)) do
    add_trees(closure.trees, other, other.task .. "-")
    table.insert(closure.layers, other.record.layer)
    add_records(closure.records, other)
    add_hooks(closure, other, store, seen)
  end
  if not node.record.alone then table.insert(closure.layers, node.record.layer) end
  add_records(closure.records, node)
  add_hooks(closure, node, store, seen)
  return closure
end

--- Every digest of a closure, to pin it.
---@param closure moonsand.Closure
---@return string[]
function M.digests(closure)
  local list = table.move(closure.layers, 1, #closure.layers, 1, {})
  table.move(closure.hooks, 1, #closure.hooks, #list + 1, list)
  for _, tree in ipairs(closure.trees) do list[#list + 1] = tree.digest end
  return list
end

return M
