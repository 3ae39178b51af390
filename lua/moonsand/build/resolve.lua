--- What has to run: results that are known already, and what the request still needs once these
--- are taken. Nothing is mounted and nothing is run here.
local record = require "moonsand.build.record"

local M = {}

---@class moonsand.build.ResolveContext
---@field store moonsand.Store
---@field forced table<string, boolean>          names of tasks that run although a result is known
---@field fetched fun(node: moonsand.build.Node): boolean   are the sources of a recipe there?

-- Is what a record names still in the store? A result with trees can be used without its work
-- layer, which may be collected, or another user's; only nothing can be built upon it then.
local function present(store, found)
  for _, digest in pairs(found.trees) do
    if not store:tree(digest) then return false end
  end
  found.alone = found.layer ~= nil and not store:layer(found.layer)
  return not found.alone or next(found.trees) ~= nil
end

--- The result with this action key, if the store has it whole.
---@param store moonsand.Store
---@param key string
---@return moonsand.build.Record?
function M.action(store, key)
  local found = record.decode(store:record("action", key))
  return found and present(store, found) and found or nil
end

local function intent(store, key)
  local action = (store:record("intent", key) or ""):match "^(%x+)\n$"
  return action and M.action(store, action)
end

--- The digests of the layers that a task runs over, the newest first; nil when one is not known.
---@param node moonsand.build.Node
---@return string[]?
function M.over(node)
  local over = {}
  for i = #node.before, 1, -1 do
    local found = node.before[i].record
    if not found then return nil end
    over[#over + 1] = found.layer
  end
  return over
end

local function same(a, b)
  if not a or #a ~= #b then return false end
  for i, value in ipairs(a) do
    if b[i] ~= value then return false end
  end
  return true
end

-- A task that needs a forced one cannot go by its intent: what was forced may come out differently.
-- It is looked up by its action key when its turn comes.
local function is_stale(node, context)
  if context.forced[node.name] or node.fresh then return true end
  for _, edge in ipairs(node.needs) do
    if edge.node.stale then return true end
  end
  return false
end

-- Tasks of two configurations with the same intent are one: the later one takes the result of the
-- other. What is never the same has no twin.
local function find_twin(node, by)
  if node.stale or node.kind == "noexec" then return nil end
  local first = by[node.intent]
  by[node.intent] = first or node
  return first
end

-- `whole`: the result can be built upon, because it ran over exactly the layers that are there now.
local function look_up(order, context)
  local by = {}
  for _, node in ipairs(order) do
    node.stale = is_stale(node, context)
    node.twin = find_twin(node, by)
    if node.kind ~= "noexec" and not node.stale then
      node.record = intent(context.store, node.intent)
    end
    if node.record then
      node.whole = not node.record.alone and same(M.over(node), node.record.over)
      if node.kind == "fetch" then node.whole = context.fetched(node) end
    end
  end
end

local mark

local function mark_needs(node)
  for _, edge in ipairs(node.needs) do
    mark(edge.node, edge.node.recipe == node.recipe and node.kind ~= "noexec")
  end
  if node.kind == "noexec" then return end
  for _, other in ipairs(node.before) do mark(other, true) end
  for _, other in ipairs(node.sysroots) do mark(other, false) end
end

-- A task that has a result hides everything below it. `upon`: somebody builds upon its layers.
function mark(node, upon)
  node.needed = true
  if node.run then return end
  local done = node.record and (not upon or node.whole)
  if done then return end
  node.run = true
  node.record = nil
  if node.twin then return mark(node.twin, upon) end
  mark_needs(node)
end

--- Known results, and for each node of the plan: `run` (it has to), `record` (it is cached),
--- or neither (nobody needs it); `twin`: the node of another configuration that runs in its place.
--- Tasks without work run, to say that all below them is done.
---@param order moonsand.build.Node[]    with inputs and keys
---@param wanted moonsand.build.Node[]
---@param context moonsand.build.ResolveContext
---@param again? moonsand.build.Node[]   nodes that are run once more: all they see has to be there
function M.resolve(order, wanted, context, again)
  look_up(order, context)
  for _, node in ipairs(wanted) do mark(node, false) end
  for _, node in ipairs(again or {}) do
    mark(node, true)
    mark_needs(node)
  end
end

return M
