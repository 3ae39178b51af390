--- Records: small texts by key, each replaced in one step and sealed with its own name.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local layout = require "moonsand.layer.layout"
local publish = require "moonsand.layer.publish"
local seal = require "moonsand.layer.seal"
local share = require "moonsand.layer.share"

local M = {}

--- Replace a small file in one step; durable: even after a crash of the machine it is the old or
--- the new text that is there. digest: kept as the attribute of a file that is not sealed.
---@param store moonsand.Store
---@param path string
---@param text string
---@param durable? boolean
---@param digest? string
function M.replace(store, path, text, durable, digest)
  if not store.private then store.private = store:scratch() end
  local new = store.private.path .. "/record"
  disk.write(new, text)
  if digest then disk.must("mark", core.set_xattr(new, layout.DIGEST, digest)) end
  share.file(store.share, new)
  if durable or store.sync_mode == "each" then disk.must("sync", core.fsync(new)) end
  local _ <close> = store:hold() -- a collection does not remove the new text for what the old said
  disk.must("replace", core.rename(new, path))
end

--- See Store:put_record.
---@param store moonsand.Store
---@param kind "action"|"intent"|"log"
---@param key string
---@param text string
---@return string path
function M.put(store, kind, key, text)
  local path = layout.record(store.path, kind, key)
  publish.make_shard(store, path)
  -- A log is for people's tools, so its digest is an attribute; the others begin with theirs.
  local digest = kind == "log" and core.sha256(text) or nil
  M.replace(store, path, digest and text or seal.close(store.path, path, text), false, digest)
  publish.sync_names(store, path)
  return path
end

--- See Store:record.
---@param store moonsand.Store
---@param kind "action"|"intent"|"log"
---@param key string
---@return string?
function M.get(store, kind, key)
  local path = layout.record(store.path, kind, key)
  if kind == "log" then return disk.read(path) end
  return (seal.read(store.path, path))
end

--- The digests that a record needs: without them it leads nowhere. What a line that begins with
--- "over " or "hook " names is only told: a result can be used without the layers it was made over;
--- and one that has trees ("tree ...") without its own ("layer ...").
---@param text string
---@return string[]
function M.needs(text)
  local list = {}
  text = ("\n" .. text):gsub("\nover [^\n]*", ""):gsub("\nhook [^\n]*", "")
  if text:find("\ntree ") then text = text:gsub("\nlayer [^\n]*", "") end
  for word in text:gmatch("%f[%x]%x+") do
    if #word == 64 then list[#list + 1] = word end
  end
  return list
end

return M
