--- What the library says of keys, said of options: `'idle_timeout'` is `--idle-timeout` to somebody
--- who wrote a command line.
local lazy = require "moonsand.lazy"
local fault = require "moonsand.fault"
local options = lazy "moonsand.cli.options"

local M = {}

local special = {network = "--net", binds = "--ro"}

--- The option that a key is set by; nil when there is none.
---@param key string
---@return string?
function M.option(key)
  local known = options.names()
  local name = "--" .. key:gsub("_", "-")
  if special[key] then return special[key] end
  if known[name] then return name end
  return known[name:gsub("s$", "")] and name:gsub("s$", "") or nil
end

--- A message or hint of the library.
---@param text string
---@return string
function M.said(text)
  if text:find "^did you mean" then return text end -- what is meant is a value
  text = text:gsub("^sandbox: ", "")
  text = text:gsub("()'([%l_]+)'", function(at, key)
    return text:sub(at - 3, at - 1) ~= "is " and M.option(key) or nil -- else it is a value
  end)
  text = text:gsub("%f[%w_]([%l_]+) = \"([%w_/.-]+)\"", function(key, value)
    local option = M.option(key)
    return option and option .. " " .. value
  end)
  return (text:gsub("%f[%w_]([%l_]+) = true%f[%W]", function(key) return M.option(key) end))
end

--- Call a function; mistakes in a table of options become mistakes on a command line.
---@generic T
---@param body fun(...): T
---@param ... any
---@return T
function M.of(body, ...)
  local ok, value = pcall(body, ...)
  if ok then return value end
  if fault.is(value) and value.kind == "usage" then
    value.message = value.message:gsub("^(std%l+): ", "--%1: ")
  end
  if fault.is(value) and value.kind == "usage" and value.message:find("^sandbox: ") then
    value.message = M.said(value.message)
    value.hint = value.hint and M.said(value.hint)
  end
  error(value, 0)
end

return M
