--- What Python's `d` may ask of a store.
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local task = require "moonsand.recipe.task"
local wire = require "moonsand.recipe.wire"

local M = {}

local unpack, sub = string.unpack, string.sub

-- Reading: the kinds of python/bb/data_smart.py.
local readers = {
  v = function(d, name) return d:get(name) end,
  r = function(d, name) return d:raw(name) end,
  p = function(d, name) return d:plain(name) end,
  e = function(d, name, flag) return d:flag(name, flag) end,
  u = function(d, name, flag) return d:raw_flag(name, flag) or nil end,
}

function readers.i(d, name) -- does it inherit a class?
  local ending = "/" .. name .. ".bbclass"
  for _, path in ipairs(d.state.classes or {}) do
    if sub(path, -#ending) == ending then return true end
  end
  return false
end

--- Read what a key names: a kind, a name, and for flags a NUL and the flag.
---@param d moonsand.recipe.Data
---@param kind string
---@param name string
---@param flag? string
---@return any
function M.read(d, kind, name, flag)
  return readers[kind](d, name, flag)
end

-- Writing. Each gets the store, a name, a value, and one thing more.
local writers = {
  s = function(d, name, value) d:set(name, value) end,
  a = function(d, name, value) d:append(name, value) end,
  q = function(d, name, value) d:prepend(name, value) end,
  d = function(d, name) d:delete(name) end,
  r = function(d, name, value) d:rename(name, value) end,
  g = function(d, name, _, flag) d:delete_flag(name, flag) end,
  v = function(d, name, value) d:set_filter(name, value) end,
}

function writers.p(d, name, value)
  d:put(name, value, {operator = "set", name = name, text = value, file = d.author.file,
    line = d.author.line})
end

function writers.f(d, name, value, flag)
  if value == nil then value = false end
  d:set_flag(name, flag, value)
end

-- The text of a flag that is added to.
local function flag_text(d, name, flag)
  local value = d:raw_flag(name, flag) or ""
  if type(value) == "string" then return value end
  fault.throw("recipe", ("%s[%s] is no text, so nothing can be added to it"):format(name, flag), {
    where = d:flag_place(name, flag), reason = "python"})
end

function writers.h(d, name, value, flag)
  d:set_flag(name, flag, flag_text(d, name, flag) .. value)
end

function writers.i(d, name, value, flag)
  d:set_flag(name, flag, value .. flag_text(d, name, flag))
end

local function write(d, verb, name, value, more, file, line)
  d.author = {file = file, line = line}
  local ok, problem = pcall(writers[verb], d, name, value, more)
  d.author = nil
  if not ok then error(problem, 0) end
end

-- Questions: verb -> function of the bridge, the store and the arguments.
local verbs = {}

function verbs.flags(_, d, name)
  local names = {}
  for _, flag in ipairs(d:flag_names(name)) do
    if sub(flag, 1, 1) ~= "_" then names[#names + 1] = flag end
  end
  return names
end

function verbs.expand(_, d, text, name) return d:expand(text, name) end

function verbs.names(_, d) return d:names() end

function verbs.exported(_, d)
  local names = {}
  for _, name in ipairs(d:export_names()) do
    if data.truth(d:flag(name, "export")) and not data.truth(d:flag(name, "unexport")) then
      names[#names + 1] = name
    end
  end
  return names
end

function verbs.has_variants(_, d, name) return (d.variants[name] and true) or false end

function verbs.copy(bridge, d)
  d:depends_on_all()
  local copy = d:copy()
  bridge.helper:hold(copy)
  return copy
end

function verbs.new(bridge)
  local new = data.new()
  new.python = bridge
  bridge.helper:hold(new)
  return new
end

function verbs.history(_, d, name)
  local lines = {}
  for i, each in ipairs(d:where(name)) do
    lines[i] = table.concat({each.operator or "set", each.file or "", tostring(each.line or ""),
      tostring(each.text or ""), each.flag or ""}, "\0")
  end
  return lines
end

function verbs.classes(_, d) return {table.unpack(d.state.classes or {})} end

function verbs.tasks(_, d) return {table.unpack(d.state.tasks or {})} end

function verbs.addtask(_, d, name, before, after)
  task.add(d, {name = name, before = before or "", after = after or "", file = "python", line = 0})
end

function verbs.deltask(_, d, name)
  task.delete(d, {text = name, file = "python", line = 0})
end

function verbs.inherit(bridge, d, names, file, line)
  bridge.inherit(d, names, {file = file, line = line})
end

function verbs.handlers(bridge, d, event)
  local lines = {}
  for i, each in ipairs(bridge.handlers(d, event)) do
    lines[i] = table.concat({each.name, each.file, tostring(each.line), each.text}, "\0")
  end
  return lines
end

function verbs.execute(bridge, d, name, dirs)
  if not bridge.execute then
    fault.throw("recipe", ("'%s' is a shell function: only tasks can run it"):format(name), {
      where = d:place(name), reason = "python"})
  end
  bridge.execute(d, name, dirs)
end

function verbs.expand_keys(_, d) d:expand_keys() end

function verbs.depends_on(_, d, path)
  if d.files[path] == nil then d.files[path] = true end
end

function verbs.environment(bridge, d)
  local origin = d.state.environment or {}
  local new = data.new()
  new.python = bridge
  for name, value in pairs(origin) do new:put(name, value) end
  bridge.helper:hold(new)
  return new
end

--- How the helper's frames are served, for a bridge.
---@param bridge moonsand.recipe.Bridge
---@return table<string, fun(helper: moonsand.recipe.Helper, frame: string)>
function M.serve(bridge)
  local serve = {}

  function serve.g(helper, frame)
    local number, name, at = unpack("<I4s4", frame, 3)
    local flag = at <= #frame and sub(frame, at) or nil
    helper:answer(M.read, helper:store(number), sub(frame, 2, 2), name, flag)
  end

  function serve.w(helper, frame)
    local number, name, at = unpack("<I4s4", frame, 3)
    local value, more, file, line
    value, at = wire.decode(frame, at, helper)
    more, at = wire.decode(frame, at, helper)
    file, line = unpack("<s4I4", frame, at)
    if helper.refused then return end
    local d = helper:store(number)
    d:depends_on_all() -- an expression that writes is run again
    local ok, problem = pcall(write, d, sub(frame, 2, 2), name, value, more,
      file, line)
    if not ok then helper.refused = problem end
  end

  function serve.q(helper, frame)
    local number, verb, at = unpack("<I4s4", frame, 2)
    local count
    count, at = wire.decode(frame, at, helper)
    local arguments = {}
    for i = 1, count do arguments[i], at = wire.decode(frame, at, helper) end
    local run = verbs[verb]
    helper:answer(function(d, ...) return run(bridge, d, ...) end,
      helper:store(number) or bridge.root, table.unpack(arguments, 1, count))
  end

  function serve.l(_, frame)
    bridge:say(sub(frame, 2, 2), (unpack("<s4", frame, 3)))
  end

  function serve.c()
    bridge.looks = bridge.looks + 1
  end

  function serve.f(helper, frame)
    helper:release((unpack("<I4", frame, 2)))
  end

  return serve
end

return M
