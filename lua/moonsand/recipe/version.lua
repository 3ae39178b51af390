--- Versions: which of two is the later, and which recipe of a name is wanted.
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
  local epoch, version = nil, preference
  while version:find("^%d+:") do epoch, version = version:match("^(%d+):(.*)$") end
  if epoch and epoch ~= (recipe.epoch or "") then return false end
  if version:sub(-1) == "%" and recipe.version:sub(1, #version - 1) == version:sub(1, -2) then
    return true
  end
  return recipe.version == version
end

--- The name of a recipe as a file of its own: "virtual:native:/r/zlib.bb".
---@param recipe moonsand.recipe.Recipe
---@return string
function M.file(recipe)
  if recipe.variant == "" or not recipe.variant then return recipe.file end
  return ("virtual:%s:%s"):format(recipe.variant, recipe.file)
end

-- The layer of highest priority first, in it the lowest DEFAULT_PREFERENCE, then the path.
local function sorted(list)
  local copy = {table.unpack(list)}
  table.sort(copy, function(a, b)
    if a.priority ~= b.priority then return a.priority > b.priority end
    if a.preference ~= b.preference then return a.preference < b.preference end
    return M.file(a) < M.file(b)
  end)
  return copy
end

local function wanted(d, keyword, name)
  for _, variable in ipairs {
    ("%s_VERSION:pn-%s"):format(keyword, name), ("%s_VERSION_%s"):format(keyword, name),
  } do
    local value = d:get(variable)
    if value and value ~= "" then return value end
  end
  return d:get(keyword .. "_VERSION")
end

--- The recipe that REQUIRED_VERSION or PREFERRED_VERSION names: not the highest, but the first that
--- answers. No recipe and `true`: a version is required, and it is not there.
---@param d moonsand.recipe.Data
---@param list moonsand.recipe.Recipe[]   of one name
---@return moonsand.recipe.Recipe? recipe, boolean required, string? warning
function M.preferred(d, list)
  local name = list[1].name
  local required = wanted(d, "REQUIRED", name)
  local text = required or wanted(d, "PREFERRED", name)
  if not text or text == "" then return nil, required ~= nil end
  for _, recipe in ipairs(sorted(list)) do
    if M.answers(recipe, text) then return recipe, required ~= nil end
  end
  if required then
    return nil, true, ("required version %s of %s is not there"):format(text, name)
  end
  return nil, false, ("preferred version %s of %s is not there, the latest is used"):format(text,
    name)
end

--- The latest: of the layer with the highest priority, with the highest DEFAULT_PREFERENCE.
---@param list moonsand.recipe.Recipe[]   of one name
---@return moonsand.recipe.Recipe
function M.latest(list)
  local best
  for _, recipe in ipairs(sorted(list)) do
    if not best then
      best = recipe
    elseif recipe.priority == best.priority then
      local later = recipe.preference == best.preference and M.compare(
        {best.epoch, best.version, best.revision},
        {recipe.epoch, recipe.version, recipe.revision}) < 0
      if later or recipe.preference > best.preference then best = recipe end
    end
  end
  return best
end

return M
