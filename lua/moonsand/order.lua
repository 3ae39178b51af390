--- `pairs` has no order; whatever reaches a hash, a file, a schedule or a screen goes through here.
local M = {}

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return ta < tb end
  return a < b
end

--- The keys of a table, sorted: numbers before strings.
---@param t table
---@return any[]
function M.keys(t)
  local keys, n, strings = {}, 0, true
  for key in pairs(t) do
    n = n + 1
    keys[n] = key
    strings = strings and type(key) == "string"
  end
  if strings then table.sort(keys) else table.sort(keys, before) end
  return keys
end

--- Iterate over a table in the order of its keys.
---@param t table
---@return fun(): any, any
function M.sorted(t)
  local keys, i = M.keys(t), 0
  return function()
    i = i + 1
    local key = keys[i]
    if key ~= nil then return key, t[key] end
  end
end

return M
