--- Metadata layers as collections (BBFILE_COLLECTIONS): which one a file is of, and its priority.
local fault = require "moonsand.fault"
local regex = require "moonsand.recipe.regex"
local version = require "moonsand.recipe.version"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.recipe.Collection
---@field name string
---@field pattern string                    BBFILE_PATTERN_name
---@field matches fun(path: string): boolean
---@field priority integer

local function refuse(d, variable, message, hint)
  fault.throw("recipe", message, {where = d:place(variable), reason = "syntax", hint = hint})
end

-- BBFILE_PRIORITY, where it is set to something but 0.
local function given_priority(d, name)
  local variable = "BBFILE_PRIORITY_" .. name
  local text = d:get(variable)
  if not text or text == "" then return nil end
  local digits = text:match("^%s*([+-]?%d+)%s*$")
  local priority = digits and math.tointeger(tonumber(digits))
  if not priority then
    refuse(d, variable, ("%s is '%s'"):format(variable, text), "a priority is a whole number")
  end
  return priority
end

-- Words of LAYERDEPENDS, each perhaps followed by "(>= VERSION)": {name, operator, version}, ...
local function dependencies(d, variable)
  local text, list, at = d:get(variable) or "", {}, 1
  while true do
    local name, after = text:match("^[%s,]*([^%s,()]+)()", at)
    if not name then return list end
    local note, last = text:match("^%s*(%b())()", after)
    local operator, wanted = (note or ""):match("^%(%s*([<>=!]+)%s*(.-)%s*%)$")
    list[#list + 1] = {name = name, operator = operator, version = wanted}
    at = last or after
  end
end

local holds = {
  ["="] = function(c) return c == 0 end, ["=="] = function(c) return c == 0 end,
  ["<="] = function(c) return c <= 0 end, [">="] = function(c) return c >= 0 end,
  [">"] = function(c) return c > 0 end, [">>"] = function(c) return c > 0 end,
  ["<"] = function(c) return c < 0 end, ["<<"] = function(c) return c < 0 end,
  ["!="] = function(c) return c ~= 0 end,
}

-- Does the layer that is there have a version that fits?
local function fits(d, wanted)
  if not wanted.operator then return true end
  local have = d:get("LAYERVERSION_" .. wanted.name)
  local compare = holds[wanted.operator]
  if not have or have == "" or not compare then return false end
  return compare(version.compare({"0", have, ""}, {"0", wanted.version, ""}))
end

-- Names of the layers that one needs; a layer that is missing, or of another version, is refused.
local function needed(d, name, known)
  local list, variable = {}, "LAYERDEPENDS_" .. name
  for _, each in ipairs(dependencies(d, variable)) do
    if not known[each.name] then
      refuse(d, variable, ("the layer '%s' needs the layer '%s', which is not there"):format(name,
        each.name), "add its directory to BBLAYERS in conf/bblayers.conf")
    elseif not fits(d, each) then
      local have = d:get("LAYERVERSION_" .. each.name)
      refuse(d, variable, ("the layer '%s' needs version %s %s of the layer '%s', which %s"):format(
        name, each.operator, each.version, each.name, have and "is version " .. have or
        "does not say its version"), "use the branches of the layers that belong together")
    end
    list[#list + 1] = each.name
  end
  for _, each in ipairs(dependencies(d, "LAYERRECOMMENDS_" .. name)) do
    if known[each.name] and fits(d, each) then list[#list + 1] = each.name end
  end
  return list
end

-- A layer without a priority comes after those that it needs.
local function derive(name, priorities, needs, least)
  if priorities[name] and priorities[name] ~= 0 then return end
  local highest = least
  priorities[name] = least + 1 -- for layers that need each other
  for _, each in ipairs(needs[name]) do
    derive(each, priorities, needs, least)
    if each ~= name then highest = math.max(highest, priorities[each]) end
  end
  priorities[name] = highest + 1
end

local function priorities_of(d, names)
  local known, priorities, needs, least = {}, {}, {}, 0
  for _, name in ipairs(names) do known[name] = true end
  for _, name in ipairs(names) do
    local priority = given_priority(d, name)
    if priority and (least == 0 or priority < least) then least = priority end
    priorities[name], needs[name] = priority, needed(d, name, known)
  end
  for _, name in ipairs(names) do derive(name, priorities, needs, least) end
  return priorities
end

local function never() return false end

-- Of layers inside each other the inner one has the longer pattern, so it is asked first.
local function first_asked(list)
  local place = {}
  for i, each in ipairs(list) do place[each] = i end
  table.sort(list, function(a, b)
    if a.pattern ~= b.pattern then return a.pattern > b.pattern end
    return place[a] < place[b]
  end)
  return list
end

--- The collections of a configuration, in the order in which they are asked for a file.
---@param d moonsand.recipe.Data
---@return moonsand.recipe.Collection[]
function M.all(d)
  local list, names = {}, words(d:get("BBFILE_COLLECTIONS"))
  local priorities = priorities_of(d, names)
  for i, name in ipairs(names) do
    local variable = "BBFILE_PATTERN_" .. name
    local pattern = d:get(variable)
    if not pattern then
      refuse(d, "BBFILE_COLLECTIONS", variable .. " is not set",
        ("set it in the layer's conf/layer.conf: %s = \"^${LAYERDIR}/\""):format(variable))
    end
    list[i] = {name = name, pattern = pattern, priority = priorities[name],
      matches = pattern == "" and never or regex.matcher(d, pattern, true, d:place(variable))}
  end
  return first_asked(list)
end

--- The collection of a file.
---@param list moonsand.recipe.Collection[]
---@param path string
---@return moonsand.recipe.Collection?
function M.of(list, path)
  for _, each in ipairs(list) do
    if each.matches(path) then return each end
  end
end

return M
