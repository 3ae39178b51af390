--- Publish: a finished directory becomes part of the store by one rename, or not at all.
--- The order is: content, manifest and meta are written; with sync "each" they are on the disk;
--- then the rename. A place that exists is complete; there is no mark that could say otherwise.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local layout = require "moonsand.layer.layout"
local seal = require "moonsand.layer.seal"
local share = require "moonsand.layer.share"
local verity = require "moonsand.layer.verity"

local M = {}

-- "key value" lines, sealed for a place.
local function meta_text(store, place, meta)
  local lines = {}
  for _, key in ipairs {"kind", "name", "files", "bytes", "published", "boot", "durable", "verity",
    "over"} do
    if meta[key] ~= nil then
      lines[#lines + 1] = key .. " " .. tostring(meta[key]):gsub("\n", " ") .. "\n"
    end
  end
  return seal.close(store, place .. "/meta", table.concat(lines))
end

--- The meta file of what was read back in full after a crash: no need to doubt it again.
---@param store string   path of the store
---@param place string
---@param kind "tree"|"layer"
---@param meta table
---@return string
function M.durable(store, place, kind, meta)
  meta.kind, meta.durable = kind, "yes"
  if meta.published == math.maxinteger then meta.published = 0 end
  return meta_text(store, place, meta)
end

--- What the file `meta` of a place says; nil when it is not whole.
---@param store string   path of the store
---@param place string
---@return table?
function M.read_meta(store, place)
  local text = seal.read(store, place .. "/meta")
  if not text then return nil end
  local meta = {}
  for key, value in text:gmatch("(%S+) ([^\n]*)\n") do meta[key] = value end
  meta.files, meta.bytes = math.tointeger(meta.files), math.tointeger(meta.bytes)
  meta.published = math.tointeger(meta.published)
  local whole = meta.kind and meta.files and meta.bytes and meta.published and meta.boot
  return whole and meta or nil
end

local function move(store, from, place, digest)
  local _ <close> = store:hold()
  store.lease:add(digest)
  local ok, err, errno = core.rename(from, place, "noreplace")
  if ok then
    M.sync_names(store, place)
    return true
  end
  if errno == disk.EEXIST or errno == disk.ENOTEMPTY then return false end -- somebody was faster
  disk.must("publish", ok, err, errno)
end

-- With its mode from the first moment on: others use it as soon as it is there.
local function make_shared(store, shard)
  local scratch <close> = store:scratch()
  local new = scratch.path .. "/shard"
  disk.must("make", core.mkdir(new))
  share.directory(store.share, new)
  local ok, err, errno = core.rename(new, shard, "noreplace")
  if not ok and errno ~= disk.EEXIST then disk.must("make", ok, err, errno) end
end

--- Make the directory that a place lies in; with sync "each" its name is on the disk after it.
---@param store moonsand.Store
---@param place string
function M.make_shard(store, place)
  local shard = place:match("^(.*)/")
  if disk.exists(shard) then return end
  local parent, own = shard:match("^(.*)/"), shard:find("/layers/%d+/%x%x$")
  if own then disk.must("make", core.mkdirs(parent)) end
  if not store.share or own then
    disk.must("make", core.mkdirs(shard))
  else
    make_shared(store, shard)
  end
  M.sync_names(store, shard)
end

--- With sync "each": the name of a path is on the disk.
---@param store moonsand.Store
---@param path string
function M.sync_names(store, path)
  if store.sync_mode == "each" then disk.must("sync", core.fsync((path:match("^(.*)/")))) end
end

---@class moonsand.Parcel
---@field kind "tree"|"layer"
---@field digest string
---@field content string   the directory that becomes `t`; on the store's file system
---@field manifest string
---@field files integer
---@field bytes integer
---@field name? string     who made it, for people
---@field over? string     digests

local function pack(store, parcel, folder, place)
  disk.must("prepare", core.remove_tree(folder))
  disk.must("prepare", core.mkdir(folder, 493)) -- 0755
  -- It was hashed just now, and nobody writes to it any more.
  local protected = verity.is_on(store.path) and verity.protect(parcel.content) or nil
  disk.write(folder .. "/manifest", parcel.manifest)
  disk.write(folder .. "/meta", meta_text(store.path, place, {kind = parcel.kind,
    name = parcel.name, files = parcel.files, bytes = parcel.bytes, over = parcel.over,
    published = core.time_ns(), boot = store.boot,
    durable = store.sync_mode == "each" and "yes" or nil, verity = protected}))
  if parcel.kind == "layer" then return end
  share.directory(store.share, folder)
  share.file(store.share, folder .. "/manifest")
  share.file(store.share, folder .. "/meta", true)
end

--- Publish a parcel out of a scratch directory. When another process has published the same
--- meanwhile, ours is dropped with the scratch.
---@param store moonsand.Store
---@param scratch moonsand.Scratch
---@param parcel moonsand.Parcel
---@return boolean ours
function M.run(store, scratch, parcel)
  local folder = scratch.path .. "/publish"
  local place = layout.place(store.path, parcel.kind, parcel.digest)
  pack(store, parcel, folder, place)
  M.make_shard(store, place)
  disk.must("publish", core.rename(parcel.content, folder .. "/t"))
  if store.sync_mode == "each" then disk.must("sync", core.syncfs(folder)) end
  local ours = move(store, folder, place, parcel.digest)
  if ours then store:published() end
  return ours
end

return M
