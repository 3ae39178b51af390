--- The catalogue: everything that recipes provide, by name, for building and for running.
local order = require "moonsand.order"
local provider = require "moonsand.recipe.provider"
local regex = require "moonsand.recipe.regex"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.recipe.Catalogue
---@field recipes moonsand.recipe.Recipe[]
---@field warnings string[]
local Catalogue = {__name = "moonsand.recipe.Catalogue"}
Catalogue.__index = Catalogue

local function add(by, name, recipe)
  local list = by[name]
  if not list then
    by[name] = {recipe}
  elseif list[#list] ~= recipe then
    list[#list + 1] = recipe
  end
end

local function index(self, recipe)
  for _, name in ipairs(recipe.provides) do
    add(self.provided, name, recipe)
    local all = self.provided_by[recipe.name] or {}
    self.provided_by[recipe.name] = all
    if not all[name] then all[name], all[#all + 1] = true, name end
  end
  for _, name in ipairs(recipe.packages or {}) do add(self.packages, name, recipe) end
  for _, name in ipairs(recipe.rprovides or {}) do add(self.rprovided, name, recipe) end
  for _, pattern in ipairs(recipe.dynamic or {}) do add(self.dynamic, pattern, recipe) end
end

-- Expressions by the text that what they match must begin with: there are thousands of them.
local function by_beginning(self)
  local beginnings = {}
  for text in pairs(self.dynamic) do
    local literal, after = text:match("^%^?([%w_-]*)()")
    if text:find("^[*?{]", after) then literal = literal:sub(1, -2) end
    if text:find("|", 1, true) then literal = "" end
    beginnings[literal] = beginnings[literal] or {}
    table.insert(beginnings[literal], text)
  end
  return beginnings
end

--- A catalogue of recipes. Those that took themselves out are known only by the reason.
---@param d moonsand.recipe.Data             the configuration
---@param recipes moonsand.recipe.Recipe[]
---@param warnings? string[]                 grows by what is said of choices
---@return moonsand.recipe.Catalogue
function M.new(d, recipes, warnings)
  local self = setmetatable({
    recipes = recipes, warnings = warnings or {}, skipped = {}, provided = {}, provided_by = {},
    packages = {}, rprovided = {}, dynamic = {}, builds = {}, runs = {}, assumptions = {},
    matchers = {},
  }, Catalogue)
  self.data = d:copy()
  self.data:expand_keys()
  for _, recipe in ipairs(recipes) do
    if recipe.skipped then
      self.skipped[#self.skipped + 1] = recipe
    else
      index(self, recipe)
    end
  end
  for _, word in ipairs(words(self.data:get("ASSUME_PROVIDED"))) do
    self.assumptions[word] = true
    if word:find("^%^") or word:find("%$$") then table.insert(self.assumptions, word) end
  end
  self.warn = function(text) table.insert(self.warnings, text) end
  return self
end

-- Does a name begin with what an expression of a variable stands for?
local function begins(self, text, variable, name)
  local match = self.matchers[text]
  if not match then
    match = regex.matcher(self.data, text, true, self.data:place(variable))
    self.matchers[text] = match
  end
  return match(name)
end

--- Is the name in ASSUME_PROVIDED? Then the host is asked for it, and no recipe.
---@param name string
---@return boolean
function Catalogue:assumed(name)
  if self.assumptions[name] then return true end
  for _, text in ipairs(self.assumptions) do
    if begins(self, text, "ASSUME_PROVIDED", name) then return true end
  end
  return false
end

--- The recipes that can be built for a name of PROVIDES, the one that is used first; none: empty.
---@param name string
---@return moonsand.recipe.Recipe[]
function Catalogue:build(name)
  local found = self.builds[name]
  if not found then
    local list = self.provided[name]
    found = list and provider.build(self.data, list, name, self.warn) or {}
    self.builds[name] = found
  end
  return found
end

-- Packages by name, else the recipes whose PACKAGES_DYNAMIC fits. A plus stands for itself there.
local function runtime_list(self, name)
  local list, seen = {}, {}
  local function take(more)
    for _, recipe in ipairs(more or {}) do
      if not seen[recipe] then
        seen[recipe] = true
        list[#list + 1] = recipe
      end
    end
  end
  take(self.rprovided[name])
  take(self.packages[name])
  if #list > 0 then return list end
  self.beginnings = self.beginnings or by_beginning(self)
  for length = 0, #name do
    for _, text in ipairs(self.beginnings[name:sub(1, length)] or {}) do
      local pattern = text:gsub("%+", "\\+")
      if begins(self, pattern, "PACKAGES_DYNAMIC", name) then take(self.dynamic[text]) end
    end
  end
  return list
end

--- The same for a name of RDEPENDS. No list when preferences contradict each other.
---@param name string
---@return moonsand.recipe.Recipe[]? found
---@return moonsand.recipe.Recipe[]? conflict
function Catalogue:runtime(name)
  local known = self.runs[name]
  if not known then
    local list = runtime_list(self, name)
    known = {list}
    if #list > 0 then
      known = {provider.runtime(self.data, list, name, self.warn, function(each)
        return self.provided_by[each]
      end)}
    end
    self.runs[name] = known
  end
  return known[1], known[2]
end

local function holds(list, name)
  for _, each in ipairs(list or {}) do
    if each == name then return true end
  end
  return false
end

--- The recipe that would answer to a name, had it not taken itself out.
---@param name string
---@param runtime? boolean   a name of RDEPENDS
---@return moonsand.recipe.Recipe?
function Catalogue:taken_out(name, runtime)
  for _, recipe in ipairs(self.skipped) do
    local found = recipe.name == name or not runtime and holds(recipe.provides, name)
      or runtime and (holds(recipe.rprovides, name) or holds(recipe.packages, name))
    if found then return recipe end
  end
end

--- Every name that a recipe provides, sorted.
---@return string[]
function Catalogue:names()
  return order.keys(self.provided)
end

-- "world" leaves out what is only one of several ways to have something.
local function alone(self, recipe)
  for _, name in ipairs(self.provided_by[recipe.name]) do
    if name:find("^virtual/") then return false end
    for _, other in ipairs(self.provided[name]) do
      if other.name ~= recipe.name then return false end
    end
  end
  return true
end

local function has_task(recipe, name)
  for _, task in ipairs(recipe.tasks) do
    if task.name == name then return true end
  end
  return false
end

--- The names that "world" (or "universe": all) stands for, sorted.
---@param target "world"|"universe"
---@param task? string   "do_build": recipes without it are left out
---@return string[]
function Catalogue:all(target, task)
  local names = {}
  for _, recipe in ipairs(self.recipes) do
    local wanted = not recipe.skipped and (not task or has_task(recipe, task))
      and (target == "universe" or recipe.world and alone(self, recipe))
    if wanted then names[recipe.name] = true end
  end
  return order.keys(names)
end

return M
