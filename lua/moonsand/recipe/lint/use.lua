--- Functions and variables that nobody uses.
local find = require "moonsand.recipe.find"

local M = {}

local function add_words(set, text)
  for word in (text or ""):gmatch("[%w_]+") do set[word] = true end
end

-- Words of the texts of a file's statements; the names that it assigns to are not among them.
local function used_by(statements)
  local set = {}
  for _, statement in ipairs(statements) do
    add_words(set, statement.text)
    if statement.kind == "addtask" or statement.kind == "export_functions"
      or statement.kind == "addhandler" then
      add_words(set, statement.name)
      for word in (statement.name or ""):gmatch("%S+") do set["do_" .. word] = true end
    end
    local overrides = (statement.name or ""):match(":(.*)$")
    add_words(set, overrides)
    if statement.kind == "set" then add_words(set, (statement.name or ""):match("%${.*}")) end
  end
  return set
end

---@class moonsand.recipe.lint.Uses
---@field scan fun(path: string): moonsand.recipe.Statement[]?
local Uses = {__name = "moonsand.recipe.lint.Uses"}
Uses.__index = Uses

--- What uses names. Files are looked at once.
---@param scan fun(path: string): moonsand.recipe.Statement[]?
---@param disk moonsand.recipe.Disk
---@param path string[]   BBPATH
---@return moonsand.recipe.lint.Uses
function M.new(scan, disk, path)
  return setmetatable({scan = scan, disk = disk, path = path, files = {}}, Uses)
end

local function words_of(self, path)
  local set = self.files[path]
  if not set then
    local statements = self.scan(path)
    set = statements and used_by(statements) or {}
    self.files[path] = set
  end
  return set
end

-- Names that the reader itself asks for, whatever the metadata does.
local known = {}
for name in ([[
calculate_extra_depends PN PV PE PR PF BPN PROVIDES RPROVIDES DEPENDS RDEPENDS RRECOMMENDS PACKAGES
PACKAGES_DYNAMIC DEFAULT_PREFERENCE EXCLUDE_FROM_WORLD BBCLASSEXTEND SRC_URI OVERRIDES STAMP
]]):gmatch("%S+") do known[name] = true end

local function is_known(name)
  return known[name] or name:find("^BB_") or name:find("^SRCREV")
end

local places = {{"lib", ".py"}, {"classes", ".bbclass"}, {"classes-recipe", ".bbclass"},
  {"classes-global", ".bbclass"}, {"conf", ".conf"}, {"conf", ".inc"}}

-- Words of what any recipe may come to use: libraries, all classes, all configuration files.
local function common_words(self)
  if self.common then return self.common end
  self.common = {}
  for _, directory in ipairs(self.path) do
    for _, place in ipairs(places) do
      for _, path in ipairs(find.walk(self.disk, directory .. "/" .. place[1], place[2])) do
        if place[1] == "lib" then
          add_words(self.common, self.disk.read(path))
        else
          for word in pairs(words_of(self, path)) do self.common[word] = true end
        end
      end
    end
  end
  return self.common
end

-- Is a word among those of any file that the recipe was made from, or may be?
local function is_used(self, recipe, name)
  if common_words(self)[name] then return true end
  local store = recipe.data
  while store do
    for path, read in pairs(store.files) do
      if read and words_of(self, path)[name] then return true end
    end
    store = store.parent
  end
  return false
end

-- A name may be put together: "pkg_" .. kind, d.getVar("SRCREV_%s" % name).
local function is_composed(self, recipe, name)
  for at in name:gmatch("()_") do
    if is_used(self, recipe, name:sub(1, at)) then return true end
  end
  return false
end

local function is_task(recipe, name)
  for _, task in ipairs(recipe.tasks) do
    if task.name == name then return true end
  end
  return false
end

local function in_none(self, recipes, name)
  if is_known(name) then return false end
  for _, recipe in ipairs(recipes) do
    local used = is_task(recipe, name) or is_used(self, recipe, name)
      or is_composed(self, recipe, name) or recipe.data:flag(name, "doc")
    if used then return false end
  end
  return true
end

local function check_function(self, recipes, statement, add)
  local name = statement.name
  if not name or name:find("[^%w_]") or name:find("^pkg_p") or name:find("^do_") then return end
  if in_none(self, recipes, name) then
    add(statement.line, "unused-function", ("the function '%s' is never called"):format(name),
      "remove it, or call it")
  end
end

-- A task that no addtask adds is never run.
local function check_task(recipes, statement, add)
  local name = statement.name
  if not name or not name:find("^do_[%w_]+$") then return end
  for _, recipe in ipairs(recipes) do
    if is_task(recipe, name) then return end
  end
  add(statement.line, "unused-function", ("'%s' is no task of the recipe"):format(name),
    ("addtask %s, or call it from a task"):format(name:sub(4)))
end

local function check_variable(self, recipes, statement, add)
  local name = statement.name
  if statement.flag or not name:find("^[%u][%w_]*$") or statement.export then return end
  if in_none(self, recipes, name) then
    add(statement.line, "unused-variable", ("nothing refers to '%s'"):format(name),
      "remove it, or correct its name")
  end
end

--- Check what a file defines, in a recipe with its variants.
---@param statements moonsand.recipe.Statement[]
---@param recipes moonsand.recipe.Recipe[]
---@param add fun(line: integer, rule: string, message: string, fix: string)
function Uses:check(statements, recipes, add)
  for _, statement in ipairs(statements) do
    if statement.kind == "def" or statement.kind == "function" and not statement.anonymous then
      check_function(self, recipes, statement, add)
      if not is_used(self, recipes[1], statement.name or "") then
        check_task(recipes, statement, add)
      end
    elseif statement.kind == "set" then
      check_variable(self, recipes, statement, add)
    end
  end
end

return M
