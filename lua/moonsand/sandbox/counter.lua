--- Numbers in the small files of the kernel.
local read = require("moonsand.text").read

local M = {}

--- The integer that a file starts with.
---@param path string
---@return integer?
function M.number(path)
  local text = read(path)
  return text and math.tointeger(tonumber(text:match("^%d+")))
end

--- The number in the line "key number" of a text.
---@param text? string
---@param key string
---@return integer?
function M.line(text, key)
  return text and math.tointeger(tonumber(("\n" .. text):match("\n" .. key .. " (%d+)")))
end

--- The sum of all that a pattern captures; nil when it captures nothing.
---@param text? string
---@param pattern string
---@return integer?
function M.sum(text, pattern)
  local total
  for value in (text or ""):gmatch(pattern) do total = (total or 0) + math.tointeger(value) end
  return total
end

return M
