--- Versions and providers: which recipe file answers to a name.
local M = {}

-- A version as parts: {rank, text}: digits 0, letters 1, "~" -1, anything else 2.
local function parts_of(version)
  local parts, at = {}, 1
  while at <= #version do
    local digits = version:match("^%d+", at)
    local letters = not digits and version:match("^%a+", at)
    local part = digits or letters or version:sub(at, at)
    local rank = digits and 0 or letters and 1 or part == "~" and -1 or 2
    parts[#parts + 1] = {rank, part}
    at = at + #part
  end
  return parts
end

-- Digit runs of any length, compared as numbers.
local function compare_numbers(a, b)
  a, b = a:gsub("^0+", ""), b:gsub("^0+", "")
  if #a ~= #b then return #a < #b and -1 or 1 end
  return a == b and 0 or a < b and -1 or 1
end

local function compare_version(a, b)
  local left, right = parts_of(a), parts_of(b)
  for i = 1, math.max(#left, #right) do
    local l, r = left[i], right[i]
    local rank_l, rank_r = l and l[1] or 0, r and r[1] or 0
    if rank_l ~= rank_r then return rank_l < rank_r and -1 or 1 end
    if not l then return -1 elseif not r then return 1 end
    local result
    if rank_l == 0 then
      result = compare_numbers(l[2], r[2])
    else
      result = l[2] == r[2] and 0 or l[2] < r[2] and -1 or 1
    end
    if result ~= 0 then return result end
  end
  return 0
end

--- Compare two versions, each {epoch, version, revision}: -1, 0 or 1.
---@param a string[]
---@param b string[]
---@return integer
function M.compare(a, b)
  local left, right = tonumber(a[1]) or 0, tonumber(b[1]) or 0
  if left ~= right then return left < right and -1 or 1 end
  local result = compare_version(a[2] or "", b[2] or "")
  if result ~= 0 then return result end
  return compare_version(a[3] or "", b[3] or "")
end

--- Does a recipe's version answer to a preference `[epoch:]version[%]`?
---@param recipe moonsand.recipe.Recipe
---@param preference string
---@return boolean
function M.answers(recipe, preference)
  local epoch, version = preference:match("^(%d+):(.*)$")
  version = version or preference
  if epoch and epoch ~= (recipe.epoch or "0") then return false end
  if version:sub(-1) == "%" then
    return recipe.version:sub(1, #version - 1) == version:sub(1, -2)
  end
  return recipe.version == version or
    ("%s-%s"):format(recipe.version, recipe.revision or "") == version
end

-- Recipes of one name, the best first: layer priority, DEFAULT_PREFERENCE, version.
local function better(a, b)
  if a.priority ~= b.priority then return a.priority > b.priority end
  if a.preference ~= b.preference then return a.preference > b.preference end
  local result = M.compare({a.epoch, a.version, a.revision}, {b.epoch, b.version, b.revision})
  if result ~= 0 then return result > 0 end
  return a.file < b.file
end

-- The order in which a preferred version is looked for: not the highest, the first in path order.
local function earlier(a, b)
  if a.priority ~= b.priority then return a.priority > b.priority end
  if a.preference ~= b.preference then return a.preference > b.preference end
  return a.file < b.file
end

--- The one among recipes of the same name that is wanted.
---@param d moonsand.recipe.Data    the configuration
---@param list moonsand.recipe.Recipe[]
---@return moonsand.recipe.Recipe recipe, string? warning
function M.version(d, list)
  local name = list[1].name
  local wanted = d:get("REQUIRED_VERSION:pn-" .. name) or d:get("REQUIRED_VERSION_" .. name) or
    d:get("PREFERRED_VERSION:pn-" .. name) or d:get("PREFERRED_VERSION_" .. name)
  local sorted = {table.unpack(list)}
  if wanted and wanted ~= "" then
    table.sort(sorted, earlier)
    for _, recipe in ipairs(sorted) do
      if M.answers(recipe, wanted) then return recipe end
    end
  end
  table.sort(sorted, better)
  return sorted[1], wanted and wanted ~= "" and
    ("preferred version %s of %s is not there, the latest is used"):format(wanted, name) or nil
end

--- Recipes that answer to a name, one for each recipe name, the preferred first.
---@param d moonsand.recipe.Data
---@param list moonsand.recipe.Recipe[]    all recipes that provide it
---@param name string
---@return moonsand.recipe.Recipe[] order, string[] warnings
function M.choose(d, list, name)
  local by, names, warnings = {}, {}, {}
  for _, recipe in ipairs(list) do
    if not by[recipe.name] then
      by[recipe.name] = {}
      names[#names + 1] = recipe.name
    end
    table.insert(by[recipe.name], recipe)
  end
  local preferred = d:get("PREFERRED_PROVIDER_" .. name)
  table.sort(names, function(a, b)
    local rank_a = a == preferred and 0 or a == name and 1 or 2
    local rank_b = b == preferred and 0 or b == name and 1 or 2
    if rank_a ~= rank_b then return rank_a < rank_b end
    return a < b
  end)
  local order = {}
  for i, each in ipairs(names) do
    local warning
    order[i], warning = M.version(d, by[each])
    warnings[#warnings + 1] = warning
  end
  if #order > 1 and not (preferred and order[1].name == preferred) and order[1].name ~= name then
    warnings[#warnings + 1] = ("multiple providers are available for %s (%s); set " ..
      "PREFERRED_PROVIDER_%s, '%s' is used"):format(name, table.concat(names, ", "), name, names[1])
  end
  return order, warnings
end

return M
