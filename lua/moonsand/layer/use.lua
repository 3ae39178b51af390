--- The first use of a tree or work layer by a process: held from now on, and looked at before it is
--- believed.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local handle = require "moonsand.layer.handle"
local layout = require "moonsand.layer.layout"
local publish = require "moonsand.layer.publish"
local share = require "moonsand.layer.share"
local trash = require "moonsand.layer.trash"
local verify = require "moonsand.layer.verify"

local M = {}

--- Put a bad tree or work layer aside: from now on it is not there. The next collection deletes it.
---@param store moonsand.Store
---@param kind "tree"|"layer"
---@param digest string
function M.quarantine(store, kind, digest)
  local _ <close> = store:hold()
  store.known[kind .. digest] = nil
  trash.quarantine(store.path, layout.place(store.path, kind, digest), kind .. "." .. digest)
end

-- Lease first, then look: a collection is either before both or after both.
local function claim(store, place, digest)
  local _ <close> = store:hold()
  if not disk.exists(place) then return nil end
  store.lease:add(digest)
  return publish.read_meta(store.path, place)
    or {files = 0, bytes = 0, published = math.maxinteger, boot = "?"}
end

-- After a crash, what was not known to be on the disk is not believed.
local function is_doubtful(store, meta)
  return meta.boot ~= store.boot and not meta.durable and meta.published > store.synced
end

local function check(store, kind, digest, meta, place)
  local doubtful = is_doubtful(store, meta)
  -- Who made it may still write in it, so a look of yesterday says nothing.
  local foreign = store.share and share.is_foreign(place .. "/t")
  local level = (doubtful or foreign) and "full" or store.check
  local problems, node = verify.problems(place, kind, digest, level)
  if #problems > 0 then
    M.quarantine(store, kind, digest)
    return problems[1]
  end
  if doubtful then
    store:replace(place .. "/meta", publish.durable(store.path, place, kind, meta))
  end
  return nil, node
end

--- What has this digest, held until the store is closed; nil when it is not there or not whole.
---@param store moonsand.Store
---@param kind "tree"|"layer"
---@param digest string
---@return moonsand.Layer?
---@return string? why
function M.find(store, kind, digest)
  if not store.lease then error("the store is closed", 3) end
  local known = store.known[kind .. digest]
  if known then return known end
  local place = layout.place(store.path, kind, digest)
  local meta = claim(store, place, digest)
  if not meta then return nil end
  local problem, node = check(store, kind, digest, meta, place)
  if problem then return nil, problem end
  core.touch(place .. "/meta") -- the clock of the collection
  local layer = handle.new({kind = kind, digest = digest, files = meta.files, bytes = meta.bytes,
    name = meta.name, root = node, store = store}, place)
  store.known[kind .. digest] = layer
  return layer
end

return M
