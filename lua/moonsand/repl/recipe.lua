--- A live recipe: its variables by their names, its tasks, and what their signatures would be if a
--- variable were another.
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"

local M = {}

---@class moonsand.repl.Recipe
---@field name string
---@field version string
---@field file string
---@field data moonsand.recipe.Data
local Recipe = {__name = "moonsand.repl.Recipe"}

---@class moonsand.repl.Task
---@field name string    "zlib:compile"
local Task = {__name = "moonsand.repl.Task"}
Task.__index = Task

local methods = {}

--- A method, a field, or the value of a variable.
function Recipe:__index(key)
  if methods[key] then return methods[key] end
  if type(key) ~= "string" then return nil end
  return rawget(self, "data"):get(key)
end

function Recipe:__tostring()
  return ("recipe %s %s   tasks: %s"):format(
    multiconfig.name(rawget(self, "recipe")), self.version,
    table.concat(self:tasks(), " "))
end

local own = {"data", "file", "name", "version"}

--- For completion.
function Recipe:__names()
  local list = table.move(own, 1, #own, 1, {})
  for name in order.sorted(methods) do list[#list + 1] = name end
  for _, name in ipairs(self.data:names()) do
    if not self.data:flag(name, "func") then list[#list + 1] = name end
  end
  return list
end

local function short(name)
  return (name:gsub("^do_", ""))
end

-- "zlib", "mc:small:zlib"
local function full(recipe)
  return multiconfig.name(rawget(recipe, "recipe"))
end

--- The names of its tasks, in the order of addtask.
---@return string[]
function methods:tasks()
  local list = {}
  for i, task in ipairs(rawget(self, "recipe").tasks) do list[i] = short(task.name) end
  return list
end

--- One of its tasks.
---@param name string   "compile"
---@return moonsand.repl.Task
function methods:task(name)
  local list = self:tasks()
  for _, one in ipairs(list) do
    if one == short(name) then
      return setmetatable({name = full(self) .. ":" .. one, recipe = self}, Task)
    end
  end
  local near = fault.nearest(short(name), list)
  fault.throw("usage", ("recipe '%s' has no task '%s'"):format(self.name, name), {
    hint = near and ("did you mean '%s'?"):format(near) or "it has " .. table.concat(list, ", ")})
end

--- Build it.
---@return boolean ok
function methods:build()
  return self.world.outside.verb("build", {full(self)}) == 0
end

function Task:__tostring()
  return "task " .. self.name
end

-- The recipes anew, one of them with other values.
local function changed(recipe, values)
  local outside = recipe.world.outside
  local config = outside.configure()
  local data = outside.recipe(config, full(recipe)).data
  for name, value in order.sorted(values) do data:set(name, value) end
  return config
end

--- The task's signature: the same text means the same result.
---@param values? table<string, string>   variables of the recipe that are others
---@return string   64 hex digits
function Task:sig(values)
  local recipe = self.recipe
  local other <close> = values and changed(recipe, values) or nil
  local builder <close> = recipe.world.outside.builder {
    config = other or rawget(recipe, "config"),
  }
  return builder:node(self.name).intent
end

--- Build it, and what it needs.
---@return boolean ok
function Task:build()
  return self.recipe.world.outside.verb("build", {self.name}) == 0
end

--- A live recipe.
---@param world moonsand.repl.World
---@param name string   of a recipe, or of its file
---@return moonsand.repl.Recipe
function M.new(world, name)
  if type(name) ~= "string" then
    fault.throw("usage", "a recipe has a name", {hint = 'recipe "zlib", recipe "recipes/x.bb"'})
  end
  local config = world.outside.configure()
  world:closing(config)
  local found = world.outside.recipe(config, name)
  return setmetatable({world = world, config = config, recipe = found, data = found.data,
    name = found.name, version = found.version, file = found.file}, Recipe)
end

--- Is a value a live recipe?
---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == Recipe
end

return M
