--- The files of metadata layers: recipes and appends that BBFILES names, without what BBMASK hides.
local collection = require "moonsand.recipe.collection"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local regex = require "moonsand.recipe.regex"
local words = require("moonsand.text").words

local M = {}

-- What BBMASK hides of some paths. An expression that is none is ignored, with a warning.
local function hidden(d, paths)
  local masks = words(d:get("BBMASK"))
  if #masks == 0 then return {} end
  for i, mask in ipairs(masks) do masks[i] = mask:gsub("^|", "") end
  local found, wrong = regex.search(d, masks, paths, d:place("BBMASK"))
  for i, mask in ipairs(masks) do
    if wrong[i] then
      d:warn(("BBMASK holds '%s', which is no regular expression and hides nothing: %s"):format(
        mask, wrong[i]))
    end
  end
  return found
end

-- The words of BBFILES, those of layers with a low priority first.
local function by_priority(d, collections)
  local list, priority, place = words(d:get("BBFILES")), {}, {}
  for i, word in ipairs(list) do
    local layer = not priority[word] and collection.of(collections, word)
    priority[word] = priority[word] or layer and layer.priority or 0
    place[word] = place[word] or i
  end
  table.sort(list, function(a, b)
    if priority[a] ~= priority[b] then return priority[a] < priority[b] end
    return place[a] < place[b]
  end)
  d:put("BBFILES_PRIORITIZED", table.concat(list, " "))
  return list
end

local function named(disk, word)
  if disk.kind(word) ~= "directory" then return find.glob(disk, word) end
  local list = find.walk(disk, word, ".bb")
  for _, path in ipairs(find.walk(disk, word, ".bbappend")) do list[#list + 1] = path end
  return list
end

--- Recipe files and appends, each once, in order.
---@param d moonsand.recipe.Data
---@param disk moonsand.recipe.Disk
---@param collections moonsand.recipe.Collection[]
---@return string[] recipes, string[] appends
function M.all(d, disk, collections)
  local paths, seen = {}, {}
  for _, word in ipairs(by_priority(d, collections)) do
    for _, path in ipairs(named(disk, word)) do
      if not seen[path] then
        seen[path] = true
        paths[#paths + 1] = path
      end
    end
  end
  local recipes, appends, masked = {}, {}, hidden(d, paths)
  for i, path in ipairs(paths) do
    local list = path:match("%.bb$") and recipes or path:match("%.bbappend$") and appends
    if list and not masked[i] then list[#list + 1] = path end
  end
  return recipes, appends
end

-- Appends by the whole name of their recipe, and by its beginning: `%` cuts the comparison. Each is
-- a place in the list.
local function index_of(appends)
  local index = {whole = {}, beginning = {}, longest = 0}
  local function add(places, name, i)
    places[name] = places[name] or {}
    table.insert(places[name], i)
  end
  for i, append in ipairs(appends) do
    local name = append:match("([^/]*)%.bbappend$")
    local stem = name:match("^(.-)%%")
    add(index.whole, name, i)
    if stem then
      add(index.beginning, stem, i)
      index.longest = math.max(index.longest, #stem)
    end
  end
  return index
end

local indexes = setmetatable({}, {__mode = "k"})

-- The places of the appends that belong to a recipe file, each once, in order.
local function places_of(file, appends)
  local index = indexes[appends]
  if not index then
    index = index_of(appends)
    indexes[appends] = index
  end
  local base, places, seen = file:match("([^/]*)%.bb$"), {}, {}
  local function take(list)
    for _, place in ipairs(list or {}) do
      if not seen[place] then
        seen[place] = true
        places[#places + 1] = place
      end
    end
  end
  take(index.whole[base])
  if next(index.beginning) then
    for length = 0, math.min(#base, index.longest) do take(index.beginning[base:sub(1, length)]) end
  end
  table.sort(places)
  return places
end

--- The appends that belong to a recipe file.
---@param file string
---@param appends string[]   not changed any more
---@return string[]
function M.appends(file, appends)
  local list = {}
  if #appends == 0 then return list end
  for i, place in ipairs(places_of(file, appends)) do list[i] = appends[place] end
  return list
end

--- Refuse appends that belong to none of the recipe files.
---@param recipes string[]
---@param appends string[]
function M.check_appends(recipes, appends)
  local lonely, used = {}, {}
  for _, file in ipairs(#appends > 0 and recipes or {}) do
    for _, place in ipairs(places_of(file, appends)) do used[place] = true end
  end
  for i, append in ipairs(appends) do
    if not used[i] then lonely[#lonely + 1] = append end
  end
  if #lonely == 0 then return end
  fault.throw("recipe", ("no recipe fits '%s'"):format(table.concat(lonely, "' nor '")), {
    where = lonely[1], reason = "missing",
    hint = "an append is called like its recipe, or NAME_%.bbappend"})
end

return M
