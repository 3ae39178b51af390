--- Inside of a task's sandbox: runs functions of all languages on the task's store, one after the
--- other, as BitBake does. The start script makes room for it; it is never loaded outside.
local bridge = require "moonsand.recipe.bridge"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local lua = require "moonsand.recipe.lua"
local message = require "moonsand.build.message"
local mixed = require "moonsand.build.mixed"
local script = require "moonsand.build.script"
local shell = require "moonsand.recipe.shell"
local snapshot = require "moonsand.recipe.snapshot"
local read = require("moonsand.text").read
local words = require("moonsand.text").words

local M = {}

local PYTHON <const> = "/usr/bin/python3"

---@class moonsand.build.Inside
---@field task string
---@field directory string    of the store, the list of functions, and Python's half
---@field place string        where run scripts are written to
local Inside = {}
Inside.__index = Inside

local function check(ok, problem)
  if not ok then fault.throw("fs", problem) end
  return ok
end

local function say(level, text)
  io.stdout:write(message.encode(level, text))
  io.stdout:flush()
end

local function write(path, text)
  local file = check(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- Two pipes as the one stream that a helper has.
local function joined(reader, writer)
  return {
    read = function(_, count) return reader:read(count) end,
    write = function(_, bytes, from) return writer:write(bytes, from) end,
    close = function()
      reader:close()
      writer:close()
    end,
  }
end

-- Sets of words have one order, in every task: with a random seed it would be an input that no key
-- knows. The seed is read from the environment or not at all, so -I is not for us; the variables of
-- the recipe that would change the interpreter itself wait under other names (helper.py).
local function python_environment(exported)
  local lines = {"unset LUA_PATH LUA_CPATH"}
  for _, name in ipairs(exported) do
    if name:find "^PYTHON[%w_]*$" and os.getenv(name) then
      lines[#lines + 1] = ("export MOONSAND_KEPT_%s=\"$%s\"; unset %s"):format(name, name, name)
    end
  end
  return table.concat(lines, "; ") .. "; MOONSAND_TASK=1 PYTHONHASHSEED=0"
end

-- Python as a child of this process: what it writes goes to the log. The filter of a sandbox lets
-- nobody clone3, so a shell starts it; it ends when its pipes do.
local function python(directory, exported)
  return {
    start = function()
      if not core.stat(PYTHON, "follow") then
        fault.throw("host", "there is no " .. PYTHON, {hint = "apt install python3"})
      end
      local asked, answered = "/tmp/python.asked", "/tmp/python.answered"
      check(os.execute(("rm -f %s %s; mkfifo -m 600 %s %s"):format(asked, answered, asked,
        answered)), "mkfifo failed")
      os.execute(("%s %s -s -S -B %s/python/helper.py <%s >%s &"):format(
        python_environment(exported), PYTHON, directory, asked, answered))
      local writer = check(core.open(asked, "w"))
      local reader = check(core.open(answered, "r"))
      check(os.remove(asked))
      check(os.remove(answered))
      return {close = function() end}, joined(reader, writer)
    end,
  }
end

local function make_room(d, name, directories)
  for _, directory in ipairs(words(d:flag(name, "cleandirs"))) do
    if core.stat(directory) then check(core.remove_tree(directory)) end
    check(core.mkdirs(directory))
  end
  for _, directory in ipairs(directories) do check(core.mkdirs(directory)) end
  return directories[#directories]
end

local function failed_command(self, name, piece, code, kind)
  local last = script.last(read(script.TRACE) or "")
  local where = last and script.place(last, {piece})
  fault.throw("task", ("Execution of '%s' failed with %s %d"):format(name,
    kind == "signal" and "signal" or "exit code", code), {
    where = where or ("%s:%s"):format(piece.file, piece.line), command = where and last.command,
    cwd = where and last.cwd, exit_code = kind == "exit" and code or nil, shell = self.task == name,
  })
end

local function run_shell(self, d, name)
  local piece = shell.script(d, name)
  local run = name == self.task and "run." .. name or ("run.%s.%s"):format(self.task, name)
  local path = self.place .. "/" .. run
  write(path, piece.text)
  write(path .. ".start", script.traced(path))
  local ok, kind, code = os.execute("exec /bin/bash --noprofile --norc " .. path .. ".start")
  if not ok then failed_command(self, name, piece, code, kind) end
end

-- What Lua code may use besides; all of it only reaches what the sandbox has.
local function names_of(self, d)
  local names = {io = io, os = os, print = print}
  for _, level in ipairs {"plain", "note", "warn", "debug"} do
    names[level] = function(text) say(level, tostring(text)) end
  end
  function names.progress(percent) say("progress", ("%d"):format(percent // 1)) end
  function names.fatal(text) fault.throw("task", tostring(text)) end
  function names.call(name) self:execute(d, name) end
  function names.sh(command)
    local ok, kind, code = os.execute(command)
    if not ok then
      error(("'%s' failed: %s %d"):format(command, kind, code), 2)
    end
  end
  function names.capture(command)
    local pipe = assert(io.popen(command))
    local text = pipe:read "a"
    local ok, kind, code = pipe:close()
    if not ok then error(("'%s' failed: %s %d"):format(command, kind, code), 2) end
    return (text:gsub("\n$", ""))
  end
  return names
end

local function run_lua(self, d, name, directory)
  local before = check(core.realpath ".")
  if directory then check(core.chdir {target = directory}) end
  lua.run(d, d:raw(name), d:raw_flag(name, "filename"), d:raw_flag(name, "lineno"),
    names_of(self, d))
  io.stdout:flush()
  check(core.chdir {target = before})
end

--- Run a function of the store: its directories first, then itself in the last of them.
---@param d moonsand.recipe.Data
---@param name string
---@param directories? string[]   instead of its `dirs`
function Inside:execute(d, name, directories)
  local directory = make_room(d, name, directories or words(d:flag(name, "dirs")))
  local text = d:raw(name)
  if not text then return say("warn", ("Function %s doesn't exist"):format(name)) end
  if d:raw_flag(name, "python") then
    self.python:run(d, name:gsub("[^%w_]", "_"), d:raw_flag(name, "filename"),
      math.tointeger(tonumber(d:raw_flag(name, "lineno"))) or 1, text, directory)
  elseif d:raw_flag(name, "lua") then
    run_lua(self, d, name, directory)
  else
    run_shell(self, d, name)
  end
end

local function prepare(directory)
  local work = assert(load(read(directory .. "/task"), "=task", "t", {}))()
  local d = snapshot.restore(read(directory .. "/store"))
  local self = setmetatable({task = work.task, directory = directory, place = "/tmp"}, Inside)
  local exported = mixed.exported(d, work.task)
  self.python = bridge.new(python(directory, exported))
  self.python.root, d.python = d, self.python
  self.python.execute = function(store, name, dirs) self:execute(store, name, dirs) end
  self.python.handlers = function() return {} end
  self.python.say = function(_, level, text) say(level == "e" and "error" or "warn", text) end
  for _, each in ipairs(work.libraries) do self.python:library(table.unpack(each)) end
  return self, d, work
end

local function report(problem)
  if not fault.is(problem) then
    io.stderr:write(tostring(problem), "\n")
    problem = {message = tostring(problem):match "^[^\n]*"}
  end
  for _, place in ipairs(problem.trace or {}) do io.stdout:write("  at ", place, "\n") end
  say("failed", message.encode_failure(problem))
end

--- Run the functions of a task and leave.
---@param directory string
function M.main(directory)
  io.stdout:setvbuf "line"
  local ok, problem = xpcall(function()
    local self, d, work = prepare(directory)
    for _, name in ipairs(work.functions) do self:execute(d, name) end
    self.python:close()
  end, fault.traced)
  if not ok then report(problem) end
  os.exit(ok and 0 or 1, false)
end

return M
