--- Stacks: which directories overlay puts on top of each other, and what one sees through them.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"

local M = {}

--- The kernel mounts no more lower directories than this.
M.LIMIT = 500

--- Refuse what no overlay can mount.
---@param count integer
function M.check_count(count)
  if count <= M.LIMIT then return end
  fault.throw("layer", ("%d layers in one stack: the kernel's overlay takes at most %d")
    :format(count, M.LIMIT), {hint = "layers of one store are joined when there are too many"})
end

--- Overlay lowers for a list of layers, first wins.
---@param layers {path: string}[]  work layers and trees
---@return {lower: string[], layers: table[]}
function M.new(layers)
  M.check_count(#layers)
  local lower = {}
  for i, layer in ipairs(layers) do lower[i] = layer.path end
  return {lower = lower, layers = layers}
end

local function marker(entry, name)
  local xattrs = entry.xattrs
  return xattrs and (xattrs["user.overlay." .. name] or xattrs["trusted.overlay." .. name])
end

--- Does the entry hide what lies below it and show nothing? The kernel writes a character device
--- 0:0; newer ones also an empty file with an xattr.
---@param entry table
---@return boolean
function M.is_whiteout(entry)
  if entry.type == "char" then return entry.rdev == 0 end
  return entry.type == "file" and entry.size == 0 and marker(entry, "whiteout") ~= nil
end

--- Does the directory hide the same directory of the layers below?
---@param listing table
---@return boolean
function M.is_opaque(listing)
  return marker(listing, "opaque") == "y"
end

---@class moonsand.View
---@field overlay boolean  are whiteouts and opaque marks understood (or plain files)?
local View = {__name = "moonsand.View"}
View.__index = View

function View:__close()
  for _, place in ipairs(self.top) do place.root:close() end
end

--- Look at directories through each other, first wins; close it.
---@param paths string[]
---@param overlay boolean
---@return moonsand.View
function M.view(paths, overlay)
  local self = setmetatable({top = {}, overlay = overlay}, View)
  for i, path in ipairs(paths) do
    local root, err, errno = core.open(path, "dir")
    if not root then
      self:__close()
      disk.must("open layer", nil, err, errno)
    end
    self.top[i] = {root = root, path = "."}
  end
  return self
end

local function below(place, name)
  if place.path == "." then return {root = place.root, path = name} end
  return {root = place.root, path = place.path .. "/" .. name}
end

-- One layer's entry meets what the layers above have at this name.
local function meet(view, seen, names, place, entry)
  local above = seen[entry.name]
  local directory = entry.type == "directory"
  if not above then
    names[#names + 1], seen[entry.name] = entry.name, entry
    entry.place, entry.merging = below(place, entry.name), directory
    entry.whiteout = view.overlay and M.is_whiteout(entry)
    if directory then entry.below = {entry.place} end
  elseif above.merging then
    above.merging = directory
    if directory then above.below[#above.below + 1] = below(place, entry.name) end
  end
end

--- The merged entries of a directory, in byte order. An entry has what `core.tree.list` says, and
--- `place` {root, path}; a directory also `below`, the places to list it from, and `merging`: may
--- what lies below all of them still be part of it?
---@param places {root: userdata, path: string}[]
---@param options? {hash?: boolean, threads?: integer, whiteouts?: boolean}  threads: to hash with;
---  whiteouts: list them, too
---@return table[] entries
---@return table own      mode, time and xattrs of the topmost directory
---@return boolean opaque does the merged directory hide what lies below?
function View:list(places, options)
  local seen, names, own, opaque = {}, {}, nil, false
  options = options or {}
  for _, place in ipairs(places) do
    local listing = disk.must("read layer",
      core.tree.list(place.root, place.path, {hash = options.hash, threads = options.threads}))
    own = own or listing
    for _, entry in ipairs(listing) do meet(self, seen, names, place, entry) end
    opaque = self.overlay and M.is_opaque(listing)
    if opaque then break end
  end
  local entries = {}
  for _, name in ipairs(core.tree.sorted(names)) do
    if options.whiteouts or not seen[name].whiteout then entries[#entries + 1] = seen[name] end
  end
  return entries, own, opaque
end

--- The places of a directory by its path, or nil when there is none.
---@param path string  "" and "." are the top
---@return table[]?
function View:resolve(path)
  local places = self.top
  for name in path:gmatch("[^/]+") do
    if name ~= "." then
      local found
      for _, entry in ipairs(self:list(places)) do
        if entry.name == name then found = entry end
      end
      if not found then return nil end
      if found.type ~= "directory" then
        fault.throw("layer", ("'%s' is a %s, not a directory"):format(path, found.type))
      end
      places = found.below
    end
  end
  return places
end

return M
