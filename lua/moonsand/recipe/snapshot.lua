--- A store as text, for another process: what it and its parents hold, without their history.
local data = require "moonsand.recipe.data"
local wire = require "moonsand.recipe.wire"

local M = {}

-- Tables of a store, and of its `state` what code may ask for.
local parts = {"vars", "variants", "keyed", "exported", "decisive", "filters", "defs"}
local states = {"tasks", "classes", "handlers", "registered", "environment"}

-- What a store and its parents hold; the nearest one counts.
local function flat(d, part)
  local all, store = {}, d
  while store do
    for name, value in next, store:whole(part) do
      if all[name] == nil then all[name] = value end
    end
    store = store.parent
  end
  return all
end

local write

local function write_table(value, out)
  out[#out + 1] = "{"
  for key, each in next, value do
    out[#out + 1] = ("[%s]="):format(math.type(key) == "integer" and ("%d"):format(key)
      or ("%q"):format(key))
    write(each, out)
    out[#out + 1] = ","
  end
  out[#out + 1] = "}"
end

write = function(value, out)
  if wire.is_opaque(value) then value = tostring(value) end
  if type(value) == "table" then return write_table(value, out) end
  out[#out + 1] = ("%q"):format(value)
end

--- A store as text.
---@param d moonsand.recipe.Data
---@return string
function M.of(d)
  local all = {state = {}}
  for _, part in ipairs(parts) do all[part] = flat(d, part) end
  for _, name in ipairs(states) do all.state[name] = d.state[name] end
  local out = {"return "}
  write(all, out)
  return table.concat(out)
end

--- The store that a text was made of.
---@param text string   from `of`
---@return moonsand.recipe.Data
function M.restore(text)
  local d = data.new()
  for part, values in next, assert(load(text, "=snapshot", "t", {}))() do
    for name, value in next, values do d[part][name] = value end
  end
  return d
end

return M
