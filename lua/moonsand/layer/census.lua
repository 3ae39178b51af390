--- What is in a store, without touching it: also for a store that can only be read.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local layout = require "moonsand.layer.layout"
local leases = require "moonsand.layer.lease"
local publish = require "moonsand.layer.publish"
local roots = require "moonsand.layer.roots"

local M = {}

-- A file costs its inode and half a block on top of its bytes.
local FILE_COST <const> = 2048

local function add_places(out, folder)
  for _, shard in ipairs(disk.names(folder)) do
    for _, rest in ipairs(disk.names(folder .. "/" .. shard)) do
      out[#out + 1] = {digest = shard .. rest, place = ("%s/%s/%s"):format(folder, shard, rest)}
    end
  end
  return out
end

--- The users who have work layers in a store.
---@param path string   of the store
---@return integer[]
function M.users(path)
  local list = {}
  for _, name in ipairs(disk.names(path .. "/layers")) do
    list[#list + 1] = math.tointeger(tonumber(name))
  end
  return list
end

--- Every place of a kind: digest, path. Of work layers: this user's, or root's of all users.
---@param path string  of the store
---@param kind string
---@return {digest: string, place: string}[]
function M.places(path, kind)
  if kind ~= "layer" then return add_places({}, path .. "/" .. layout.folder(kind)) end
  local out, uid = {}, core.uid()
  for _, user in ipairs(M.users(path)) do
    if user == uid or uid == 0 then add_places(out, layout.home(path, kind, user)) end
  end
  return out
end

---@class moonsand.CensusItem
---@field kind "tree"|"layer"
---@field digest string
---@field place string
---@field used_ns integer   when it was last used
---@field bytes integer     what it takes on the disk, about
---@field files integer
---@field over string       digests of the layers that a work layer was written over
---@field name? string      who made it

local function item_of(path, kind, found)
  local meta = publish.read_meta(path, found.place) or {files = 0, bytes = 0}
  local st = core.stat(found.place .. "/meta")
  return {kind = kind, digest = found.digest, place = found.place,
    used_ns = st and st.mtime_ns or 0, over = meta.over or "", name = meta.name,
    files = meta.files, bytes = meta.bytes + meta.files * FILE_COST}
end

--- All trees and work layers, the one that was not used for longest first.
---@param path string   of the store
---@return moonsand.CensusItem[]
---@return integer used   bytes of all, about
function M.items(path)
  local items, used = {}, 0
  for _, kind in ipairs(layout.kinds) do
    for _, found in ipairs(M.places(path, kind)) do
      local item = item_of(path, kind, found)
      items[#items + 1], used = item, used + item.bytes
    end
  end
  table.sort(items, function(a, b)
    if a.used_ns ~= b.used_ns then return a.used_ns < b.used_ns end
    return a.digest < b.digest
  end)
  return items, used
end

--- Files of records: kind, key as it is written in names, path.
---@param path string   of the store
---@param kind "action"|"intent"|"log"
---@return {key: string, path: string}[]
function M.records(path, kind)
  local out = {}
  for _, found in ipairs(M.places(path, kind)) do
    out[#out + 1] = {key = found.digest, path = found.place}
  end
  return out
end

--- All trees and work layers with who holds each.
---@param path string     of the store
---@param builds integer  how many of the last builds count
---@return moonsand.CensusItem[]   `held`: "in use", "pinned", "build" or nil
function M.list(path, builds)
  local held, items = roots.held(path, builds, leases.held(path)), M.items(path)
  for _, item in ipairs(items) do item.held = held[item.digest] end
  return items
end

-- Files and bytes below a path, links and directories without their own.
local function weigh(path)
  local st = core.stat(path)
  if not st then return 0, 0 end
  if st.type ~= "directory" then return 1, st.size or 0 end
  local files, bytes = 0, 0
  for _, name in ipairs(core.readdir(path) or {}) do
    local more, size = weigh(path .. "/" .. name)
    files, bytes = files + more, bytes + size
  end
  return files, bytes
end

---@class moonsand.CensusPart
---@field name string     "trees", "layers", "records", "logs", "kept", "scratch", "trash", ...
---@field count integer
---@field bytes integer

local folders = {{"records", "ac", "ik"}, {"logs", "logs"}, {"kept", "kept"}, {"scratch", "tmp"},
  {"trash", "trash"}, {"quarantine", "quarantine"}}

--- How much each part of a store takes.
---@param path string   of the store
---@return moonsand.CensusPart[] parts
---@return integer total   bytes
function M.size(path)
  local parts, total = {{name = "trees", count = 0, bytes = 0},
    {name = "layers", count = 0, bytes = 0}}, 0
  for _, item in ipairs((M.items(path))) do
    local part = parts[item.kind == "tree" and 1 or 2]
    part.count, part.bytes = part.count + 1, part.bytes + item.bytes
  end
  for _, names in ipairs(folders) do
    local part = {name = names[1], count = 0, bytes = 0}
    for i = 2, #names do
      local files, bytes = weigh(path .. "/" .. names[i])
      part.count, part.bytes = part.count + files, part.bytes + bytes
    end
    parts[#parts + 1] = part
  end
  for _, part in ipairs(parts) do total = total + part.bytes end
  return parts, total
end

return M
