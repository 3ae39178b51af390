--- Values and frames between this process and the Python helper (python/moonsand/channel.py is the
--- other half). A frame is its length and its bytes; the first byte says what it is.
local M = {}

local pack, unpack, byte = string.pack, string.unpack, string.byte

-- A value that only Python understands: its number there, and how it prints.
local Opaque = {__name = "moonsand.recipe.Opaque"}
Opaque.__index = Opaque

function Opaque:__tostring()
  return self.text
end

--- Is it a value that only Python understands?
---@param value any
---@return boolean
function M.is_opaque(value)
  return getmetatable(value) == Opaque
end

--- A value as bytes. `number_of` gives the number of a store.
---@param value any    text, integer, truth, nil, a list of text, a store, or an opaque value
---@param number_of fun(store: table): integer
---@param helper? table   whose opaque values may pass
---@return string
function M.encode(value, number_of, helper)
  local kind = type(value)
  if kind == "string" then return pack("<c1s4", "S", value) end
  if value == nil then return "N" end
  if kind == "boolean" then return value and "T" or "F" end
  if math.type(value) == "integer" then return pack("<c1i8", "I", value) end
  if kind == "number" then return pack("<c1s4", "S", tostring(value)) end
  if M.is_opaque(value) then
    if value.helper ~= helper then return "N" end
    return pack("<c1I4", "X", value.number)
  end
  if value.vars then return pack("<c1I4", "O", number_of(value)) end
  local parts = {pack("<c1I4", "L", #value)}
  for i, each in ipairs(value) do parts[i + 1] = M.encode(each, number_of, helper) end
  return table.concat(parts)
end

local readers = {}

--- The value at a place of a frame, and the place after it.
---@param frame string
---@param at integer
---@param helper table    `stores` by number; opaque values are its own
---@return any value, integer at
function M.decode(frame, at, helper)
  return readers[byte(frame, at)](frame, at + 1, helper)
end

readers[byte "S"] = function(frame, at) return unpack("<s4", frame, at) end
readers[byte "N"] = function(_, at) return nil, at end
readers[byte "T"] = function(_, at) return true, at end
readers[byte "F"] = function(_, at) return false, at end
readers[byte "I"] = function(frame, at) return unpack("<i8", frame, at) end

readers[byte "L"] = function(frame, at, helper)
  local list, count = {}, unpack("<I4", frame, at)
  at = at + 4
  for i = 1, count do list[i], at = M.decode(frame, at, helper) end
  return list, at
end

readers[byte "O"] = function(frame, at, helper)
  local number
  number, at = unpack("<I4", frame, at)
  return helper:store(number), at
end

readers[byte "X"] = function(frame, at, helper)
  local number, text
  number, text, at = unpack("<I4s4", frame, at)
  return setmetatable({number = number, text = text, helper = helper}, Opaque), at
end

--- One frame, with its length before it.
---@param kind string   one character
---@param ... string
---@return string
function M.frame(kind, ...)
  return pack("<s4", kind .. table.concat({...}))
end

return M
