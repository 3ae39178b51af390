--- Are two values the same, all the way down?
local M = {}

--- Tables are the same when they have the same keys, with values that are the same.
---@param a any
---@param b any
---@param decide? fun(a: any, b: any): boolean?   another rule, asked first at each value; nil: none
---@return boolean
function M.same(a, b, decide)
  local known = decide and decide(a, b)
  if known ~= nil then return known end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not M.same(value, b[key], decide) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

return M
