--- Foresight: the values that a request to Python will probably ask for travel with it.
local helper = require "moonsand.recipe.helper"
local proxy = require "moonsand.recipe.proxy"

local M = {}

local pack, unpack, sub = string.pack, string.unpack, string.sub
local find, match = string.find, string.match

-- Values that such a request asked for before travel with it, when they are at hand.
local most = 256

local function at_hand(d, key)
  local kind, name = sub(key, 1, 1), sub(key, 2)
  if kind == "e" or kind == "u" then
    local flag
    name, flag = name:match("^(.-)%z(.*)$")
    local value = d:raw_flag(name, flag)
    if value == false then value = nil end
    if kind == "e" and type(value) == "string" and find(value, "${", 1, true) then return false end
    return true, value, name, flag
  end
  if kind == "i" then return true, proxy.read(d, kind, name), name end
  local value = d.values[name]
  if kind == "v" and value ~= nil then return true, value, name end
  local entry = d.entries[name]
  if kind == "v" and entry then return true, nil, name end
  value = kind == "p" and d:plain(name)
  if kind ~= "p" then value = d:raw(name) end
  if kind ~= "v" then return true, value, name end
  if d.variants[name] or type(value) == "string" and find(value, "${", 1, true) then
    return false
  end
  local record = d.vars[name]
  if record and record.remove or d.filters[name] then return false end
  return true, value, name
end

-- The body of a function will probably read them again, so they are expanded for it beforehand.
local function expanded(d, key)
  local name, flag = match(key, "^.([^%z]*)%z?(.*)$")
  local ok, value = helper.undisturbed(d, proxy.read, d, sub(key, 1, 1), name, flag)
  return ok, value, name, sub(key, 1, 1) == "e" and flag or nil
end

--- Those values, as bytes.
---@param self moonsand.recipe.Bridge
---@param d moonsand.recipe.Data
---@param key string     what the request is known by
---@param body? boolean  the body of a function
---@return string
function M.values(self, d, key, body)
  local parts, count = {""}, 0
  local learned = self.learned[key]
  for i = 1, learned and #learned or 0 do
    local there, value, name, flag = at_hand(d, learned[i])
    if not there and body then there, value, name, flag = expanded(d, learned[i]) end
    if there and type(value) ~= "table" then
      count = count + 1
      parts[#parts + 1] = pack("<c1s4", sub(learned[i], 1, 1), name)
      if flag then parts[#parts + 1] = pack("<s4", flag) end
      parts[#parts + 1] = self.helper:encode(value)
    end
  end
  parts[1] = pack("<I4", count)
  return table.concat(parts)
end

--- Learn what a request asked for.
---@param self moonsand.recipe.Bridge
---@param key string
---@param frame string   its answer
---@param at integer
function M.learn(self, key, frame, at)
  local learned = self.learned[key]
  if not learned then
    learned = {}
    self.learned[key] = learned
  end
  local count
  count, at = unpack("<I4", frame, at)
  for _ = 1, count do
    local name
    name, at = unpack("<s4", frame, at)
    if not learned[name] and #learned < most then
      learned[#learned + 1] = name
      learned[name] = true
    end
  end
end

--- What Python read: what was asked for, and what it had at hand. What is being made was made with
--- that.
---@param d moonsand.recipe.Data
---@param frame string
---@param at integer
---@return string[]
function M.reads(d, frame, at)
  local reads = {}
  for _ = 1, 2 do
    local count = unpack("<I4", frame, at)
    at = at + 4
    for _ = 1, count do reads[#reads + 1], at = unpack("<s4", frame, at) end
  end
  for _, key in ipairs(reads) do d:note(match(key, "^.([^%z]*)")) end
  return reads
end

return M
