--- Everything that was read, as plain tables: for JSON, and to be compared from outside.
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local finish = require "moonsand.recipe.finish"
local parse = require "moonsand.recipe.parse"

local M = {}

-- BitBake's names of what a fault's reason says.
local errors = {
  parse = "ParseError", missing = "ParseError", syntax = "BBHandledException",
  overrides = "BBHandledException", recursion = "RecursionError", expansion = "ExpansionError",
  python = "ExpansionError", helper = "ExpansionError", lua = "ExpansionError",
  task = "ValueError",
}

local function error_of(problem)
  if not fault.is(problem) then error(problem, 0) end
  local name = errors[problem.reason] or "ParseError"
  local message = problem.message
  if name == "ParseError" and problem.where then
    message = ("ParseError at %s: %s"):format(problem.where, message)
  end
  return name, message
end

-- Flags of a file alone that say where a function is, not what it is.
local quiet_flags = {filename = true, vardeps = true, export_func = true}

-- A copy that stays a list in JSON when it is empty.
local function list_of(values)
  return setmetatable({table.unpack(values)}, {__jsontype = "array"})
end

local function flags_of(d, name, null, quiet)
  local flags, any = {}, false
  for flag, value in pairs(d:flags(name)) do
    if not (quiet and quiet_flags[flag]) then
      if value == false then value = null end
      if type(value) == "table" and value ~= null then value = list_of(value) end
      if flag == "lineno" then value = tostring(value) end
      flags[flag], any = value, true
    end
  end
  return any and flags or nil
end

local function variable_of(d, name, null, quiet)
  local entry = {}
  local ok, value = pcall(d.raw, d, name)
  if ok then
    entry.raw = value == nil and null or value
  else
    entry.raw_error = error_of(value)
  end
  ok, value = pcall(d.get, d, name)
  if ok then
    entry.value = value == nil and null or value
  else
    entry.error = error_of(value)
  end
  entry.flags = flags_of(d, name, null, quiet)
  return entry
end

-- Names that every store has, whatever was read.
local quiet_names = {FILE = true, BBPATH = true}

--- One store: its variables with text, value and flags, its tasks in order, its overrides.
---@param d moonsand.recipe.Data
---@param null any          what stands for no value
---@param bare? boolean       of a file alone: without what every store has
---@param list? moonsand.recipe.Task[]   its tasks, when a recipe was made of it
---@return table
function M.store(d, null, bare, list)
  local vars, tasks = {}, {}
  for _, name in ipairs(d:names()) do
    local hidden = bare and (quiet_names[name] or name == "DEPENDS" and d:get(name) == "")
    if not hidden then vars[name] = variable_of(d, name, null, bare) end
  end
  if not bare then vars.BBINCLUDED = variable_of(d, "BBINCLUDED", null) end
  for i, task in ipairs(list or d.state.collected or {}) do tasks[i] = task.name end
  tasks = list_of(tasks)
  local anonymous = #(d.state.anonymous or {})
  return {
    vars = vars, tasks = tasks, overrides = table.concat(d:active_overrides(), ":"),
    skipped = d.state.skipped, anonymous_functions = anonymous > 0 and anonymous or nil,
  }
end

local function log_of(warnings)
  local log = {}
  for i, text in ipairs(warnings) do log[i] = "WARNING: " .. text end
  return list_of(log)
end

--- Read one file alone, without a configuration.
---@param path string
---@param null any
---@param python? moonsand.recipe.Python
---@return {log: string[], stores?: table<string, table>, error?: string, message?: string}
function M.bare(path, null, python)
  local reader, d = parse.reader(), data.new()
  d:put("BBPATH", find.directory(path))
  if python then
    parse.attach(reader, d, python)
    d.python:see(find.directory(path))
  end
  local top = d
  d = d:copy()
  local ok, result = pcall(function()
    parse.read(reader, d, path)
    local stores = {[""] = d}
    if not path:find("%.conf$") then stores = finish.recipe(reader, d, path) end
    local dumped = {}
    for variant, store in pairs(stores) do dumped[variant] = M.store(store, null, true) end
    return dumped
  end)
  if top.python then top.python:close() end
  local record = {log = log_of(top.log)}
  if ok then
    record.stores = result
  else
    record.error, record.message = error_of(result)
  end
  return record
end

--- The configuration alone.
---@param d moonsand.recipe.Data
---@param null any
---@return table
function M.configuration(d, null)
  return {log = log_of(d.log), stores = {[""] = M.store(d, null)}}
end

-- The flags of all tasks, expanded: what the tasks of a build see.
local function task_flags(d, list, null)
  local tasks = {}
  for _, task in ipairs(list) do
    local flags = {}
    for flag in pairs(d:flags(task.name)) do
      local ok, value = pcall(d.flag, d, task.name, flag)
      if not ok or value == nil then value = null end
      flags[flag] = type(value) == "table" and value ~= null and list_of(value) or value
    end
    flags.deps = list_of(task.after)
    tasks[task.name] = flags
  end
  return tasks
end

--- A recipe with all its variants.
---@param list moonsand.recipe.Recipe[]   the variants
---@param null any
---@return table
function M.recipe(list, null)
  local stores = {}
  for _, each in ipairs(list) do
    local store = M.store(each.data, null, false, each.tasks)
    store.task_flags = task_flags(each.data, each.tasks, null)
    store.classes = list_of(each.data.state.classes or {})
    stores[each.variant] = store
  end
  return {file = list[1].file, log = log_of(list[1].warnings or {}), stores = stores}
end

return M
