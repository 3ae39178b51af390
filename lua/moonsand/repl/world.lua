--- What is at hand at the prompt: the parts of the toolkit by their names, and what is alive.
local box = require "moonsand.repl.box"
local fault = require "moonsand.fault"
local layer = require "moonsand.repl.layer"
local lazy = require "moonsand.lazy"
local moonsand = require "moonsand"
local order = require "moonsand.order"
local recipe = require "moonsand.repl.recipe"

local M = {}

---@class moonsand.repl.Outside   what the prompt is given of the command around it
---@field write fun(text: string)
---@field place fun(): string                        where the store and the rest are
---@field configure fun(): moonsand.recipe.Configuration
---@field recipe fun(config: moonsand.recipe.Configuration, name: string): moonsand.recipe.Recipe
---@field builder fun(options: table): moonsand.build.Builder
---@field attached fun(options: moonsand.sandbox.Options): moonsand.sandbox.Result
---@field verb fun(name: string, words: string[]): integer   run a verb of the command
---@field help fun(name: string): string                     its options
---@field options fun(name: string): string[]                their names
---@field verbs {[1]: string, [2]: string}[]                 name and what it does

---@class moonsand.repl.World
---@field outside moonsand.repl.Outside
---@field write fun(text: string)
---@field scope table                      the globals of what is typed
---@field labels table<table, string>      how a result is shown
---@field boxes moonsand.repl.Box[]
local World = {__name = "moonsand.repl.World"}
World.__index = World

--- The store, opened when it is first used.
---@return moonsand.Store
function World:store()
  if not self.opened then
    self.opened = moonsand.layer.open(self.outside.place() .. "/store")
  end
  return self.opened
end

--- Number a live sandbox, and close it in the end.
---@param one moonsand.repl.Box
---@return moonsand.repl.Box
function World:adopt(one)
  self.boxes[#self.boxes + 1] = one
  one.number = #self.boxes
  return one
end

--- Close something in the end.
---@param thing {close: fun(self: any)}
function World:closing(thing)
  self.things[#self.things + 1] = thing
end

--- Freeze a scratch (see layer.lua).
---@param name string
---@param scratch moonsand.Scratch
---@param over moonsand.repl.Layer[]
---@return moonsand.repl.Layer
function World:freeze(name, scratch, over)
  return layer.freeze(self:store(), name, scratch, over)
end

--- Close all that is alive.
---@return integer count   of sandboxes that were open
function World:close()
  local count = 0
  for _, one in ipairs(self.boxes) do
    if not one.closed then
      count = count + 1
      one:close()
    end
  end
  for _ = #self.things, 1, -1 do table.remove(self.things):close() end
  if self.opened then self.opened:close() end
  self.opened = nil
  return count
end

-- A part of the toolkit that can also be called.
local function part(name, call)
  local module = lazy("moonsand." .. name)
  return setmetatable({}, {
    __index = module, __call = call,
    __names = function() return order.keys(require("moonsand." .. name)) end,
    __tostring = function() return ("the module moonsand.%s; as a function: :help %s"):format(name,
      name) end,
  })
end

local function build(world, targets)
  if type(targets) == "string" then targets = {targets} end
  if type(targets) ~= "table" then
    fault.throw("usage", "there is nothing to build", {hint = 'build "zlib"'})
  end
  return world.outside.verb("build", targets) == 0
end

local function parts_of(world)
  return {
    moonsand = moonsand,
    sandbox = part("sandbox", function(_, given) return box.new(world, given) end),
    layer = part("layer", function(_, name, directory)
      if directory then return layer.import(world:store(), name, directory) end
      return layer.named(world:store(), name)
    end),
    recipe = part("recipe", function(_, name) return recipe.new(world, name) end),
    build = part("build", function(_, targets) return build(world, targets) end),
    core = lazy "moonsand.core",
  }
end

--- What is typed sees the toolkit before the globals of Lua.
local function scope_of(parts)
  return setmetatable({}, {
    __index = function(_, name)
      local found = parts[name]
      if found ~= nil then return found end
      return _G[name]
    end,
    __names = function()
      local list = order.keys(parts)
      return table.move(order.keys(_G), 1, #order.keys(_G), #list + 1, list)
    end,
  })
end

---@param outside moonsand.repl.Outside
---@return moonsand.repl.World
function M.new(outside)
  local self = setmetatable({outside = outside, write = outside.write, boxes = {}, things = {},
    labels = setmetatable({}, {__mode = "k"})}, World)
  self.scope = scope_of(parts_of(self))
  return self
end

return M
