--- What a task did: the files that it changed, what its last result has that the one before had
--- not, and how the two were made from other things.
local changes = require "moonsand.layer.changes"
local compare = require "moonsand.layer.compare"
local decide = require "moonsand.build.decide"
local execute = require "moonsand.build.execute"
local explain = require "moonsand.build.explain"
local fault = require "moonsand.fault"
local kept = require "moonsand.build.kept"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

local function layer(store, digest)
  local found, why = store:layer(digest)
  if found then return found.path end
  fault.throw("layer", ("the work layer %s is gone from the store%s"):format(digest:sub(1, 12),
    why and ": " .. why or ""), {hint = "build again"})
end

local function not_run(node)
  fault.throw("usage", ("'%s' has no result, and has not failed"):format(node.name),
    {hint = "moonsand build " .. node.name})
end

--- What a task changed in /work: as it ended, or as it stopped when it failed last.
---@param build moonsand.build.Builder
---@param node moonsand.build.Node   resolved
---@return moonsand.Change[]
function M.changed(build, node)
  local store = build.store
  local left = not node.record and store:kept(node.name)
  local setting = left and kept.decode(read(left.path .. "/failure")) or node.record
  if not setting then not_run(node) end
  local over = {}
  for i, digest in ipairs(setting.over) do over[i] = layer(store, digest) end
  if left then return changes.list(left.upper, over) end
  if not node.record.layer then
    fault.throw("usage", ("'%s' writes nothing to /work"):format(node.name),
      {hint = ("moonsand diff %s --results   compares what it made"):format(node.name)})
  end
  return changes.list(layer(store, node.record.layer), over)
end

-- The result before the last run, and that of the last run; nil and nil when one is not known.
local function two_results(build, node)
  local decision = explain.find(build.directory, node.name)
  if not decision or not decision.old then return nil, nil, decision end
  return decide.known(build.store, decision.old), decide.known(build.store, decision.new), decision
end

-- Where what a result holds can be read: what the task wrote, or the trees that were taken.
local function parts(store, record)
  if record.layer then return {{name = "", paths = {layer(store, record.layer)}}} end
  local list = {}
  for name, digest in order.sorted(record.trees) do
    local tree = store:tree(digest)
    if not tree then
      fault.throw("layer", ("the tree %s is gone from the store"):format(digest:sub(1, 12)),
        {hint = "build again"})
    end
    list[#list + 1] = {name = "/" .. name, paths = {tree.path}}
  end
  return list
end

--- What the last result of a task has that the one before had not, and the other way round.
---@param build moonsand.build.Builder
---@param node moonsand.build.Node   resolved
---@return moonsand.Comparison[]
---@return moonsand.build.Decision
function M.results(build, node)
  local old, new, decision = two_results(build, node)
  if not old or not new then
    fault.throw("usage", ("there are no two results of '%s' to compare"):format(node.name),
      {hint = ("the one before is gone, or there was none: moonsand why %s"):format(node.name)})
  end
  local list, before = {}, parts(build.store, old)
  for i, part in ipairs(parts(build.store, new)) do
    local other = before[i] and before[i].paths or {}
    for _, one in ipairs(compare.list(other, part.paths)) do
      one.path = part.name .. one.path
      list[#list + 1] = one
    end
  end
  return list, decision
end

--- What the last run of a task was made from that the result before was not; every entry with both
--- values. nil when it was the first.
---@param build moonsand.build.Builder
---@param node moonsand.build.Node
---@return moonsand.build.Decision?
function M.signatures(build, node)
  local decision = decide.decode(read(execute.path(build.directory, node, "why")))
  return decision and decision.old and decision or nil
end

return M
