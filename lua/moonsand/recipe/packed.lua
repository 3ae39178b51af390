--- Values as bytes, each string once, and back: a value is unpacked when somebody asks for it.
local M = {}

local pack, unpack, byte, sub = string.pack, string.unpack, string.byte, string.sub
local concat = table.concat

---@class moonsand.recipe.Packing
local Packing = {__name = "moonsand.recipe.Packing"}
Packing.__index = Packing

--- Nothing yet.
---@return moonsand.recipe.Packing
function M.new()
  return setmetatable({numbers = {}, strings = {}, parts = {}, size = 0}, Packing)
end

--- The number of a string.
---@param text string
---@return integer
function Packing:string(text)
  local number = self.numbers[text]
  if not number then
    number = #self.strings + 1
    self.strings[number], self.numbers[text] = text, number
  end
  return number
end

local function is_list(value)
  local count = 0
  for _ in next, value do count = count + 1 end
  return count == #value, count
end

-- A table is a list, or pairs; the order of the pairs is no part of it.
local function bytes_of_table(self, value)
  if getmetatable(value) then return nil end
  local list, count = is_list(value)
  local parts = {pack("<c1I4", list and "l" or "m", count)}
  if list then
    for i = 1, count do parts[i + 1] = self:bytes(value[i]) end
  else
    for key, each in next, value do
      parts[#parts + 1] = self:bytes(key)
      parts[#parts + 1] = self:bytes(each)
    end
  end
  return concat(parts)
end

--- A value as bytes: text, a number, truth, or a table of these. Throws for any other.
---@param value any
---@return string
function Packing:bytes(value)
  local kind = type(value)
  if kind == "string" then return pack("<c1I4", "s", self:string(value)) end
  if kind == "boolean" then return value and "t" or "f" end
  if math.type(value) == "integer" then return pack("<c1i8", "i", value) end
  if kind == "number" then return pack("<c1d", "n", value) end
  local bytes = kind == "table" and bytes_of_table(self, value)
  if not bytes then error(M.foreign, 0) end
  return bytes
end

--- What is thrown for a value that is of this process only.
M.foreign = setmetatable({}, {__name = "moonsand.recipe.Foreign"})

--- Put a value; where it is, which is never 0.
---@param value any
---@return integer
function Packing:put(value)
  local bytes = self:bytes(value)
  self.parts[#self.parts + 1] = bytes
  local at = self.size + 1
  self.size = self.size + #bytes
  return at
end

--- All of it.
---@return string
function Packing:text()
  local places, at = {}, 0
  for i, text in ipairs(self.strings) do
    places[i] = pack("<I4", at)
    at = at + #text
  end
  places[#places + 1] = pack("<I4", at)
  return pack("<I4s4s4s4", #self.strings, concat(places), concat(self.strings),
    concat(self.parts))
end

---@class moonsand.recipe.Packed
local Packed = {__name = "moonsand.recipe.Packed"}
Packed.__index = Packed

--- What was packed.
---@param text string
---@param at? integer
---@return moonsand.recipe.Packed
function M.open(text, at)
  local count, places, strings, values = unpack("<I4s4s4s4", text, at)
  return setmetatable({count = count, places = places, strings = strings, values = values,
    known = {}}, Packed)
end

--- The string of a number.
---@param number integer
---@return string
function Packed:string(number)
  local text = self.known[number]
  if not text then
    local from, to = unpack("<I4I4", self.places, number * 4 - 3)
    text = sub(self.strings, from + 1, to)
    self.known[number] = text
  end
  return text
end

local readers = {}

local function value_at(self, at)
  return readers[byte(self.values, at)](self, at + 1)
end

readers[byte "s"] = function(self, at)
  local number = unpack("<I4", self.values, at)
  return self.known[number] or self:string(number), at + 4
end
readers[byte "i"] = function(self, at) return unpack("<i8", self.values, at) end
readers[byte "n"] = function(self, at) return unpack("<d", self.values, at) end
readers[byte "t"] = function(_, at) return true, at end
readers[byte "f"] = function(_, at) return false, at end

readers[byte "l"] = function(self, at)
  local list, count = {}, unpack("<I4", self.values, at)
  at = at + 4
  for i = 1, count do list[i], at = value_at(self, at) end
  return list, at
end

readers[byte "m"] = function(self, at)
  local map, count = {}, unpack("<I4", self.values, at)
  at = at + 4
  for _ = 1, count do
    local key
    key, at = value_at(self, at)
    map[key], at = value_at(self, at)
  end
  return map, at
end

--- The value at a place.
---@param at integer
---@return any value
function Packed:get(at)
  return (value_at(self, at))
end

return M
