--- The configurations of a graph, each with its recipes and with what is needed of these. One is
--- looked at only when something of it is asked for.
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"
local need = require "moonsand.build.need"
local place = require "moonsand.build.place"
local target_of = require "moonsand.build.target"

local M = {}

---@class moonsand.build.Configurations
---@field names fun(): string[]                    of all; "": the main one
---@field check fun(name: string, where?: fun(): string)   refuses a name that is none of
---  them; where: who says it
---@field of fun(name: string): {catalogue: moonsand.recipe.Catalogue, allowed?: string[]}

---@class moonsand.build.Part
---@field needs moonsand.build.Needs
---@field allowed table<string, boolean>   names that several recipes of a build may provide
---@field asked table[]                    what `Needs:resolve` reaches
---@field resolved integer                 how many of these it did

---@class moonsand.build.Parts
local Parts = {__name = "moonsand.build.Parts"}
Parts.__index = Parts

---@param configurations moonsand.build.Configurations
---@return moonsand.build.Parts
function M.new(configurations)
  return setmetatable({configurations = configurations, by = {}, list = {}}, Parts)
end

local function open(self, name)
  local found, allowed = self.configurations.of(name), {}
  for _, each in ipairs(found.allowed or {}) do allowed[each] = true end
  return {allowed = allowed, asked = {}, seen = {}, resolved = 0,
    needs = need.new(found.catalogue, name, function(recipe, task, entry)
      local function where() return place.of(recipe, task, entry.word, "mcdepends") end
      self.configurations.check(entry.to, where)
      if entry.from == name then
        self:ask(entry.to, {name = entry.name, recipe = recipe, task = task, entry = entry})
      end
    end)}
end

--- The part of a configuration.
---@param name? string   nil or "": the main one
---@return moonsand.build.Part
function Parts:of(name)
  name = name or ""
  local part = self.by[name]
  if not part then
    part = open(self, name)
    self.by[name] = part
    self.list[#self.list + 1] = part
  end
  return part
end

--- Ask for a name of PROVIDES.
---@param configuration string
---@param request {name: string, recipe?: moonsand.recipe.Recipe, task?: string, entry?: table}
---  of [mcdepends] also who says so
function Parts:ask(configuration, request)
  local part = self:of(configuration)
  if part.seen[request.name] then return end
  part.seen[request.name] = true
  part.asked[#part.asked + 1] = request
end

--- Reach all that is asked for. What one configuration needs of another is asked for there.
function Parts:resolve()
  repeat
    local again = false
    local i = 1
    while self.list[i] do -- it grows
      local part = self.list[i]
      if part.resolved < #part.asked then
        part.resolved, again = #part.asked, true
        part.needs:resolve(part.asked)
      end
      i = i + 1
    end
  until not again
end

local worlds = {world = true, universe = true}

-- The configurations that a target is of: "mc:*:zlib" is of all; so is "world" alone.
local function named(self, configuration, all)
  if configuration == "*" or all then return self.configurations.names() end
  self.configurations.check(configuration)
  return {configuration}
end

local function add_world(self, list, configuration, name, task)
  local all = self:of(configuration).needs.catalogue:all(name, task)
  for _, each in ipairs(all) do
    list[#list + 1] = {configuration = configuration, name = each, task = task}
  end
end

--- What targets stand for, with "world" and "universe" as the names of recipes.
---@param targets string[]
---@param default string   the task of a target that names none: "do_build"
---@return {configuration: string, name: string, task: string}[]
function Parts:requests(targets, default)
  local list = {}
  for _, target in ipairs(targets) do
    local configuration, rest = multiconfig.split(target)
    local name, task = target_of.parse(rest)
    local before = #list
    for _, each in ipairs(named(self, configuration, rest == target and worlds[name])) do
      if worlds[name] then
        add_world(self, list, each, name, task or default)
      else
        list[#list + 1] = {configuration = each, name = name, task = task or default}
      end
    end
    if #list == before then
      fault.throw("graph", ("no recipe of '%s' has the task '%s'"):format(
        multiconfig.join(configuration, name), task or default),
        {hint = "moonsand recipes shows what there is"})
    end
  end
  return list
end

return M
