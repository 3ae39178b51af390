--- Small files say whether they are whole: the first line is the SHA-256 of the rest.
local core = require "moonsand.core"

local M = {}

--- The text with its digest before it.
---@param text string
---@return string
function M.close(text)
  return core.sha256(text) .. "\n" .. text
end

--- What `close` was given; nil when there is none, or not one byte is as it was written.
---@param text? string
---@return string?
function M.open(text)
  if not text or text:sub(65, 65) ~= "\n" then return nil end
  local body = text:sub(66)
  if core.sha256(body) ~= text:sub(1, 64) then return nil end
  return body
end

return M
