--- Making: what a task wrote becomes a work layer; a directory, or what a stack shows, a tree.
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local freeze = require "moonsand.layer.freeze"
local layout = require "moonsand.layer.layout"
local publish = require "moonsand.layer.publish"
local stack = require "moonsand.layer.stack"
local tree = require "moonsand.layer.tree"
local use = require "moonsand.layer.use"

local M = {}

local function put(store, scratch, parcel)
  local there = use.find(store, parcel.kind, parcel.digest)
  if there then return there end
  publish.run(store, scratch, parcel)
  local layer, why = use.find(store, parcel.kind, parcel.digest)
  if layer then return layer end
  fault.throw("layer", ("the %s %s was damaged while it was published: %s")
    :format(parcel.kind, parcel.digest:sub(1, 12), why or "it is gone"),
    {hint = "check the disk: moonsand cache verify"})
end

--- A work layer of what lies at `content`, a directory on the store's file system.
---@param store moonsand.Store
---@param scratch moonsand.Scratch
---@param content string
---@param over string[]   digests of the layers it was written over
---@param name? string
---@param threads? integer   to hash with
---@return moonsand.Layer
function M.put_layer(store, scratch, content, over, name, threads)
  local scan = freeze.text(content, over, {grant = true, threads = threads})
  return put(store, scratch, {kind = "layer", digest = scan.digest, content = content,
    manifest = scan.text, files = scan.files, bytes = scan.bytes, name = name,
    over = #over > 0 and table.concat(over, " ") or nil})
end

--- A tree of a node whose files lie, normalised, at `content`.
---@param store moonsand.Store
---@param scratch moonsand.Scratch
---@param node moonsand.Node
---@param content string
---@param name? string
---@return moonsand.Layer
function M.put_tree(store, scratch, node, content, name)
  directory.seal(node)
  local files, bytes = directory.totals(node)
  return put(store, scratch, {kind = "tree", digest = node.digest, content = content,
    manifest = directory.tree_message(node), files = files, bytes = bytes, name = name})
end

--- See Store:freeze.
---@param store moonsand.Store
---@param scratch moonsand.Scratch
---@param options? {over?: (string|moonsand.Layer)[], name?: string, threads?: integer}
---@return moonsand.Layer
function M.freeze(store, scratch, options)
  options = options or {}
  local over = {}
  for i, layer in ipairs(options.over or {}) do
    over[i] = layout.check_digest(type(layer) == "table" and layer.digest or layer)
  end
  return M.put_layer(store, scratch, scratch.upper, over, options.name, options.threads)
end

-- The node of a directory of ours that was made a tree in place.
local function take_node(scratch, dir, threads)
  local root <close> = disk.must("open", core.open(dir, "dir"))
  return tree.take {root = root, path = dir, spare = scratch.path .. "/spare",
    time = tree.TIME, threads = threads}
end

--- Publish what was unpacked in the upper of a scratch, if it is what it is said to be.
---@param store moonsand.Store
---@param scratch moonsand.Scratch
---@param object {kind: "tree"|"layer", digest: string, over?: string[]}
---@param name string
---@return string? other   the digest that it has instead
function M.adopt(store, scratch, object, name)
  if object.kind == "layer" then
    local scan = freeze.text(scratch.upper, object.over)
    if scan.digest ~= object.digest then return scan.digest end
    M.put_layer(store, scratch, scratch.upper, object.over, name)
  else
    local node = directory.seal(take_node(scratch, scratch.upper))
    if node.digest ~= object.digest then return node.digest end
    M.put_tree(store, scratch, node, scratch.upper, name)
  end
end

local function take(store, dir, options)
  dir = disk.must("find", core.realpath(dir))
  if dir:sub(1, #store.path + 5) ~= store.path .. "/tmp/" then
    error("only a directory in one of the store's scratch directories can be taken", 4)
  end
  local scratch <close> = store:scratch()
  return M.put_tree(store, scratch, take_node(scratch, dir, options.threads), dir, options.name)
end

local function copy(store, view, path, options)
  local places = view:resolve(path)
  if not places and options.missing ~= "empty" then
    fault.throw("layer", ("there is no '%s' in the stack"):format(path),
      {hint = "nothing was written there"})
  end
  local job = {view = view, time = tree.TIME, threads = options.threads}
  -- Hashing costs far less than copying, and often the tree is there already.
  local node = places and tree.read(job, places, path) or directory.new()
  local there = use.find(store, "tree", directory.seal(node).digest)
  if there then return there end
  local scratch <close> = store:scratch()
  local to = scratch.path .. "/tree"
  disk.must("make", core.mkdir(to))
  if places then node = tree.read(job, places, path, to) end
  return M.put_tree(store, scratch, node, to, options.name)
end

local known = {name = true, take = true, missing = true, threads = true}

--- See Store:tree_from.
---@param store moonsand.Store
---@param source string|{stack: {path: string}[], path?: string}
---@param options? {name?: string, take?: boolean, missing?: "empty", threads?: integer}
---@return moonsand.Layer
function M.tree_from(store, source, options)
  options = options or {}
  for name in pairs(options) do
    if not known[name] then error(("unknown option '%s'"):format(tostring(name)), 3) end
  end
  if type(source) == "string" then
    if options.take then return take(store, source, options) end
    local view <close> = stack.view({source}, false)
    return copy(store, view, "", options)
  end
  local view <close> = stack.view(stack.new(source.stack).lower, true)
  return copy(store, view, source.path or "", options)
end

return M
