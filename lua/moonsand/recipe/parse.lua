--- Statements -> datastore: what each statement does, in the order of the file.
local bridge = require "moonsand.recipe.bridge"
local class = require "moonsand.recipe.class"
local event = require "moonsand.recipe.event"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local fragment = require "moonsand.recipe.fragment"
local moving = require "moonsand.recipe.moving"
local scan = require "moonsand.recipe.scan"
local task = require "moonsand.recipe.task"

local M = {}

---@class moonsand.recipe.Reader
---@field disk moonsand.recipe.Disk
---@field depth integer                                   how many files are being read
---@field statement? moonsand.recipe.Statement           the one that runs
---@field statements table<string, moonsand.recipe.Statement[]>
---@field known table<string, boolean>   files that a configuration scanned that was kept

-- Scanned files of this process. The text is the key to their being the same still.
local scanned = {}

--- A reader of files; it looks at each file once.
---@param disk? moonsand.recipe.Disk
---@return moonsand.recipe.Reader
function M.reader(disk)
  return {disk = disk or find.disk, depth = 0, statements = {}, known = {}}
end

--- Let a store and all above it run Python.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param python moonsand.recipe.Python
function M.attach(reader, d, python)
  d.python = bridge.new(python)
  d.python.root = d
  d.python.handlers = event.of
  d.python.inherit = function(store, names, statement)
    M.inherit(reader, store, names, statement, true)
  end
end

local function statements_of(reader, path)
  local list = reader.statements[path]
  if list then return list end
  local text = find.text(reader.disk, path)
  local known = scanned[path]
  if not (known and known.text == text) then
    known = {text = text, statements = scan.scan(text, path)}
    scanned[path] = known
  end
  reader.statements[path] = known.statements
  return known.statements
end

--- Forget the statements of a file that is not read again soon.
---@param reader moonsand.recipe.Reader
---@param path string
function M.forget(reader, path)
  reader.statements[path], scanned[path] = nil, nil
end

local function place(statement)
  return ("%s:%d"):format(statement.file, statement.line)
end

-- What the scanner warned about is said once, as the file is scanned.
local function statements_to_run(reader, path, extension)
  local known = reader.statements[path] or reader.known[path]
  local list = statements_of(reader, path)
  if not (known and (extension == "inc" or extension == "bbclass")) then return list, 1 end
  local from = 1
  while list[from] and list[from].kind == "warning" do from = from + 1 end
  return list, from
end

local handlers = {}

-- The value that the immediate operators work on.
local function current(d, name, flag)
  if not flag then return d:plain(name) end
  local record = d.vars[name]
  return record and record.flags and record.flags[flag]
end

-- Operators whose value is made of the one before.
local combine = {
  ["?="] = function(old, text)
    if old == nil then return text end
    return old
  end,
  ["+="] = function(old, text) return (old or "") .. " " .. text end,
  ["=+"] = function(old, text) return text .. " " .. (old or "") end,
  [".="] = function(old, text) return (old or "") .. text end,
  ["=."] = function(old, text) return text .. (old or "") end,
}

local function pending(name)
  return name:find(":append", 1, true) or name:find(":prepend", 1, true) or
    name:find(":remove", 1, true)
end

local discouraged = {["+="] = true, ["=+"] = true, [".="] = true, ["=."] = true}

local function immediate(d, statement)
  local text = statement.text
  if not text:find("${", 1, true) then return text end
  local ok, value = pcall(function() return d:copy():expand(text, statement.name .. "[:=]") end)
  if ok then return value end
  if fault.is(value) then value.where = place(statement) end
  error(value, 0)
end

function handlers.set(_, d, statement)
  local name, flag, operator = statement.name, statement.flag, statement.operator
  if statement.export then
    d:set_flag(name, "export", 1, {operator = "export", name = name, flag = "export", text = "1",
      file = statement.file, line = statement.line})
  end
  local value
  local looks = d.python and d.python.looks
  if operator == ":=" then
    value = immediate(d, statement)
  elseif combine[operator] then
    value = combine[operator](current(d, name, flag), statement.text)
  else
    value = statement.text
  end
  if discouraged[operator] and name:find(":[apr][pre][pem]") and pending(name) then
    d:warn(("%s %s is not a recommended operator combination, please replace it."):format(name,
      operator))
  end
  if flag then
    d:set_flag(name, flag, value, statement, operator == "??=")
  elseif operator == "??=" then
    d:put_default(name, value, statement)
  else
    d:put(name, value, statement)
    if looks and looks < d.python.looks then moving.assigned(d, statement, looks) end
  end
end

function handlers.warning(_, d, statement)
  d:warn(statement.text)
end

function handlers.export(_, d, statement)
  d:set_flag(statement.name, "export", 1, statement)
end

function handlers.unset(_, d, statement)
  if statement.flag then
    d:delete_flag(statement.name, statement.flag, statement)
  else
    d:delete(statement.name, statement)
  end
end

handlers["function"] = function(_, d, statement)
  if statement.anonymous then
    local list = {table.unpack(d.state.anonymous or {})}
    list[#list + 1] = statement
    d.state.anonymous = list
    return
  end
  local name, language = statement.name, statement.language
  local old = d:raw(name)
  if old and old ~= "" then
    for _, flag in ipairs {"python", "lua", "fakeroot"} do d:delete_flag(name, flag, false) end
  end
  if language ~= "shell" then d:set_flag(name, language, "1", false) end
  if statement.fakeroot then d:set_flag(name, "fakeroot", "1", false) end
  d:set_flag(name, "func", 1, false)
  d:put(name, statement.text, statement)
  d:set_flag(name, "filename", statement.file, false)
  d:set_flag(name, "lineno", statement.line, false)
end

-- BitBake counts the line of a `def` from the line before it.
function handlers.def(_, d, statement)
  local name = statement.name
  d:set_flag(name, "func", 1, false)
  d:set_flag(name, "python", 1, false)
  d:put(name, statement.text, statement)
  d:set_flag(name, "filename", statement.file, false)
  d:set_flag(name, "lineno", statement.line - 1, false)
  if d.python then d.python:define(d, statement) end
end

local function read_included(reader, d, path, statement)
  if d.files[path] then
    d:warn(("Duplicate inclusion for %s in %s"):format(path, d:get("FILE")))
  end
  M.read(reader, d, path, statement)
end

-- Included files end in one of these; the rest is refused even when it is not there.
local includable = {bb = true, bbclass = true, inc = true}

-- A name that is nothing but ".conf" counts, too: conf/multiconfig/${BB_CURRENT_MC}.conf.
local function is_includable(name)
  return name:find("%.conf$") or includable[name:match("[^/]%.(%w+)$")]
end

local function refuse_file(path, statement)
  fault.throw("recipe", ("'%s' is not a BitBake file"):format(path), {
    where = statement and place(statement) or path, reason = "parse",
    hint = "file names end in .bb, .bbclass, .inc, .conf or .bbappend",
  })
end

local function locate_included(reader, d, name, statement)
  if name:sub(1, 1) == "/" then
    if reader.disk.kind(name) == "file" then return name end
    if d.files[name] == nil then d.files[name] = false end
    return nil
  end
  local directories = find.split(d:get("BBPATH"))
  table.insert(directories, 1, find.directory(statement.file))
  return M.locate(reader, d, directories, name)
end

-- include and require: beside the file that says so, then along BBPATH. A file does not include
-- itself by its full name.
local function include(reader, d, statement, text, required)
  for name in d:expand(text):gmatch("%S+") do
    if name ~= statement.file then
      local path = locate_included(reader, d, name, statement)
      if not is_includable(name) then refuse_file(name, statement) end
      if path then
        read_included(reader, d, path, statement)
      elseif required then
        fault.throw("recipe", ("Could not include required file %s"):format(name), {
          where = place(statement), reason = "parse",
          hint = "looked for beside this file, then along BBPATH: " .. (d:get("BBPATH") or ""),
        })
      end
    end
  end
end

--- A file along a list of directories; every name tried is remembered by the store.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param directories string[]
---@param name string
---@return string?
function M.locate(reader, d, directories, name)
  local tried = {}
  local path = find.along(reader.disk, directories, name, tried)
  for _, each in ipairs(tried) do
    if each ~= path and d.files[each] == nil then d.files[each] = false end
  end
  return path
end

function handlers.include(reader, d, statement)
  include(reader, d, statement, statement.text, false)
end

function handlers.require(reader, d, statement)
  include(reader, d, statement, statement.text, true)
end

function handlers.include_all(reader, d, statement)
  local text = d:expand(statement.text)
  for _, directory in ipairs(find.split(d:get("BBPATH"))) do
    include(reader, d, statement, find.clean(directory .. "/" .. text), false)
  end
end

function handlers.inherit(reader, d, statement)
  M.inherit(reader, d, statement.text, statement)
end

function handlers.inherit_defer(_, d, statement)
  class.defer(d, statement.text, statement)
end

--- Read the classes that a text names, unless they are to wait for the end of the recipe.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param text string
---@param statement moonsand.recipe.Statement   who asks
---@param now? boolean    also those that BB_DEFER_BBCLASSES names
function M.inherit(reader, d, text, statement, now)
  local names = d:expand(text)
  local waiting = {}
  if not now then
    for name in (d:get("BB_DEFER_BBCLASSES") or ""):gmatch("%S+") do waiting[name] = true end
  end
  for name in names:gmatch("%S+") do
    if waiting[name] then
      class.defer(d, name, statement)
    else
      local path = class.find(reader, d, name, statement, M.locate)
      if class.enter(d, path) then M.read(reader, d, path, statement) end
    end
  end
end

function handlers.export_functions(_, d, statement)
  class.export(d, statement)
end

function handlers.addtask(_, d, statement)
  task.add(d, statement)
end

function handlers.deltask(_, d, statement)
  task.delete(d, statement)
end

function handlers.addhandler(_, d, statement)
  event.add(d, statement)
end

function handlers.addpylib(_, d, statement)
  if not d.python then return end
  local directory, name = d:expand(statement.text):match("^(%S+)%s+(%S+)")
  if name then d.python:library(directory, name, d:get("BB_GLOBAL_PYMODULES") or "") end
end

function handlers.addfragments(reader, d, statement)
  fragment.add(reader, d, statement, M.read)
end

-- How deep files may include each other.
local deepest = 100

--- Read one file into the store.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param path string
---@param statement? moonsand.recipe.Statement  who asks
function M.read(reader, d, path, statement)
  local extension = path:match("%.(%w+)$")
  if not (extension == "bb" or extension == "bbclass" or extension == "inc" or
    extension == "conf" or extension == "bbappend") then
    refuse_file(path, statement)
  end
  if reader.depth >= deepest then
    fault.throw("recipe", ("'%s' is included again and again"):format(path), {
      where = statement and place(statement), reason = "recursion",
      hint = "a file includes itself, perhaps by way of others",
    })
  end
  local file = d:plain("FILE")
  local moves = extension ~= "bbclass" and file ~= path
  local list, from = statements_to_run(reader, path, extension)
  d.files[path] = true
  reader.depth = reader.depth + 1
  if moves then d:put("FILE", path) end
  local ok, problem = pcall(M.run, reader, d, list, from)
  reader.depth = reader.depth - 1
  if not ok then
    if fault.is(problem) and not problem.where and problem.reason ~= "skip" then
      problem.where = place(reader.statement)
    end
    error(problem, 0)
  end
  if moves and file then d:put("FILE", file) end
end

--- Run statements.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param list moonsand.recipe.Statement[]
---@param from? integer   the first one to run
function M.run(reader, d, list, from)
  for i = from or 1, #list do
    local statement = list[i]
    reader.statement = statement
    handlers[statement.kind](reader, d, statement)
  end
end

return M
