--- The flags of a task that shape the graph, as lists of names.
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"
local place = require "moonsand.build.place"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.build.Flags
---@field deptask string[]
---@field rdeptask string[]
---@field recrdeptask string[]
---@field recideptask string[]
---@field depends string[][]    {name, task, word} each
---@field rdepends string[][]
---@field mcdepends {from: string, to: string, name: string, task: string, word: string}[]

-- Most tasks of most recipes are the same table (see recipe/survey.lua), which is read once.
local known = setmetatable({}, {__mode = "k"})

local none = {}

local function pairs_of(recipe, task, flag)
  local list = words(task.flags[flag])
  for i, word in ipairs(list) do
    local name, other = word:match "^([^:]+):([^:]+)$"
    if not name then
      fault.throw("graph", ("'%s' in the flag [%s] of '%s:%s' names no task"):format(word, flag,
        multiconfig.name(recipe), task.name), {where = place.of(recipe, task.name, word, flag),
        hint = "write it as 'recipe:do_task'"})
    end
    list[i] = {name, other, word}
  end
  return list
end

-- "mc:FROM:TO:RECIPE:do_x": what a task of the configuration FROM needs of TO; "" is the main one.
local function across_of(recipe, task)
  local list = words(task.flags.mcdepends)
  for i, word in ipairs(list) do
    local from, to, name, other = word:match "^[^:]*:([^:]*):([^:]*):([^:]*):([^:]*)$"
    if not from then
      fault.throw("graph", ("'%s' in the flag [mcdepends] of '%s:%s' names no task of another "
        .. "configuration"):format(word, multiconfig.name(recipe), task.name), {
        where = place.of(recipe, task.name, word, "mcdepends"),
        hint = "write it as 'mc:FROM:TO:recipe:do_task', with four colons"})
    end
    list[i] = {from = from, to = to, name = name, task = other, word = word}
  end
  return list
end

--- The flags of a task.
---@param recipe moonsand.recipe.Recipe
---@param task moonsand.recipe.Task
---@return moonsand.build.Flags
function M.of(recipe, task)
  local flags = known[task]
  if flags then return flags end
  flags = {}
  for _, name in ipairs {"deptask", "rdeptask", "recrdeptask", "recideptask"} do
    local text = task.flags[name]
    flags[name] = text and text ~= "" and words(text) or none
  end
  for _, name in ipairs {"depends", "rdepends"} do
    local text = task.flags[name]
    flags[name] = text and text ~= "" and pairs_of(recipe, task, name) or none
  end
  local across = task.flags.mcdepends
  flags.mcdepends = across and across ~= "" and across_of(recipe, task) or none
  known[task] = flags
  return flags
end

--- Is a switch such as [noexec] or [nostamp] on?
---@param value any
---@return boolean
function M.is_set(value)
  return value ~= nil and value ~= false and value ~= "" and value ~= "0"
end

return M
