--- Versions and providers: which recipe file answers to a name.
local find = require "moonsand.recipe.find"

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

-- Files: BBFILES, BBMASK, bbappends ----------------------------------------------------------

-- A regular expression of the usual kind in BBMASK as a Lua pattern: `.`, `.*`, `\.`, `^`, `$`.
local function mask_pattern(text)
  local out, at = {}, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == "\\" and at < #text then
      at = at + 1
      out[#out + 1] = "%" .. text:sub(at, at)
    elseif c == "." or c == "*" or c == "+" or c == "?" or c == "^" or c == "$" then
      out[#out + 1] = c
    elseif c:find("[|()%[%]{}]") then
      return nil
    else
      out[#out + 1] = c:gsub("%W", "%%%0")
    end
    at = at + 1
  end
  return table.concat(out)
end

--- Masks of BBMASK; a regular expression beyond `.`, `*`, `+`, `?`, `^`, `$` is named in `refused`.
---@param d moonsand.recipe.Data
---@return string[] patterns, string? refused
function M.masks(d)
  local patterns = {}
  for word in (d:get("BBMASK") or ""):gmatch("%S+") do
    local pattern = mask_pattern(word)
    if not pattern then return patterns, word end
    patterns[#patterns + 1] = pattern
  end
  return patterns
end

local function masked(path, patterns)
  for _, pattern in ipairs(patterns) do
    if path:find(pattern) then return true end
  end
  return false
end

--- Recipe files and bbappends that BBFILES names, each once, in order.
---@param d moonsand.recipe.Data
---@param disk moonsand.recipe.Disk
---@param patterns string[]   masks
---@return string[] recipes, string[] appends
function M.files(d, disk, patterns)
  local recipes, appends, seen = {}, {}, {}
  local function add(path)
    if seen[path] or masked(path, patterns) then return end
    seen[path] = true
    if path:match("%.bb$") then
      recipes[#recipes + 1] = path
    elseif path:match("%.bbappend$") then
      appends[#appends + 1] = path
    end
  end
  for word in (d:get("BBFILES") or ""):gmatch("%S+") do
    if disk.kind(word) == "directory" then
      for _, path in ipairs(find.walk(disk, word, ".bb")) do add(path) end
      for _, path in ipairs(find.walk(disk, word, ".bbappend")) do add(path) end
    else
      for _, path in ipairs(find.glob(disk, word)) do add(path) end
    end
  end
  return recipes, appends
end

-- Does an append belong to a recipe file? `%` in its name cuts the comparison.
local function fits(append, file)
  local base, name = file:match("([^/]*)%.bb$"), append:match("([^/]*)%.bbappend$")
  local stem = name:match("^(.-)%%")
  return name == base or stem ~= nil and base:sub(1, #stem) == stem
end

--- The appends that belong to a recipe file.
---@param file string
---@param appends string[]
---@return string[]
function M.appends(file, appends)
  local list = {}
  for _, append in ipairs(appends) do
    if fits(append, file) then list[#list + 1] = append end
  end
  return list
end

--- The first append that belongs to none of the recipe files.
---@param files string[]
---@param appends string[]
---@return string?
function M.lonely(files, appends)
  for _, append in ipairs(appends) do
    local found = false
    for _, file in ipairs(files) do found = found or fits(append, file) end
    if not found then return append end
  end
end

return M
