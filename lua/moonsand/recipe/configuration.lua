--- The configuration: what is read before any recipe, and the recipes that it names.
local cache = require "moonsand.recipe.cache"
local catalogue = require "moonsand.recipe.catalogue"
local collection = require "moonsand.recipe.collection"
local fault = require "moonsand.fault"
local listed = require "moonsand.recipe.listed"
local listing = require "moonsand.recipe.listing"
local multiconfig = require "moonsand.recipe.multiconfig"
local find = require "moonsand.recipe.find"
local finish = require "moonsand.recipe.finish"
local kept = require "moonsand.recipe.kept"
local parse = require "moonsand.recipe.parse"
local provider = require "moonsand.recipe.provider"
local record = require "moonsand.recipe.record"
local renamed = require "moonsand.recipe.renamed"
local survey = require "moonsand.recipe.survey"
local words = require("moonsand.text").words

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
---@field name string                        of BBMULTICONFIG; "": the main one
---@field main moonsand.recipe.Configuration  the one that has the others
---@field data moonsand.recipe.Data
---@field warnings string[]                  of all of them
local Configuration = {__name = "moonsand.recipe.Configuration"}
Configuration.__index = Configuration

function Configuration:__tostring()
  return ("configuration %sof %s"):format(self.name == "" and "" or self.name .. " ",
    self.data:get("BBPATH"))
end

local known_options = {
  path = true, variables = true, files = true, disk = true, python = true, environment = true,
  cache = true, jobs = true,
}

local function opened(options, name)
  local reader, d, key, place = kept.read(options, name)
  local self = setmetatable({
    name = name, data = d, reader = reader, warnings = d.log, loaded = {}, jobs = options.jobs,
    key = key, place = place, options = options, multi = {}, known_tasks = {},
  }, Configuration)
  self.main = self
  return self
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
  return opened(options, "")
end

-- What BitBake refuses, and what could not be told from the rest of "mc:NAME:RECIPE", or is no name
-- of a directory.
local function check_form(config, name)
  if not name:find("^%d") and not name:find("[/:*]") and not name:find("^%.%.?$") then return end
  fault.throw("recipe", ("a multiconfig cannot be called '%s'"):format(name), {
    where = config.data:place("BBMULTICONFIG"), reason = "syntax",
    hint = "its name begins with no digit, and has no '/', ':' and '*'"})
end

--- The names of all configurations: the main one, "", then those of BBMULTICONFIG.
---@return string[]
function Configuration:names_of_all()
  if self ~= self.main then return self.main:names_of_all() end
  local names, seen = {""}, {[""] = true}
  for _, name in ipairs(words(self.data:get("BBMULTICONFIG"))) do
    check_form(self, name)
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  return names
end

local function refuse_unknown(config, name, where)
  local names = config:names_of_all()
  fault.throw("recipe", ("there is no multiconfig '%s'"):format(name), {
    where = where and where() or config.data:place("BBMULTICONFIG"), reason = "missing",
    hint = #names == 1 and ('name it in local.conf: BBMULTICONFIG = "%s"'):format(name) or
      "BBMULTICONFIG names " .. table.concat(names, ", ", 2)})
end

--- Refuse a name that is no configuration's.
---@param name string
---@param where? fun(): string   who says it: "file:line"
function Configuration:check_name(name, where)
  for _, each in ipairs(self:names_of_all()) do
    if each == name then return end
  end
  refuse_unknown(self.main, name, where)
end

-- What was said while a configuration was read is told with what the main one says, once.
local function join_warnings(main, config)
  local seen = {}
  for _, text in ipairs(main.warnings) do seen[text] = true end
  for _, text in ipairs(config.warnings) do
    if not seen[text] then main.warnings[#main.warnings + 1] = text end
  end
  config.warnings, config.data.log = main.warnings, main.warnings
end

--- Another configuration: one of BBMULTICONFIG, which conf/multiconfig/NAME.conf sets apart; ""
--- is the main one. It is read when it is first asked for.
---@param name string
---@return moonsand.recipe.Configuration
function Configuration:multiconfig(name)
  local main = self.main
  if name == "" then return main end
  main:check_name(name)
  local found = main.multi[name]
  if not found then
    found = opened(main.options, name)
    found.main, found.known_tasks = main, main.known_tasks
    join_warnings(main, found)
    main.multi[name] = found
  end
  return found
end

local function collections_of(config)
  config.collections = config.collections or collection.all(config.data)
  return config.collections
end

-- A file's metadata layer and its priority.
local function layer_of(config, file)
  local layer = collection.of(collections_of(config), file)
  return layer and layer.name, layer and layer.priority or 0
end

local function files_of(config)
  if config.files then return end
  local d = config.data
  if config.place then
    config.files, config.appends = listed.all(config.place, d, function()
      return collections_of(config)
    end)
    return
  end
  config.files, config.appends = listing.all(d, config.reader.disk, collections_of(config))
  listing.check_appends(config.files, config.appends)
end

--- The parse cache; nil without one.
---@return moonsand.recipe.Cache?
function Configuration:parse_cache()
  if self.key and not self.cache then self.cache = cache.open(self.options.cache, self.key) end
  return self.cache
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
    renamed.check_recipe(d, self.data)
    local stores, order = finish.recipe(self.reader, d, file)
    list = {}
    for i, variant in ipairs(order) do
      list[i] = record.of(stores[variant], file, variant)
      list[i].layer, list[i].priority = layer, priority
      list[i].configuration = self.name ~= "" and self.name or nil
      list[i].warnings = d.log
      stores[variant]:rest()
      stores[variant].state.collected = nil -- the recipe's `tasks` now
    end
    d:rest()
    if #order == 1 then stores[order[1]]:absorb() end
    table.move(d.log, 1, #d.log, #self.warnings + 1, self.warnings)
    self.loaded[file] = list
  end
  return list[1], list
end

-- A recipe may be wrong in one configuration only.
local function refuse_failure(config, problem)
  if config.name ~= "" and fault.is(problem) then
    problem.message = ("mc:%s: %s"):format(config.name, problem.message)
  end
  error(problem, 0)
end

--- The catalogue of all recipes. The first error in one is thrown.
---@param all? moonsand.recipe.Survey   when they were read already
---@return moonsand.recipe.Catalogue
function Configuration:catalogue(all)
  if not self.known then
    all = all or survey.read(self)
    if all.failures[1] then refuse_failure(self, all.failures[1].problem) end
    self.known = catalogue.new(self.data, all.recipes, self.warnings)
  end
  return self.known
end

local function nobody(config, name)
  local all = config:catalogue()
  local out = all:taken_out(name)
  if out then
    fault.throw("graph", ("nothing provides '%s': %s was skipped: %s"):format(
      multiconfig.join(config.name, name), out.name, out.skipped), {where = out.file})
  end
  local nearest = fault.nearest(name, all:names())
  fault.throw("graph", ("nothing provides '%s'"):format(multiconfig.join(config.name, name)), {
    hint = nearest and ("did you mean '%s'?"):format(multiconfig.join(config.name, nearest)) or
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
  for _, each in pairs(self.multi) do each:close() end
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
