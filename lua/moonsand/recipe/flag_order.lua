--- The order in which the flags of a variable were set: metadata sees it. Copies of a record share
--- the list `order`, so it is never changed; most are like those of other records, and the same
--- list. A weak default has a place of its own.
local M = {}

local sub = string.sub

-- In front of a flag's name.
local strong, weak_one = "=", "?"

-- For each list the longer ones that were made of it, by what was added.
local longer = setmetatable({}, {__mode = "k"})
local nothing = {}

-- A list with one more.
local function with(list, key)
  local made = longer[list]
  if not made then
    made = {}
    longer[list] = made
  end
  local new = made[key]
  if not new then
    new = table.move(list, 1, #list, 1, {})
    new[#new + 1] = key
    made[key] = new
  end
  return new
end

--- A flag of a record is new.
---@param record table
---@param flag string
---@param weak? boolean
function M.add(record, flag, weak)
  record.order = with(record.order or nothing, (weak and weak_one or strong) .. flag)
end

--- A flag of a record is gone, and its weak default.
---@param record table
---@param flag string
function M.remove(record, flag)
  local list = nothing
  for _, key in ipairs(record.order or nothing) do
    if sub(key, 2) ~= flag then list = with(list, key) end
  end
  record.order = list ~= nothing and list or nil
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
