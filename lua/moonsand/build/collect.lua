--- Takes trees out of what the tasks of a recipe left in /work: the image that do_install made, and
--- the part of it that other recipes see in their sysroot.
local resolve = require "moonsand.build.resolve"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

-- /work/outputs -> outputs: a path of the stack.
local function below_work(path)
  return path:match "^/work/(.+)$" or path
end

local function stack_of(store, digests)
  local list = {}
  for i, digest in ipairs(digests) do list[i] = assert(store:layer(digest)) end
  return list
end

local take = {}

--- Everything below ${D}.
function take.outputs(store, node, digests, threads)
  return store:tree_from({
    stack = stack_of(store, digests), path = below_work(variables.of(node):get "D"),
  }, {name = node.name, missing = "empty", threads = threads})
end

-- The image may be there already: do_install's own tree.
local function image(store, node, digests, path, threads)
  if path == variables.of(node):get "D" then
    for i = #node.before, 1, -1 do
      local digest = node.before[i].record.trees.outputs
      local tree = digest and store:tree(digest)
      if tree then return tree end
    end
  end
  return store:tree_from({stack = stack_of(store, digests), path = below_work(path)},
    {name = node.name, missing = "empty", threads = threads})
end

--- The directories of SYSROOT_DIRS below SYSROOT_SOURCE, without SYSROOT_DIRS_IGNORE.
function take.sysroot(store, node, digests, threads)
  local d = variables.of(node)
  local whole = image(store, node, digests, d:get "SYSROOT_SOURCE" or d:get "D",
    threads)
  return store:collect(whole, {
    directories = words(d:get "SYSROOT_DIRS"), ignore = words(d:get "SYSROOT_DIRS_IGNORE"),
    name = node.name,
  })
end

--- The trees that the flag [collect] of a task names, out of the stack that it leaves.
---@param store moonsand.Store
---@param node moonsand.build.Node
---@param top? moonsand.Layer   the layer that the task itself froze
---@param threads? integer   to hash with; one unless given
---@return table<string, string> trees   name -> digest
function M.run(store, node, top, threads)
  local digests, trees = assert(resolve.over(node)), {}
  if top then table.insert(digests, 1, top.digest) end
  for _, name in ipairs(words(variables.of(node):flag(node.task, "collect"))) do
    assert(take[name], "unknown tree")
    trees[name] = take[name](store, node, digests, threads or 1).digest
  end
  return trees
end

return M
