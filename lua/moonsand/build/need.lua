--- Which recipes a request reaches, and which of them answers to each name. A recipe that asks for
--- what nothing answers to cannot be built; then the next one that provides the same counts.
local extra = require "moonsand.build.extra"
local fault = require "moonsand.fault"
local flags = require "moonsand.build.flags"
local multiconfig = require "moonsand.recipe.multiconfig"
local place = require "moonsand.build.place"

local M = {}

---@class moonsand.build.Need
---@field name string
---@field runtime boolean                   a name of RDEPENDS, not of DEPENDS
---@field list moonsand.recipe.Recipe[]     who could answer, the preferred first
---@field at integer                        which of them does; beyond the list: nobody
---@field users table[]                     {recipe, where?}: who asks
---@field conflict? moonsand.recipe.Recipe[]

---@class moonsand.build.Needs              of one configuration
---@field catalogue moonsand.recipe.Catalogue
---@field configuration string              its name; "": the main one
---@field across fun(recipe: moonsand.recipe.Recipe, task: string, entry: table)   a recipe that is
---  reached needs a task of another configuration: an entry of [mcdepends]
local Needs = {__name = "moonsand.build.Needs"}
Needs.__index = Needs

---@param catalogue moonsand.recipe.Catalogue
---@param configuration string
---@param across fun(recipe: moonsand.recipe.Recipe, task: string, entry: table)
---@return moonsand.build.Needs
function M.new(catalogue, configuration, across)
  return setmetatable({catalogue = catalogue, configuration = configuration, across = across,
    builds = {}, runs = {}, reached = {}, waiting = {}, failed = {}, chosen = {}}, Needs)
end

-- What a need comes to: its recipe is reached, too.
local function choose(self, need)
  local recipe = need.list[need.at]
  if not recipe then return end
  self.chosen[recipe] = self.chosen[recipe] or {}
  table.insert(self.chosen[recipe], need)
  if not self.reached[recipe] then
    self.reached[recipe] = true
    self.waiting[#self.waiting + 1] = recipe
  end
end

local function skip_failed(self, need)
  while need.list[need.at] and self.failed[need.list[need.at]] do need.at = need.at + 1 end
end

-- A recipe cannot be built: what it answered to goes to the next, or its users fail as well.
local function fail(self, recipe, need)
  local list = {{recipe, need}}
  while #list > 0 do
    local entry = table.remove(list)
    local failing = entry[1]
    if not self.failed[failing] then
      self.failed[failing] = entry[2]
      for _, each in ipairs(self.chosen[failing] or {}) do
        if each.list[each.at] == failing then
          skip_failed(self, each)
          choose(self, each)
          for _, user in ipairs(each.list[each.at] and {} or each.users) do
            list[#list + 1] = {user, each}
          end
        end
      end
    end
  end
end

local function need_of(self, name, runtime)
  local by = runtime and self.runs or self.builds
  local need = by[name]
  if need == nil then
    need = false
    if not self.catalogue:assumed(name) then
      local list, conflict
      if runtime then
        list, conflict = self.catalogue:runtime(name)
      else
        list = self.catalogue:build(name)
      end
      need = {name = name, runtime = runtime, list = list or {}, at = 1, users = {},
        conflict = conflict}
    end
    by[name] = need
    if need then
      skip_failed(self, need)
      choose(self, need)
    end
  end
  return need
end

local function ask(self, recipe, name, runtime)
  local need = need_of(self, name, runtime)
  if not need then return end
  if need.list[need.at] then
    need.users[#need.users + 1] = recipe
  else
    fail(self, recipe, need)
  end
end

local function ask_all(self, recipe)
  for _, name in ipairs(extra.depends(self.catalogue, recipe)) do ask(self, recipe, name, false) end
  for _, name in ipairs(recipe.rdepends) do ask(self, recipe, name, true) end
  for _, task in ipairs(recipe.tasks) do
    local found = flags.of(recipe, task)
    for _, pair in ipairs(found.depends) do ask(self, recipe, pair[1], false) end
    for _, pair in ipairs(found.rdepends) do ask(self, recipe, pair[1], true) end
    for _, entry in ipairs(found.mcdepends) do self.across(recipe, task.name, entry) end
  end
end

local function where_asked(recipe, need)
  for _, task in ipairs(recipe.tasks) do
    local found = flags.of(recipe, task)
    for _, flag in ipairs {need.runtime and "rdepends" or "depends"} do
      for _, pair in ipairs(found[flag]) do
        if pair[1] == need.name then return place.of(recipe, task.name, pair[3], flag) end
      end
    end
  end
end

local function place_of(recipe, need)
  if need.runtime then
    local listed = false
    for _, name in ipairs(recipe.rdepends) do listed = listed or name == need.name end
    return listed and place.of_package(recipe, need.name) or where_asked(recipe, need)
  end
  local listed = false
  for _, name in ipairs(recipe.depends) do listed = listed or name == need.name end
  return listed and place.of(recipe, "DEPENDS", need.name) or where_asked(recipe, need)
end

local function reason(self, need)
  local name = multiconfig.join(self.configuration, need.name)
  local text = need.runtime and ("no recipe has a package '%s'"):format(name)
    or ("nothing provides '%s'"):format(name)
  local out = self.catalogue:taken_out(need.name, need.runtime)
  if need.conflict then
    local names = {}
    for i, recipe in ipairs(need.conflict) do names[i] = multiconfig.name(recipe) end
    text = ("%s all have '%s', and PREFERRED_PROVIDER_... prefers each of them"):format(
      table.concat(names, " and "), name)
  elseif need.list[1] then
    text = ("nothing that can be built provides '%s'"):format(name)
  elseif out then
    text = ("%s: %s was skipped: %s"):format(text, out.name, out.skipped)
  end
  return text, out and out.file
end

local function hint_of(self, need)
  if need.conflict then return ("set PREFERRED_RPROVIDER_%s"):format(need.name) end
  local near = not need.runtime and fault.nearest(need.name, self.catalogue:names())
  return near and ("did you mean '%s'?"):format(multiconfig.join(self.configuration, near))
    or "add a recipe that provides it, or take the name out"
end

-- Nothing answers to a target, or to what [mcdepends] of another configuration asks for: down to
-- the name that is really missing.
local function refuse(self, need, asker)
  local recipe, path = nil, {}
  while need.list[1] and self.failed[need.list[1]] do
    recipe = need.list[1]
    path[#path + 1] = multiconfig.name(recipe)
    need = self.failed[recipe]
  end
  local message, where = reason(self, need)
  if recipe then
    message = ("%s, which '%s' depends on"):format(message, multiconfig.name(recipe))
    where = place_of(recipe, need) or where
  elseif asker then
    message = ("%s, which '%s' depends on"):format(message, multiconfig.name(asker.recipe))
    where = place.of(asker.recipe, asker.task, asker.entry.word, "mcdepends")
  end
  if #path > 1 then message = ("%s (%s)"):format(message, table.concat(path, " -> ")) end
  fault.throw("graph", message, {where = where, hint = hint_of(self, need)})
end

--- Reach what is asked for, and what that needs. A fault when something cannot be built.
---@param asked {name: string, recipe?: moonsand.recipe.Recipe, task?: string, entry?: table}[]
---  names of PROVIDES; of [mcdepends] also who says so
function Needs:resolve(asked)
  for _, each in ipairs(asked) do need_of(self, each.name, false) end
  while #self.waiting > 0 do
    local recipe = table.remove(self.waiting)
    if not self.failed[recipe] then ask_all(self, recipe) end
  end
  for _, each in ipairs(asked) do
    local need = self.builds[each.name]
    if need and not need.list[need.at] then refuse(self, need, each.recipe and each) end
  end
end

local function answer(need)
  return need and need.list[need.at] or nil
end

--- The recipe that answers to a name of PROVIDES; nil: the host does.
---@param name string
---@return moonsand.recipe.Recipe?
function Needs:build(name)
  return answer(self.builds[name])
end

--- The recipe that answers to a name of RDEPENDS; nil: the host does.
---@param name string
---@return moonsand.recipe.Recipe?
function Needs:runtime(name)
  return answer(self.runs[name])
end

--- What a recipe depends on: DEPENDS, and what its `calculate_extra_depends` adds.
---@param recipe moonsand.recipe.Recipe
---@return string[]
function Needs:depends(recipe)
  return extra.depends(self.catalogue, recipe)
end

return M
