--- A configuration's store as bytes, with its history, and back: each variable is unpacked when
--- somebody asks for it.
local data = require "moonsand.recipe.data"
local moving = require "moonsand.recipe.moving"
local packed = require "moonsand.recipe.packed"

local M = {}

local pack, unpack = string.pack, string.unpack

-- Tables of a store by name: unpacked one by one, or at once.
local lazy = {"vars", "history", "variants", "defs", "state"}
local eager = {"keyed", "exported", "decisive", "filters", "files"}

local function plain(t)
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
end

--- A store that has no parent, as text; nil when it holds what only this process understands.
---@param d moonsand.recipe.Data
---@param more table   kept with it
---@return string?
function M.of(d, more)
  local packing, index = packed.new(), {}
  local ok, problem = pcall(function()
    local head = {more = more, log = plain(d.log)}
    for _, part in ipairs(eager) do head[part] = plain(d[part]) end
    for number, part in ipairs(lazy) do
      for name, value in next, d[part] do
        if part == "vars" then value = moving.kept(value) end
        index[#index + 1] = pack("<s4I1I4", name, number, packing:put(value))
      end
    end
    index[#index + 1] = pack("<s4I1I4", "", 0, packing:put(head))
  end)
  if not ok and problem ~= packed.foreign then error(problem, 0) end
  return ok and pack("<s4", table.concat(index)) .. packing:text() or nil
end

-- A table whose values are unpacked when they are asked for, or all of them (`thaw`).
local function thawing(places, open)
  local meta = {}
  local t = setmetatable({}, meta)
  function meta.__index(_, name)
    local at = places[name]
    if not at then return nil end
    places[name] = nil
    local value = open(name, at)
    t[name] = value
    return value
  end
  function meta.thaw()
    local name = next(places)
    while name ~= nil do
      meta.__index(t, name)
      name = next(places)
    end
  end
  return t
end

local function places_of(index)
  local places, at, head = {{}, {}, {}, {}, {}}, 1, nil
  while at <= #index do
    local name, number, place
    name, number, place, at = unpack("<s4I1I4", index, at)
    if number == 0 then head = place else places[number][name] = place end
  end
  return places, head
end

--- The store that a text was made of, and what was kept with it.
---@param text string
---@param at? integer   where it begins
---@return moonsand.recipe.Data d
---@return table more
function M.restore(text, at)
  local index
  index, at = unpack("<s4", text, at)
  local places, place = places_of(index)
  local all, d = packed.open(text, at), data.new()
  local head = all:get(place)
  for _, part in ipairs(eager) do d[part] = head[part] end
  d.log = head.log
  for number, part in ipairs(lazy) do
    d[part] = thawing(places[number], function(name, where)
      local value = all:get(where)
      if part == "vars" then return moving.now(d, name, value) end
      return value
    end)
  end
  return d, head.more
end

return M
