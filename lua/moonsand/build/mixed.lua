--- Tasks with functions in Python or Lua: what their sandboxes hold so that build/inside.lua can
--- run them there, on a copy of the task's store.
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local script = require "moonsand.build.script"
local snapshot = require "moonsand.recipe.snapshot"
local words = require("moonsand.text").words

local M = {}

local HOME <const> = script.DIRECTORY

--- The language of a function.
---@param d moonsand.recipe.Data
---@param name string
---@return "shell"|"python"|"lua"
function M.language(d, name)
  return d:raw_flag(name, "python") and "python" or d:raw_flag(name, "lua") and "lua" or "shell"
end

--- Is one of the functions no shell function?
---@param d moonsand.recipe.Data
---@param functions string[]
---@return boolean
function M.is(d, functions)
  for _, name in ipairs(functions) do
    if M.language(d, name) ~= "shell" then return true end
  end
  return false
end

--- The command that runs the functions, for the start script.
M.COMMAND = ("env LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' LUA_CPATH='%s/build/?.so;;' " ..
  "%s/bin/moonsand %s/inside.lua"):format(HOME, HOME, HOME, HOME, HOME)

--- A function as a person reads it beside the log: nothing runs this.
---@param d moonsand.recipe.Data
---@param name string
---@return {text: string, pieces: table[], functions: string[], file: string, line: any}
function M.document(d, name)
  local file, line = d:raw_flag(name, "filename"), d:raw_flag(name, "lineno")
  local python = M.language(d, name) == "python"
  local head = python and ("def %s(d):"):format(name) or ("lua %s() {"):format(name)
  return {
    text = ("%s line: %s, file: %s\n%s\n%s%s"):format(python and "#" or "--", line, file, head,
      d:raw(name) or "", python and "" or "}\n"),
    pieces = {}, functions = {name}, file = file, line = line,
  }
end

--- The names of the variables that a task's programs see: what is exported, and what its `exports`
--- names.
---@param d moonsand.recipe.Data
---@param task string
---@return string[]
function M.exported(d, task)
  local names = {}
  for _, name in ipairs(d:export_names()) do
    if data.truth(d:flag(name, "export")) and not data.truth(d:flag(name, "unexport")) then
      names[#names + 1] = name
    end
  end
  for _, name in ipairs(words(d:flag(task, "exports"))) do names[#names + 1] = name end
  return names
end

--- The same with their values.
---@param d moonsand.recipe.Data
---@param task string
---@return table<string, string>
function M.environment(d, task)
  local env = {}
  for _, name in ipairs(M.exported(d, task)) do env[name] = d:get(name) end
  return env
end

local function directory_of(module, path, depth)
  local file = package.searchpath(module, path)
  file = file and core.realpath(file)
  for _ = 1, depth do file = file and file:match "^(.*)/[^/]*$" end
  return file
end

-- This very interpreter with its modules, and Python's half of them.
local function add_interpreter(d, binds)
  local function add(source, target)
    if source then binds[#binds + 1] = {source = source, target = HOME .. "/" .. target} end
  end
  add(core.realpath "/proc/self/exe", "bin/moonsand")
  add(directory_of("moonsand.fault", package.path, 2), "lua")
  add(directory_of("moonsand.core", package.cpath, 1), "build/moonsand")
  add(d.python and d.python.helper.python.home, "python")
end

-- Packages of metadata layers: {directory inside, name, modules}.
local function add_libraries(d, binds)
  local list = {}
  for i, each in ipairs(d.python and d.python:packages() or {}) do
    local target = ("%s/packages/%d"):format(HOME, i)
    binds[#binds + 1] = {source = each.directory, target = target}
    list[i] = ("{%q, %q, %q}"):format(target, each.name, each.modules)
  end
  return list
end

local function list_of(names)
  local list = {}
  for i, name in ipairs(names) do list[i] = ("%q"):format(name) end
  return table.concat(list, ", ")
end

--- Put into the options of a task's sandbox what its functions need.
---@param d moonsand.recipe.Data   the task's
---@param task string
---@param functions string[]
---@param options table
function M.add(d, task, functions, options)
  local own = d:copy()
  own:put("BB_RUNTASK", task)
  own:put("BB_CURRENTTASK", (task:gsub("^do_", "")))
  own:put("BB_FILENAME", d:get "FILE")
  add_interpreter(d, options.binds)
  local libraries = add_libraries(d, options.binds)
  local function add(name, text)
    options.files[#options.files + 1] = {target = HOME .. "/" .. name, text = text}
  end
  add("inside.lua", ('require("moonsand.build.inside").main(%q)\n'):format(HOME))
  add("task", ("return {task = %q, functions = {%s}, libraries = {%s}}\n"):format(task,
    list_of(functions), table.concat(libraries, ", ")))
  add("store", snapshot.of(own))
  for name, value in pairs(M.environment(d, task)) do options.env[name] = value end
end

-- What the Python of a package says, file by file.
local function digest(directory)
  local lines = {}
  local function walk(path)
    for _, name in ipairs(core.readdir(path) or {}) do
      local each = path .. "/" .. name
      local stat = core.stat(each, "follow")
      if stat and stat.type == "directory" then
        walk(each)
      elseif name:find "%.py$" then
        lines[#lines + 1] = each:sub(#directory + 2) .. " " .. (core.sha256_file(each) or "")
      end
    end
  end
  walk(directory)
  table.sort(lines)
  return core.sha256(table.concat(lines, "\n"))
end

local known = setmetatable({}, {__mode = "k"}) -- for as long as a configuration is the same

--- Digests of the packages of metadata layers, by name: part of the signature of Python tasks.
---@param d moonsand.recipe.Data
---@return table<string, string>
function M.digests(d)
  if not d.python then return {} end
  local list = known[d.python]
  if list then return list end
  list = {}
  known[d.python] = list
  for _, each in ipairs(d.python:packages()) do
    list[each.name] = digest(each.directory .. "/" .. each.name)
  end
  return list
end

--- Refuse what cannot be: a root without the host's programs has no interpreter.
---@param node moonsand.build.Node
---@param where string
function M.refuse_root(node, where)
  fault.throw("recipe", ("task '%s' has a root of its own, where only shell functions run"):format(
    node.name), {where = where, hint = "write it in shell, or take the flag [root] away"})
end

return M
