--- Providers: which of the recipes that provide a name is used, by what the configuration prefers.
local version = require "moonsand.recipe.version"

local M = {}

local function by_name(list)
  local by, names = {}, {}
  for _, recipe in ipairs(list) do
    if not by[recipe.name] then
      by[recipe.name] = {}
      names[#names + 1] = recipe.name
    end
    table.insert(by[recipe.name], recipe)
  end
  table.sort(names)
  return by, names
end

local function to_front(list, recipe)
  local new = {recipe}
  for _, each in ipairs(list) do
    if each ~= recipe then new[#new + 1] = each end
  end
  return new
end

-- One recipe for each recipe name: those of a preferred version first, then the latest ones, but
-- the recipe that is called like the item itself before all.
local function eligible(d, list, item, warn)
  local by, names = by_name(list)
  local chosen, order = {}, {}
  for _, name in ipairs(names) do
    local recipe, required, warning = version.preferred(d, by[name])
    if warning then warn(warning) end
    if required and not recipe then return order end
    chosen[name] = recipe
    order[#order + 1] = recipe
  end
  for _, name in ipairs(names) do
    if not chosen[name] then
      chosen[name] = version.latest(by[name])
      order[#order + 1] = chosen[name]
    end
  end
  return chosen[item] and to_front(order, chosen[item]) or order
end

local function named(list, name)
  for _, recipe in ipairs(list) do
    if recipe.name == name then return recipe end
  end
end

local function warn_of_many(order, item, variable, warn)
  if #order < 2 then return end
  local names = {}
  for i, recipe in ipairs(order) do names[i] = recipe.name end
  warn(("multiple providers are available for %s (%s); set %s_%s, '%s' is used"):format(item,
    table.concat(names, ", "), variable, item, names[1]))
end

-- PREFERRED_PROVIDER_x, else what PREFERRED_PROVIDERS says: "x:recipe" words.
local function preference(d, item)
  local name = d:get("PREFERRED_PROVIDER_" .. item)
  if name and name ~= "" then return name end
  local found
  for word in (d:get("PREFERRED_PROVIDERS") or ""):gmatch("%S+") do
    local provided, provider = word:match("^([^:]*):([^:]*)$")
    if provided == item then found = provider end
  end
  return found
end

--- Recipes that answer to a name, one for each recipe name, the preferred first.
---@param d moonsand.recipe.Data
---@param list moonsand.recipe.Recipe[]   all recipes that provide it
---@param item string
---@param warn fun(text: string)
---@return moonsand.recipe.Recipe[]
function M.build(d, list, item, warn)
  local order = eligible(d, list, item, warn)
  local preferred = named(order, preference(d, item))
  if preferred then return to_front(order, preferred) end
  warn_of_many(order, item, "PREFERRED_PROVIDER", warn)
  return order
end

-- What PREFERRED_PROVIDER says of anything that one of them provides. The list is gone through
-- while its first preferred one is taken out of it, which hides the one after that: BitBake's way.
local function inferred(d, order, provides)
  local preferred, first, at = {}, {table.unpack(order)}, 1
  local seen, whole = {}, true
  while at <= #first do
    for _, provided in ipairs(provides(first[at].name)) do
      local other = named(order, d:get("PREFERRED_PROVIDER_" .. provided))
      if other and not seen[other] then
        if whole then
          for i, each in ipairs(first) do
            if each == other then
              table.remove(first, i)
              break
            end
          end
          whole = false
        end
        seen[other] = true
        preferred[#preferred + 1] = other
        order = to_front(order, other)
        break
      end
    end
    at = at + 1
  end
  return order, preferred
end

--- The same for the name of a package, as in RDEPENDS. No list when preferences contradict.
---@param d moonsand.recipe.Data
---@param list moonsand.recipe.Recipe[]
---@param item string
---@param warn fun(text: string)
---@param provides fun(name: string): string[]   what the recipes of a name provide
---@return moonsand.recipe.Recipe[]? order
---@return moonsand.recipe.Recipe[]? conflict
function M.runtime(d, list, item, warn, provides)
  local order = eligible(d, list, item, warn)
  local preferred = named(order, d:get("PREFERRED_RPROVIDER_" .. item))
  if preferred then return to_front(order, preferred) end
  local found
  order, found = inferred(d, order, provides)
  if #found > 1 then return nil, found end
  if #found == 0 then warn_of_many(order, item, "PREFERRED_RPROVIDER", warn) end
  return order
end

return M
