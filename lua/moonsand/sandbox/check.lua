--- What the checks of options share: messages that name the place and what would be right.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

---@param message string
---@param hint? string
function M.wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function is_kind(value, wanted)
  local kind = type(value)
  if type(wanted) == "string" then return kind == wanted end
  for _, one in ipairs(wanted) do
    if kind == one then return true end
  end
  return false
end

--- A value must be of a type, or of one of several.
---@param where string
---@param value any
---@param wanted string|string[]
function M.kind(where, value, wanted)
  if is_kind(value, wanted) then return end
  local text = type(wanted) == "table" and table.concat(wanted, " or ") or wanted
  M.wrong(("%s must be a %s, not a %s"):format(where, text, type(value)))
end

local function are_known(value, known)
  for key, field in pairs(value) do
    local wanted = known[key]
    if not wanted or not is_kind(field, wanted) then return false end
  end
  return true
end

--- Keys must be known, and their values of the right types. What is wrong is looked for in order:
--- the same table always gives the same message.
---@param where string
---@param value table
---@param known table<string, string|string[]>   key = type
function M.keys(where, value, known)
  if are_known(value, known) then return end
  for key, field in order.sorted(value) do
    local wanted = known[key]
    if not wanted then
      local near = type(key) == "string" and fault.nearest(key, order.keys(known))
      M.wrong(("unknown key '%s' in %s"):format(tostring(key), where),
        near and ("did you mean '%s'?"):format(near))
    end
    M.kind(("'%s' in %s"):format(key, where), field, wanted)
  end
end

--- A list must hold strings only.
---@param where string
---@param list any[]
function M.words(where, list)
  for i, word in ipairs(list) do
    if type(word) ~= "string" then M.kind(("%s, word %d"):format(where, i), word, "string") end
  end
end

local units = {K = 1 << 10, M = 1 << 20, G = 1 << 30, T = 1 << 40}

--- "64M" -> 67108864
---@param size integer|string
---@param where string   for messages
---@return integer bytes
function M.bytes(size, where)
  if math.type(size) == "integer" and size > 0 then return size end
  local digits, unit = tostring(size):match("^(%d+)([KMGT]?)$")
  local number = digits and #digits < 16 and math.tointeger(tonumber(digits))
  if not number or number == 0 or number > (1 << 62) // (units[unit] or 1) then
    M.wrong(("%s is '%s', which is not a size"):format(where, tostring(size)),
      "write bytes, or 64K, 64M, 2G")
  end
  return number * (units[unit] or 1)
end

--- A number of seconds: above 0, or 0 where that means at once.
---@param where string
---@param value? number
---@param may_be_zero? boolean
function M.seconds(where, value, may_be_zero)
  if not value or value > 0 and value < math.huge or may_be_zero and value == 0 then return end
  M.wrong(("'%s' is %s; it must be a number of seconds %s"):format(where, value,
    may_be_zero and "from 0 on" or "above 0"), not may_be_zero and value == 0
    and "leave it out for no bound" or nil)
end

--- A path of the caller's world, made absolute: a plan does not depend on a current directory.
---@param path string
---@return string
function M.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  local here = assert(core.realpath("."))
  return path == "." and here or (here == "/" and "" or here) .. "/" .. path
end

return M
