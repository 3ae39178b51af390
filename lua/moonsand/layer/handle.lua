--- What a store hands out: a tree or a work layer that is held until the store is closed.
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"

local M = {}

---@class moonsand.Layer
---@field kind "tree"|"layer"
---@field digest string
---@field path string    usable as an overlay lower
---@field files integer
---@field bytes integer
---@field manifest string  path of the manifest
---@field name? string     who made it, for people
---@field store moonsand.Store
local Layer = {__name = "moonsand.Layer"}
Layer.__index = Layer

function Layer:__tostring()
  return ("%s %s (%d files)"):format(self.kind == "tree" and "tree" or "work layer",
    self.digest:sub(1, 12), self.files)
end

--- The bytes of the manifest: a Tree message, or a work layer's canonical text.
---@return string
function Layer:read_manifest()
  return (disk.must("read " .. self.manifest, disk.read(self.manifest), "the manifest is gone"))
end

--- A tree's root node (see directory.lua).
---@return moonsand.Node
function Layer:node()
  assert(self.kind == "tree", "only a tree has nodes")
  if not self.root then self.root = directory.read_tree(self:read_manifest()) end
  return self.root
end

--- Every path of a tree with type, digest, size, executable, target.
---@return moonsand.TreeEntry[]
function Layer:entries()
  return directory.entries(self:node())
end

--- A handle of what lies at a place of the store.
---@param fields table  all but `path` and `manifest`
---@param place string
---@return moonsand.Layer
function M.new(fields, place)
  fields.path, fields.manifest = place .. "/t", place .. "/manifest"
  return setmetatable(fields, Layer)
end

return M
