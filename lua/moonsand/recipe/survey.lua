--- Reading all recipes: from the parse cache what is the same as last time, the rest here or in
--- several processes. Little is kept of each; a recipe's store is read when it is asked for.
local fault = require "moonsand.fault"
local listing = require "moonsand.recipe.listing"
local parse = require "moonsand.recipe.parse"
local records = require "moonsand.recipe.record"
local workers = require "moonsand.recipe.workers"

local M = {}

-- So many recipes stay as they were read; of more, only what the cache keeps does.
local few = 64

-- Fields that are there once the recipe itself was read.
local heavy = {data = true, warnings = true}

local Light = {__name = "moonsand.recipe.Light"}

local function read_tasks(recipe)
  local known, tasks = recipe.config.known_tasks, {}
  for i, line in ipairs(recipe.lines(recipe.index)) do
    known[line] = known[line] or records.task(line)
    tasks[i] = known[line]
  end
  recipe.lines = nil
  rawset(recipe, "tasks", tasks)
  return tasks
end

-- The recipes of a file take what they lack from those that were read, and stand for them.
local function read_heavy(recipe)
  local config, all, by = recipe.config, recipe.all, {}
  local _, list = config:load(recipe.file)
  for _, each in ipairs(list) do by[each.variant] = each end
  for _, each in ipairs(all) do
    for field in pairs(by[each.variant] and heavy or {}) do
      rawset(each, field, by[each.variant][field])
    end
    by[each.variant] = nil
  end
  if next(by) == nil then config.loaded[recipe.file] = all end
  parse.forget(config.reader, recipe.file)
end

-- The fields of all variants are read when one of one is asked for.
local function read_fields(recipe)
  for i, fields in ipairs(recipe.fields()) do
    local each = recipe.all[i]
    for field, value in pairs(fields) do rawset(each, field, value) end
    each.fields = nil
  end
end

function Light.__index(recipe, name)
  if name == "fields" then return nil end
  if name == "tasks" then return read_tasks(recipe) end
  if recipe.fields then
    read_fields(recipe)
    local value = rawget(recipe, name)
    if value ~= nil then return value end
  end
  if not heavy[name] then return nil end
  read_heavy(recipe)
  return rawget(recipe, name)
end

local function light(config, skipped, fields, lines)
  local name, all = config.name ~= "" and config.name or nil, records.skipped(skipped)
  for i, reason in ipairs(all) do
    all[i] = setmetatable({skipped = reason, configuration = name, config = config, lines = lines,
      index = i, all = all, fields = fields}, Light)
  end
  return all
end

-- A file is known together with its appends.
local function key_of(config, file)
  return table.concat({file, table.unpack(listing.appends(file, config.appends))}, "\0")
end

-- Most lines and paths are those of other recipes, too: each is kept once.
local function shared(strings, list)
  for i, text in ipairs(list) do
    local kept = strings[text]
    if kept then list[i] = kept else strings[text] = text end
  end
end

local function keep(config, known, strings, file, record)
  local tasks = record.tasks
  for _, lines in ipairs(tasks) do shared(strings, lines) end
  local cache = config:parse_cache()
  if cache then
    shared(strings, record.paths)
    cache:put(key_of(config, file), record)
  end
  local text = record.text
  known[file] = light(config, record.skipped, function() return records.fields(text) end,
    function(variant) return tasks[variant] end)
end

local function read_here(config, files, done)
  for _, file in ipairs(files) do
    local ok, problem, list = xpcall(config.load, fault.traced, config, file)
    local record = ok and (config:parse_cache() or #files > few) and
      records.record(list, config.data)
    if ok and #files > few then
      config.loaded[file], list = nil, nil
      parse.forget(config.reader, file)
    end
    done(file, record or nil, not ok and problem or nil, ok and list or nil)
  end
end

-- What the cache knows; the other files.
local function take_known(config, files, known)
  local rest, cache = {}, config:parse_cache()
  for _, file in ipairs(files) do
    local skipped, fields, lines
    if cache then skipped, fields, lines = cache:get(key_of(config, file)) end
    if fields then
      known[file] = light(config, skipped, fields, lines)
    else
      rest[#rest + 1] = file
    end
  end
  return rest
end

---@class moonsand.recipe.Survey
---@field recipes moonsand.recipe.Recipe[]   with their variants, in the order of the files
---@field failures {file: string, problem: any}[]
---@field read integer                       how many files were read; the cache knew the others

--- Read files, or all. Faults of recipes are in `failures`.
---@param config moonsand.recipe.Configuration
---@param options? {files?: string[], jobs?: integer, progress?: fun(done: integer, total: integer,
---  failed: integer)}
---@return moonsand.recipe.Survey
function M.read(config, options)
  options = options or {}
  local all = config:recipes()
  local files, known, problems, strings = options.files or all, {}, {}, {}
  local rest = take_known(config, files, known)
  local count, failed = #files - #rest, 0
  local function done(file, record, problem, list)
    if problem and not (fault.is(problem) and problem.kind == "recipe") then error(problem, 0) end
    if record then keep(config, known, strings, file, record) end
    if list then known[file] = list end
    problems[file] = problem
    count, failed = count + 1, failed + (problem and 1 or 0)
    if options.progress then options.progress(count, #files, failed) end
  end
  local jobs = options.jobs or config.jobs or 1
  if jobs > 1 and #rest > few then
    workers.read(config, rest, jobs, done)
  else
    read_here(config, rest, done)
  end
  local cache = config:parse_cache()
  if cache and cache.changed then
    local keys = {}
    for i, file in ipairs(all) do keys[i] = key_of(config, file) end
    cache:save(keys)
  end
  local survey = {recipes = {}, failures = {}, read = #rest}
  for _, file in ipairs(files) do
    local list = known[file] or {}
    table.move(list, 1, #list, #survey.recipes + 1, survey.recipes)
    if problems[file] then
      table.insert(survey.failures, {file = file, problem = problems[file]})
    end
  end
  return survey
end

return M
