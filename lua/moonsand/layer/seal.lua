--- Small files say whether they are whole, and whether they are in their place: the first line is
--- the SHA-256 of their name in the store and of the rest.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"

local M = {}

local function digest(store, path, text)
  assert(path:sub(1, #store + 1) == store .. "/", "only files of the store are sealed")
  return core.sha256(path:sub(#store + 2) .. "\n" .. text)
end

--- The text with its digest before it.
---@param store string   path of the store
---@param path string    where the text will be
---@param text string
---@return string
function M.close(store, path, text)
  return digest(store, path, text) .. "\n" .. text
end

--- What `close` was given; nil when one byte is not as it was written, or it was for another path.
---@param store string
---@param path string
---@param text string
---@return string?
function M.open(store, path, text)
  if text:sub(65, 65) ~= "\n" then return nil end
  local body = text:sub(66)
  if digest(store, path, body) ~= text:sub(1, 64) then return nil end
  return body
end

--- The text of a sealed file; nil when there is none, or it is not whole.
---@param store string
---@param path string
---@return string? text
---@return boolean there  is there a file?
function M.read(store, path)
  local raw = disk.read(path)
  if not raw then return nil, false end
  return M.open(store, path, raw), true
end

return M
