--- Merge: a stack that is deeper than overlay takes becomes a shallower one. Its lowest layers, a
--- few hundred at a time, are joined to one that shows the same; files are hard links, so it costs
--- a link a file, once. What was joined is an ordinary thing of the store: named by its digest,
--- held while it is used, collected like the rest.
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local link = require "moonsand.layer.link"
local make = require "moonsand.layer.make"
local pace = require "moonsand.layer.pace"
local stack = require "moonsand.layer.stack"
local use = require "moonsand.layer.use"

local M = {}

--- How many layers are joined to one: each is open while they are.
M.CHUNK = 250

-- Join from the bottom until the list is short enough, so that a stack which grows at its top finds
-- again what was joined before.
local function shorten(list, join)
  local top, bottom = table.move(list, 1, #list, 1, {}), {}
  while #top + #bottom > stack.LIMIT and #top > 1 do
    local first = math.max(1, #top - M.CHUNK + 1)
    local part = table.move(top, first, #top, 1, {})
    table.insert(bottom, 1, join(part, table.move(list, #top + 1, #list, 1, {})))
    for i = #top, first, -1 do top[i] = nil end
  end
  return table.move(bottom, 1, #bottom, #top + 1, top)
end

local merge_nodes

-- What the parts show at one name: the first wins, and directories are merged until something else
-- is in the way.
local function meet(found, kind, entry, from)
  local above = found[entry.name]
  if not above then
    found[entry.name] = {kind = kind, entry = entry, parts = {{node = entry.node, path = from}},
      open = kind == "directories"}
    found[#found + 1] = entry.name
  elseif kind == "directories" and above.open then
    above.parts[#above.parts + 1] = {node = entry.node, path = from}
  elseif above.open then
    above.open = false
  end
end

local function add(node, found)
  local entry, parts = found.entry, found.parts
  local list = node[found.kind]
  if found.kind == "files" then
    list[#list + 1] = {name = entry.name, digest = entry.digest, size = entry.size,
      executable = entry.executable, from = parts[1].path}
  elseif found.kind == "symlinks" then
    list[#list + 1] = entry
  elseif #parts == 1 then
    list[#list + 1] = {name = entry.name, node = entry.node, from = parts[1].path}
  else
    list[#list + 1] = {name = entry.name, node = merge_nodes(parts)}
  end
end

-- One node that shows what the parts show, first wins; its entries know where they lie.
function merge_nodes(parts)
  local found, node = {}, directory.new()
  for _, part in ipairs(parts) do
    for _, kind in ipairs {"files", "symlinks", "directories"} do
      for _, entry in ipairs(part.node[kind]) do
        meet(found, kind, entry, part.path .. "/" .. entry.name)
      end
    end
  end
  for _, name in ipairs(core.tree.sorted(found)) do add(node, found[name]) end
  return node
end

--- One tree that shows what some show together, first wins.
---@param store moonsand.Store
---@param parts {node: moonsand.Node, path: string}[]
---@return moonsand.Layer
function M.trees(store, parts)
  local node = directory.seal(merge_nodes(parts))
  local there = use.find(store, "tree", node.digest)
  if there then return there end
  local scratch <close> = store:scratch()
  local to = scratch.path .. "/tree"
  disk.must("make", core.mkdir(to))
  link.build({}, node, "", to)
  return make.put_tree(store, scratch, node, to, ("%d trees joined"):format(#parts))
end

--- Trees, or directories of them, as few enough for one overlay.
---@param store moonsand.Store
---@param list {node: moonsand.Node, path: string}[]
---@return {path: string}[]
function M.shallow_trees(store, list)
  return shorten(list, function(part)
    return {path = M.trees(store, part).path}
  end)
end

local OPAQUE <const> = "user.overlay.opaque"

local function place_path(place)
  return ("/proc/self/fd/%d/%s"):format(place.root:number(), place.path)
end

local fill

local function put(job, entry, to)
  if entry.type == "directory" then
    disk.must("make", core.mkdir(to))
    fill(job, entry.below, to, not entry.merging)
  elseif entry.type == "symlink" then
    disk.must("link", core.symlink(entry.target, to))
    disk.must("link", core.touch(to, entry.mtime_ns))
  else
    link.file(place_path(entry.place), to, entry.mode, entry.mtime_ns)
  end
end

-- A directory with what the places show in it; whiteouts stay, for they hide what is below all of
-- them. `covered`: something that is no directory lay between these places and what is below.
function fill(job, places, to, covered)
  pace.step(job)
  local entries, own, opaque = job.view:list(places, {whiteouts = not job.takes})
  for i, entry in ipairs(entries) do
    if not job.takes or entry.type == "directory" or job.takes(i, #entries) then
      put(job, entry, to .. "/" .. entry.name)
    end
  end
  for name, value in pairs(own.xattrs or {}) do
    if name:find("^user%.") and not name:find("^user%.overlay%.") then
      disk.must("copy attribute", core.set_xattr(to, name, value))
    end
  end
  if (opaque or covered) and not job.takes then
    disk.must("mark", core.set_xattr(to, OPAQUE, "y"))
  end
  disk.must("set mode", core.chmod(to, own.mode))
  disk.must("set time", core.touch(to, own.mtime_ns))
end

--- What some work layers show, in two new directories to be mounted one over the other: overlay
--- lists the names of the lower one first, so they come in another order.
---@param layers {path: string}[]   first wins
---@param upper string   a path: the first half of each directory's names
---@param lower string   the second half
function M.apart(layers, upper, lower)
  local paths = {}
  for i, layer in ipairs(layers) do paths[i] = layer.path end
  local view <close> = stack.view(paths, true)
  for _, half in ipairs {
    {to = upper, takes = function(i, count) return 2 * i <= count end},
    {to = lower, takes = function(i, count) return 2 * i > count end},
  } do
    disk.must("make", core.mkdir(half.to))
    fill({view = view, takes = half.takes}, view.top, half.to)
  end
end

local function digests(layers)
  local list = {}
  for i, layer in ipairs(layers) do list[i] = layer.digest end
  return list
end

--- One work layer that shows what some show together over those below them.
---@param store moonsand.Store
---@param layers moonsand.Layer[]   first wins
---@param below moonsand.Layer[]
---@return moonsand.Layer
function M.layers(store, layers, below)
  local key = "joined." .. core.sha256(table.concat(digests(layers), "\n"))
  local known = store:record("intent", key)
  local there = known and use.find(store, "layer", known:match("^%x+"))
  if there then return there end
  local paths = {}
  for i, layer in ipairs(layers) do paths[i] = layer.path end
  local scratch <close> = store:scratch()
  do
    local view <close> = stack.view(paths, true)
    fill({view = view}, view.top, scratch.upper)
  end
  local joined = make.put_layer(store, scratch, scratch.upper, digests(below),
    ("%d work layers joined"):format(#layers))
  store:put_record("intent", key, joined.digest .. "\n")
  return joined
end

--- Work layers and trees of one store as a stack that overlay takes.
---@param layers moonsand.Layer[]   first wins
---@return {lower: string[], layers: moonsand.Layer[]}
function M.stack(layers)
  local store = layers[1] and layers[1].store
  if #layers > stack.LIMIT and store then
    layers = shorten(layers, function(part, below) return M.layers(store, part, below) end)
  end
  return stack.new(layers)
end

return M
