--- The order in which the flags of a variable were set: metadata sees it. Copies of a record share
--- the list `order`, so it is never changed. A weak default has a place of its own.
local M = {}

local sub = string.sub

-- In front of a flag's name.
local strong, weak_one = "=", "?"

--- A flag of a record is new.
---@param record table
---@param flag string
---@param weak? boolean
function M.add(record, flag, weak)
  local list = {table.unpack(record.order or {})}
  list[#list + 1] = (weak and weak_one or strong) .. flag
  record.order = list
end

--- A flag of a record is gone, and its weak default.
---@param record table
---@param flag string
function M.remove(record, flag)
  local list = {}
  for _, key in ipairs(record.order or {}) do
    if sub(key, 2) ~= flag then list[#list + 1] = key end
  end
  record.order = list[1] and list or nil
end

--- The flags of a record, in their order.
---@param record table
---@return string[]
function M.names(record)
  local names = {}
  for _, key in ipairs(record.order or {}) do
    local flag = sub(key, 2)
    local set = record.flags and record.flags[flag] ~= nil
    if set == (sub(key, 1, 1) == strong) then names[#names + 1] = flag end
  end
  return names
end

return M
