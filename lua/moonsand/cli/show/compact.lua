--- JSON on one line for much that is alike: names sorted, and each text quoted once, however often
--- it comes. Recipes have most of the configuration in common.
local json = require "dkjson"
local order = require "moonsand.order"

local M = {}

-- So many bytes of texts are remembered.
local most = 16 << 20

local Encoder = {}
Encoder.__index = Encoder

--- An encoder for any number of values.
---@param null any   what stands for no value
---@return table encoder   `encoder:encode(value)`
function M.new(null)
  return setmetatable({null = null, quoted = {}, size = 0}, Encoder)
end

local function quote(self, text)
  local quoted = self.quoted[text]
  if not quoted then
    quoted = json.quotestring(text)
    self.size = self.size + #text
    if self.size > most then self.quoted, self.size = {}, #text end
    self.quoted[text] = quoted
  end
  return quoted
end

local function is_list(value)
  local meta = getmetatable(value)
  return #value > 0 or meta and meta.__jsontype == "array"
end

local add

local function add_table(self, value, out)
  if is_list(value) then
    for i, each in ipairs(value) do
      out[#out + 1] = i == 1 and "[" or ","
      add(self, each, out)
    end
    out[#out + 1] = #value == 0 and "[]" or "]"
    return
  end
  local first = true
  for _, name in ipairs(order.keys(value)) do
    out[#out + 1] = first and "{" or ","
    out[#out + 1] = quote(self, name)
    out[#out + 1] = ":"
    add(self, value[name], out)
    first = false
  end
  out[#out + 1] = first and "{}" or "}"
end

add = function(self, value, out)
  if value == self.null then
    out[#out + 1] = "null"
  elseif type(value) == "string" then
    out[#out + 1] = quote(self, value)
  elseif type(value) == "table" then
    add_table(self, value, out)
  else
    out[#out + 1] = json.encode(value)
  end
end

--- A value as JSON on one line.
---@param value any
---@return string
function Encoder:encode(value)
  local out = {}
  add(self, value, out)
  return table.concat(out)
end

return M
