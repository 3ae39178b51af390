--- The configuration: what is read before any recipe, and the recipes that it names.
local cache = require "moonsand.recipe.cache"
local catalogue = require "moonsand.recipe.catalogue"
local collection = require "moonsand.recipe.collection"
local data = require "moonsand.recipe.data"
local environment = require "moonsand.recipe.environment"
local event = require "moonsand.recipe.event"
local fault = require "moonsand.fault"
local listing = require "moonsand.recipe.listing"
local find = require "moonsand.recipe.find"
local finish = require "moonsand.recipe.finish"
local layers = require "moonsand.recipe.layers"
local parse = require "moonsand.recipe.parse"
local provider = require "moonsand.recipe.provider"
local record = require "moonsand.recipe.record"
local survey = require "moonsand.recipe.survey"

local M = {}

---@class moonsand.recipe.Options
---@field path string[]                     BBPATH
---@field variables? table<string, string>  set before anything is read
---@field files? string[]                   configuration files read after conf/moonsand.conf
---@field disk? moonsand.recipe.Disk
---@field python? moonsand.recipe.Python    how Python is run, where a recipe needs it
---@field environment? table<string, string>  of which BitBake's names become variables
---@field cache? string                     the directory of the parse cache
---@field jobs? integer                     how many processes read recipes, when there are many

---@class moonsand.recipe.Configuration
---@field data moonsand.recipe.Data
---@field warnings string[]
local Configuration = {__name = "moonsand.recipe.Configuration"}
Configuration.__index = Configuration

function Configuration:__tostring()
  return ("configuration of %s"):format(self.data:get("BBPATH"))
end

local known_options = {
  path = true, variables = true, files = true, disk = true, python = true, environment = true,
  cache = true, jobs = true,
}

local function read_main(reader, d)
  local directories = find.split(d:get("BBPATH"))
  local path = parse.locate(reader, d, directories, "conf/moonsand.conf") or
    parse.locate(reader, d, directories, "conf/bitbake.conf")
  if not path then
    fault.throw("recipe", "there is no conf/moonsand.conf along BBPATH: " .. d:get("BBPATH"), {
      reason = "missing", hint = "name the directory that holds conf/moonsand.conf",
    })
  end
  parse.read(reader, d, path)
end

-- Classes of the configuration: base, when there is one, and INHERIT.
local function read_classes(reader, d)
  d.state.class_type = "global"
  local main = {file = d:plain("FILE") or "configuration", line = 0}
  local base = false
  local directories = find.split(d:get("BBPATH"))
  for _, directory in ipairs {"classes-global/", "classes/"} do
    base = base or parse.locate(reader, d, directories, directory .. "base.bbclass")
  end
  if base then parse.inherit(reader, d, "base", main, true) end
  local file, line = (d:place("INHERIT") or ""):match("^(.*):(%d+)$")
  local asker = file and {file = file, line = math.tointeger(tonumber(line))} or main
  parse.inherit(reader, d, d:get("INHERIT") or "", asker, true)
  d.state.class_type = "recipe"
end

-- The parse cache of a configuration: what it was made from is the key.
local function open_cache(d, options)
  local paths, more = {}, {path = table.concat(options.path, ":")}
  for path in pairs(d.files) do paths[path] = true end
  for name, value in pairs(options.environment or {}) do
    if name ~= "PWD" and name ~= "BBSERVER" then more["env " .. name] = value end
  end
  for name, value in pairs(options.variables or {}) do more["var " .. name] = value end
  for _, directory in ipairs(d.python and d.python:libraries_read() or {}) do
    for _, path in ipairs(find.walk(find.disk, directory, ".py")) do paths[path] = true end
  end
  return cache.open(options.cache, cache.key(paths, more))
end

local function take_environment(d, env)
  environment.take(d, env)
  if not d.python then return end
  for _, directory in ipairs(find.split(env.PATH)) do
    if directory:find("^/") and not directory:find("^/usr/") then d.python:see(directory) end
  end
end

--- Read a configuration.
---@param options moonsand.recipe.Options
---@return moonsand.recipe.Configuration
function M.read(options)
  for name in pairs(options) do
    if not known_options[name] then
      error(("recipe.configure: unknown option '%s'"):format(tostring(name)), 2)
    end
  end
  assert(type(options.path) == "table", "recipe.configure: path must be a list of directories")
  local reader = parse.reader(options.disk)
  local d = data.new()
  if options.python then
    parse.attach(reader, d, options.python)
    for _, directory in ipairs(options.path) do d.python:see(directory) end
  end
  if options.environment then take_environment(d, options.environment) end
  d:put("BBPATH", table.concat(options.path, ":"))
  d:put("BB_CURRENT_MC", "default")
  for name, value in pairs(options.variables or {}) do
    d:put(name, value, {operator = "set", name = name, text = value})
  end
  layers.read(reader, d)
  if not d:plain("BB_CACHEDIR") then d:put("BB_CACHEDIR", "${TOPDIR}/cache") end
  read_main(reader, d)
  d:put("BB_CURRENT_MC", "")
  for _, path in ipairs(options.files or {}) do
    local found = parse.locate(reader, d, find.split(d:get("BBPATH")), path) or path
    parse.read(reader, d, found)
  end
  read_classes(reader, d)
  event.register(d)
  event.fire(d, "bb.event.ConfigParsed")
  return setmetatable({
    data = d, reader = reader, warnings = d.log, loaded = {}, jobs = options.jobs,
    known_tasks = {},
    cache = options.cache and open_cache(d, options),
  }, Configuration)
end

-- A file's metadata layer and its priority.
local function layer_of(config, file)
  config.collections = config.collections or collection.all(config.data)
  local layer = collection.of(config.collections, file)
  return layer and layer.name, layer and layer.priority or 0
end

local function files_of(config)
  if config.files then return end
  local d = config.data
  config.collections = config.collections or collection.all(d)
  config.files, config.appends = listing.all(d, config.reader.disk, config.collections)
  listing.check_appends(config.files, config.appends)
end

--- All recipe files that BBFILES names.
---@return string[]
function Configuration:recipes()
  files_of(self)
  return self.files
end

--- Read a recipe file and finish it. All its variants are in `variants`, the plain one is returned.
---@param file string
---@return moonsand.recipe.Recipe recipe, moonsand.recipe.Recipe[] variants
function Configuration:load(file)
  files_of(self)
  return self:load_with(file, listing.appends(file, self.appends))
end

--- Read a recipe file with the appends given.
---@param file string
---@param appends string[]
---@return moonsand.recipe.Recipe recipe, moonsand.recipe.Recipe[] variants
function Configuration:load_with(file, appends)
  file = find.clean(file)
  local list = self.loaded[file]
  if not list then
    find.text(self.reader.disk, file)
    local d = self.data:copy()
    d.log = {}
    d:put("FILE", file)
    local layer, priority = layer_of(self, file)
    if layer then d:put("FILE_LAYERNAME", layer) end
    parse.read(self.reader, d, file)
    for _, append in ipairs(appends) do parse.read(self.reader, d, append) end
    local stores, order = finish.recipe(self.reader, d, file)
    list = {}
    for i, variant in ipairs(order) do
      list[i] = record.of(stores[variant], file, variant)
      list[i].layer, list[i].priority = layer, priority
      list[i].warnings = d.log
    end
    table.move(d.log, 1, #d.log, #self.warnings + 1, self.warnings)
    self.loaded[file] = list
  end
  return list[1], list
end

--- The catalogue of all recipes. The first error in one is thrown.
---@param all? moonsand.recipe.Survey   when they were read already
---@return moonsand.recipe.Catalogue
function Configuration:catalogue(all)
  if not self.known then
    all = all or survey.read(self)
    if all.failures[1] then error(all.failures[1].problem, 0) end
    self.known = catalogue.new(self.data, all.recipes, self.warnings)
  end
  return self.known
end

local function nobody(config, name)
  local all = config:catalogue()
  local out = all:taken_out(name)
  if out then
    fault.throw("graph", ("nothing provides '%s': %s was skipped: %s"):format(name, out.name,
      out.skipped), {where = out.file})
  end
  local nearest = fault.nearest(name, all:names())
  fault.throw("graph", ("nothing provides '%s'"):format(name), {
    hint = nearest and ("did you mean '%s'?"):format(nearest) or
      "recipes are looked for in BBFILES: " .. (config.data:get("BBFILES") or "(not set)"),
  })
end

--- The recipe that provides a name. Throws a fault of kind "graph" when nothing does.
---@param name string
---@return moonsand.recipe.Recipe
function Configuration:find(name)
  return self:catalogue():build(name)[1] or nobody(self, name)
end

--- End what was started to read recipes. It starts again when a value needs it.
function Configuration:close()
  if self.data.python then self.data.python:close() end
end

Configuration.__close = Configuration.close

-- What a file would be called whose recipe has this name.
local function stems(name)
  local plain = name:gsub("^nativesdk%-", ""):gsub("^lib%d+%-", "")
  for _, ending in ipairs {"%-native$", "%-cross$", "%-crosssdk$"} do
    plain = plain:gsub(ending, "")
  end
  return {[name] = true, [plain] = true}
end

--- A recipe by its own name, looked for in the files that are called like it, so that not all need
--- be read; nil when none of them is it.
---@param name string
---@return moonsand.recipe.Recipe?
function Configuration:named(name)
  local wanted, list = stems(name), {}
  for _, file in ipairs(self:recipes()) do
    if wanted[file:match("([^/_]*)[^/]*%.bb$")] then
      local _, variants = self:load(file)
      for _, recipe in ipairs(variants) do
        if recipe.name == name and not recipe.skipped then list[#list + 1] = recipe end
      end
    end
  end
  return #list > 0 and provider.build(self.data, list, name, function(warning)
    self.warnings[#self.warnings + 1] = warning
  end)[1] or nil
end

--- Every name that a recipe provides, sorted.
---@return string[]
function Configuration:names()
  return self:catalogue():names()
end

return M
