--- Is what lies in the store what it was when it was published?
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local freeze = require "moonsand.layer.freeze"
local layout = require "moonsand.layer.layout"
local tree = require "moonsand.layer.tree"

local M = {}

local compare = {}

function compare.tree(place, manifest, digest, level)
  local ok, node = pcall(directory.read_tree, manifest)
  if not ok and fault.is(node) then return {node.message} end
  if not ok then error(node, 0) end
  if node.digest ~= digest then return {"the manifest is not the one of this digest"} end
  if level == "manifest" then return {}, node end
  return tree.compare(place .. "/t", node, level == "full"), node
end

function compare.layer(place, manifest, digest, level)
  if core.sha256(manifest) ~= digest then return {"the manifest is not the one of this digest"} end
  if level == "manifest" then return {} end
  return freeze.compare(place .. "/t", manifest, level == "full")
end

--- Problems of one tree or work layer; an empty list when it is whole.
---@param place string
---@param kind "tree"|"layer"
---@param digest string
---@param level "manifest"|"sizes"|"full"
---@return string[] problems
---@return moonsand.Node? node  of a tree
function M.problems(place, kind, digest, level)
  local manifest = disk.read(place .. "/manifest")
  if not manifest then return {"the manifest is missing"} end
  if not disk.exists(place .. "/meta") then return {"the file 'meta' is missing"} end
  if not disk.exists(place .. "/t") then return {"the content is missing"} end
  local ok, result, node = pcall(compare[kind], place, manifest, digest, level)
  if ok then return result, node end
  if fault.is(result) then return {result.message} end -- an unreadable file is a finding, too
  error(result, 0)
end

--- Every place of a kind: digest, path.
---@param path string  of the store
---@param kind string
---@return {digest: string, place: string}[]
function M.places(path, kind)
  local out, folder = {}, path .. "/" .. layout.folder(kind)
  for _, shard in ipairs(disk.names(folder)) do
    for _, rest in ipairs(disk.names(folder .. "/" .. shard)) do
      out[#out + 1] = {digest = shard .. rest, place = ("%s/%s/%s"):format(folder, shard, rest)}
    end
  end
  return out
end

---@class moonsand.Finding
---@field kind "tree"|"layer"
---@field digest string
---@field path string
---@field problems string[]

--- Check everything. A bad one goes to the quarantine with `repair`: it is then simply not there.
---@param store moonsand.Store
---@param options? {full?: boolean, repair?: boolean}  full: read and hash every file
---@return moonsand.Finding[] findings
---@return integer checked
function M.run(store, options)
  options = options or {}
  local findings, checked = {}, 0
  for _, kind in ipairs(layout.kinds) do
    for _, item in ipairs(M.places(store.path, kind)) do
      checked = checked + 1
      local problems = M.problems(item.place, kind, item.digest, options.full and "full" or "sizes")
      -- What a collection took away meanwhile is no finding.
      if #problems > 0 and disk.exists(item.place) then
        findings[#findings + 1] = {kind = kind, digest = item.digest, path = item.place,
          problems = problems}
        if options.repair then store:quarantine(kind, item.digest) end
      end
    end
  end
  return findings, checked
end

return M
