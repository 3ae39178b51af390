-- Cases of ../shared/data: how they are read, run and compared.
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local finish = require "moonsand.recipe.finish"
local json = require "dkjson"
local order = require "moonsand.order"
local parse = require "moonsand.recipe.parse"

local M = {}

-- What stands for null, so that "no value" and "not asked" differ.
local null = setmetatable({}, {__tostring = function() return "null" end})
M.null = null

local root = "/ROOT"

--- The directory of the answers, or nil: ANSWERS, or beside the checkout.
function M.directory()
  local path = os.getenv "ANSWERS" or "../shared/data"
  return core.stat(path) and path or nil
end

local function decode(text)
  local value, _, problem = json.decode(text, 1, null)
  return assert(value, problem)
end

--- All cases of a file: a JSON array, or one object a line, perhaps compressed.
function M.load(path)
  local source
  if path:match("%.gz$") then
    source = assert(io.popen("gunzip -c " .. path))
  else
    source = assert(io.open(path))
  end
  local text = source:read("a")
  source:close()
  if not path:match("jsonl") then return decode(text) end
  local cases = {}
  for line in text:gmatch("[^\n]+") do cases[#cases + 1] = decode(line) end
  return cases
end

--- A disk made of a table of texts.
function M.disk(files)
  local directories = {}
  for path in pairs(files) do
    local at = find.directory(path)
    while at ~= "." and not directories[at] do
      directories[at] = true
      at = find.directory(at)
    end
  end
  return {
    read = function(path) return files[path] end,
    kind = function(path)
      return files[path] and "file" or directories[path] and "directory" or nil
    end,
    list = function(path)
      local names = {}
      for file in pairs(files) do
        local rest = file:sub(1, #path + 1) == path .. "/" and file:sub(#path + 2):match("^[^/]+")
        if rest then names[#names + 1] = rest end
      end
      table.sort(names)
      return names
    end,
  }
end

local function optional(value)
  if value ~= null then return value end
end

--- Run a case: stores by variant, in the end a fault when there was one. `python` runs Python.
function M.run(case, python)
  local files, main = {}, case.main or "case_1.0.bb"
  for name, text in pairs(case.files or {[main] = case.text}) do
    files[root .. "/" .. name] = text:gsub("@ROOT@", root)
  end
  local reader, d = parse.reader(M.disk(files)), data.new()
  local path = {}
  for i, directory in ipairs(optional(case.bbpath) or {}) do path[i] = root .. "/" .. directory end
  d:put("BBPATH", #path > 0 and table.concat(path, ":") or root)
  if python then parse.attach(reader, d, python) end
  local config = d
  d = d:copy()
  local ok, problem = xpcall(function()
    parse.read(reader, d, root .. "/" .. main)
    for _, append in ipairs(optional(case.appends) or {}) do
      parse.read(reader, d, root .. "/" .. append)
    end
    if main:match("%.conf$") then return {[""] = d} end
    return (finish.recipe(reader, d, root .. "/" .. main))
  end, fault.traced)
  return ok and problem or nil, not ok and problem or nil, config
end

-- BitBake's names of errors as reasons of faults.
local reasons = {
  ParseError = {parse = true}, BBHandledException = {syntax = true, overrides = true},
  RecursionError = {recursion = true}, ExpansionError = {expansion = true, python = true},
  ValueError = {task = true},
}

local function shown(value)
  if type(value) == "table" and value ~= null then return json.encode(value) end
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

M.shown = shown

local function check_error(expected, problem)
  if not problem then return "no error, expected " .. expected.error end
  if not fault.is(problem) then return tostring(problem) end
  if problem.kind ~= "recipe" or not reasons[expected.error][problem.reason] then
    return ("%s, expected %s"):format(tostring(problem), expected.error)
  end
  local place = expected.message:match("^ParseError at @ROOT@(.-:%d+):")
  if place and problem.where ~= root .. place then
    return ("at %s, expected %s: %s"):format(problem.where, place, tostring(problem))
  end
end

local function same_flag(expected, actual)
  if expected == null then return actual == false end
  if type(expected) ~= "table" then return tostring(expected) == tostring(actual) end
  if type(actual) ~= "table" or #actual ~= #expected then return false end
  for i, each in ipairs(expected) do
    if each ~= actual[i] then return false end
  end
  return true
end

-- Flags that the answers leave out.
local quiet_flags = {filename = true, vardeps = true, export_func = true}

local function check_flags(name, expected, d)
  local flags = d:flags(name)
  for flag, value in pairs(expected) do
    if not same_flag(value, flags[flag]) then
      return ("%s[%s] is %s, expected %s"):format(name, flag, shown(flags[flag]),
        type(value) == "table" and value ~= null and table.concat(value, ",") or shown(value))
    end
  end
  for flag, value in pairs(flags) do
    if expected[flag] == nil and not quiet_flags[flag] then
      return ("%s[%s] is %s, expected none"):format(name, flag, shown(value))
    end
  end
end

local function check_read(name, what, read, expected, failing)
  local ok, value = pcall(read)
  if failing then
    if ok then return ("%s of %s is %s, expected %s"):format(what, name, shown(value), failing) end
    if not (fault.is(value) and reasons[failing][value.reason]) then return tostring(value) end
  elseif not ok then
    return ("%s of %s: %s"):format(what, name, tostring(value))
  elseif expected == null and value ~= nil or expected ~= null and value ~= expected:gsub("@ROOT@",
    root) then
    return ("%s of %s is %s, expected %s"):format(what, name, shown(value), shown(expected))
  end
end

local function check_variable(name, expected, d)
  return (expected.raw ~= nil or expected.raw_error) and check_read(name, "text",
      function() return d:raw(name) end, expected.raw, expected.raw_error) or
    (expected.value ~= nil or expected.error) and check_read(name, "value",
      function() return d:get(name) end, expected.value, expected.error) or
    check_flags(name, expected.flags or {}, d)
end

local quiet_names = {FILE = true, BBPATH = true, DEPENDS = true}

--- What is wrong with the variables of a store, or nil.
function M.check_variables(expected, d)
  for name, each in order.sorted(expected) do -- as it was asked: an expression may set others
    local problem = check_variable(name, each, d)
    if problem then return problem end
  end
  for _, name in ipairs(d:names()) do
    if not expected[name] and not quiet_names[name] then return name .. " is there" end
  end
end

local function check_store(expected, d)
  local problem = M.check_variables(expected.vars, d)
  if problem then return problem end
  local overrides = table.concat(d:active_overrides(), ":")
  if overrides ~= expected.overrides then
    return ("overrides are %s, expected %s"):format(overrides, expected.overrides)
  end
  local tasks = {}
  for i, each in ipairs(d.state.collected or {}) do tasks[i] = each.name end
  if table.concat(tasks, " ") ~= table.concat(expected.tasks, " ") then
    return ("tasks are %s, expected %s"):format(table.concat(tasks, " "),
      table.concat(expected.tasks, " "))
  end
  local skipped = expected.skipped
  if skipped ~= d.state.skipped then return "skipped: " .. shown(d.state.skipped) end
end

local function check_log(expected, actual)
  local lines = {}
  for i, line in ipairs(expected) do
    lines[i] = line:gsub("^WARNING: ", ""):gsub("@ROOT@", root)
  end
  if table.concat(lines, "\n") ~= table.concat(actual, "\n") then
    return ("warnings are\n%s\nexpected\n%s"):format(table.concat(actual, "\n"),
      table.concat(lines, "\n"))
  end
end

local function verdict(expected, stores, problem, config)
  if expected.error then return check_error(expected, problem) end
  if problem then return tostring(problem) end
  local log = check_log(expected.log, config.log)
  if log then return log end
  for variant, store in pairs(expected.stores) do
    if not stores[variant] then return "there is no variant " .. variant end
    local wrong = check_store(store, stores[variant])
    if wrong then return variant .. " " .. wrong end
  end
end

--- What is wrong with a case, or nil.
function M.check(case, python)
  local stores, problem, config = M.run(case, python)
  local wrong = verdict(case.expected, stores, problem, config)
  if config.python then config.python:close() end
  return wrong
end

return M
