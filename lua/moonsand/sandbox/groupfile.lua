--- The files of control groups: numbers in them, and writing to them.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

--- Write to a file of the kernel; there is none to be made.
---@param path string
---@param text string
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.write(path, text)
  local handle <close>, err, errno = core.open(path, "w")
  if not handle then return nil, err, errno end
  local count
  count, err, errno = handle:write(text)
  if not count then return nil, ("%s: %s"):format(path, err), errno end
  return true
end

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
