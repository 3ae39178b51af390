--- Staging: given the trees of a task's dependencies, which stack makes the sysroot, in which
--- order, and is any path claimed twice with different content?
local conflict = require "moonsand.layer.conflict"
local directory = require "moonsand.layer.directory"
local fault = require "moonsand.fault"
local merge = require "moonsand.layer.merge"
local order = require "moonsand.order"
local pairs_known = require "moonsand.layer.pairs"

local M = {}

---@class moonsand.StagingItem
---@field tree moonsand.Layer
---@field recipe string    who brings it, for messages and for `allow`
---@field subtree? string  only what lies below this directory of the tree

---@class moonsand.StagingOptions
---@field allow? table<string, string>  path, or "directory/", -> the recipe that wins there
---@field hint? string  the next step for a conflict, in the words of whoever asks

local item_fields = {tree = true, recipe = true, subtree = true}
local option_fields = {allow = true, hint = true}

local function check(table, known, what)
  for name in pairs(table) do
    if not known[name] then error(("unknown %s '%s'"):format(what, tostring(name)), 4) end
  end
end

-- The same tree from two recipes is one layer.
local function prepare(list)
  local items, known = {}, {}
  for _, given in ipairs(list) do
    check(given, item_fields, "field")
    local subtree = (given.subtree or ""):gsub("^/+", ""):gsub("/+$", "")
    local key = given.tree.digest .. "/" .. subtree
    local item = known[key]
    if not item then
      item = {tree = given.tree, recipe = given.recipe, recipes = {}, subtree = subtree, key = key}
      known[key], items[#items + 1] = item, item
    end
    item.recipes[given.recipe] = true
  end
  return items
end

local function read(item)
  local node = directory.find(item.tree:node(), item.subtree)
  if not node then
    fault.throw("layer", ("the tree of '%s' has no directory '%s'")
      :format(item.recipe, item.subtree))
  end
  return node
end

local function throw(conflicts, options)
  local one = conflicts[1]
  local text = ("'%s' and '%s' both bring '/%s': %s")
    :format(one.first, one.second, one.path, one.why)
  if #conflicts > 1 then text = ("%s (and %d more paths)"):format(text, #conflicts - 1) end
  fault.throw("layer", text, {conflicts = conflicts,
    hint = options.hint
      or ("say which one wins '/%s', or depend on one of them only"):format(one.path)})
end

-- Stable: the first item that nothing unplaced must lie above.
local function sort(items, wins)
  local above = {}
  for _, win in ipairs(wins) do
    above[win.below] = above[win.below] or {}
    above[win.below][win.above] = true
  end
  local function next_free(left)
    for i, item in ipairs(left) do
      local free = true
      for _, other in ipairs(left) do
        free = free and not (above[item] and above[item][other])
      end
      if free then return table.remove(left, i) end
    end
    fault.throw("layer", ("'%s' and '%s' each win over the other on some path")
      :format(left[1].recipe, left[2].recipe), {hint = "let one of them win everywhere"})
  end
  local left, out = table.move(items, 1, #items, 1, {}), {}
  while #left > 0 do out[#out + 1] = next_free(left) end
  return out
end

-- The answer for a set of trees does not change; one store remembers it for one process.
local function cache_of(items, options)
  local store = items[1] and items[1].tree.store
  if not store then return {}, "" end
  store.staged = store.staged or {}
  local keys = {}
  for i, item in ipairs(items) do keys[i] = item.key end
  for path, recipe in order.sorted(options.allow or {}) do
    keys[#keys + 1] = path .. "\0" .. recipe
  end
  return store.staged, table.concat(keys, "\n")
end

local function arrange(items, options)
  local allow, keys = {}, {}
  local store = items[1] and items[1].tree.store
  local known = store and store.pairs or pairs_known.new()
  for i, item in ipairs(items) do item.node, keys[i] = read(item), item.key end
  for path, recipe in pairs(options.allow or {}) do allow[path:gsub("^/+", "")] = recipe end
  local conflicts, wins = conflict.find(items, allow, function(a, b)
    return known:agree(a.key, b.key)
  end)
  if #conflicts > 0 then throw(conflicts, options) end
  if #wins > 0 then return sort(items, wins) end
  known:add(keys)
  if store then store.pairs = known end
  return items
end

-- Directories to mount, no more than overlay takes.
local function lowers(items)
  local list = {}
  for i, item in ipairs(items) do
    list[i] = {path = item.tree.path .. (item.subtree ~= "" and "/" .. item.subtree or ""),
      node = item.node}
  end
  local store, paths = items[1] and items[1].tree.store, {}
  if store then list = merge.shallow_trees(store, list) end
  for i, item in ipairs(list) do paths[i] = item.path end
  return paths
end

--- The lowers of a sysroot, first wins; at least two, because a read-only overlay needs them: the
--- store's empty directories fill up. More trees than overlay takes are joined to fewer. A path
--- with two contents is a fault that names both recipes.
---@param list moonsand.StagingItem[]
---@param options? moonsand.StagingOptions
---@param store? moonsand.Store  for the empty directories, when the list is empty
---@return string[] lower
function M.run(list, options, store)
  options = options or {}
  check(options, option_fields, "option")
  local items = prepare(list)
  local cache, key = cache_of(items, options)
  local lower = cache[key]
  if not lower then
    lower = lowers(arrange(items, options))
    cache[key] = lower
  end
  lower = table.move(lower, 1, #lower, 1, {})
  store = store or items[1] and items[1].tree.store
  if #lower < 2 then
    local a, b = assert(store, "an empty list needs the store"):empty()
    lower[#lower + 1] = a
    if #lower < 2 then lower[2] = b end
  end
  return lower
end

return M
