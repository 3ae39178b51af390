--- Lua inside metadata: `${=expression}` and `lua` functions; the outside is out of their reach.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

-- What reading a recipe may cost: beyond it, the code is at fault.
local bounds = {memory = 128 << 20, steps = 10000000}

-- Views hide the store: metadata sees the methods below, and nothing of how they are made.
local behind = setmetatable({}, {__mode = "k"})
local View = {__name = "moonsand.recipe.View"}
View.__index = View

for _, name in ipairs {
  "get", "raw", "set", "append", "prepend", "remove", "flag", "raw_flag", "flags", "delete",
  "expand", "names", "where", "active_overrides",
} do
  View[name] = function(view, ...)
    local d = behind[view]
    return d[name](d, ...)
  end
end

function View.set_flag(view, name, flag, value)
  behind[view]:set_flag(name, flag, value)
end

function View.delete_flag(view, name, flag)
  behind[view]:delete_flag(name, flag)
end

--- Leave the recipe out of every build; the reason is shown when somebody asks for it.
function View.skip(_, reason)
  fault.throw("recipe", tostring(reason), {reason = "skip"})
end

-- The words of a variable as a set.
local function words_of(d, name)
  local set = {}
  for word in (d:get(name) or ""):gmatch("%S+") do set[word] = true end
  return set
end

--- `yes` when the variable holds every one of the words, else `no`.
---@param d moonsand.recipe.Data
---@param name string
---@param words string
---@param yes any
---@param no any
---@return any
function M.contains(d, name, words, yes, no)
  local value = d:get(name)
  if not value or value == "" then return no end
  local set = words_of(d, name)
  for word in words:gmatch("%S+") do
    if not set[word] then return no end
  end
  return yes
end

--- `yes` when the variable holds at least one of the words, else `no`.
---@param d moonsand.recipe.Data
---@param name string
---@param words string
---@param yes any
---@param no any
---@return any
function M.contains_any(d, name, words, yes, no)
  local set = words_of(d, name)
  for word in words:gmatch("%S+") do
    if set[word] then return yes end
  end
  return no
end

--- Those of the words that the variable holds, sorted, with blanks between.
---@param d moonsand.recipe.Data
---@param name string
---@param words string
---@return string
function M.filter(d, name, words)
  local set, found, seen = words_of(d, name), {}, {}
  for word in words:gmatch("%S+") do
    if set[word] and not seen[word] then
      seen[word] = true
      found[#found + 1] = word
    end
  end
  table.sort(found)
  return table.concat(found, " ")
end

--- Name, version and revision that a recipe's file name holds: `NAME_VERSION_REVISION.bb`.
---@param file? string
---@return string? name, string? version, string? revision
function M.from_file(file)
  local base = file and (file:match("([^/]*)%.bb$") or file:match("([^/]*)%.bbappend$"))
  if not base then return nil end
  local parts = {}
  for part in (base .. "_"):gmatch("([^_]*)_") do parts[#parts + 1] = part end
  if #parts > 3 then
    fault.throw("recipe", ("the file name '%s' has too many underscores"):format(base), {
      where = file, reason = "parse", hint = "a recipe is called NAME_VERSION_REVISION.bb",
    })
  end
  return table.unpack(parts, 1, 3)
end

-- A library that cannot be changed.
local function sealed(library)
  return setmetatable({}, {
    __index = library,
    __newindex = function(_, name) error(("'%s' cannot be set here"):format(tostring(name)), 2) end,
    __metatable = false,
  })
end

local strings = {}
for name, value in pairs(string) do strings[name] = value end
strings.dump = nil

-- What metadata may use of Lua.
local library = {
  math = sealed(math), string = sealed(strings), table = sealed(table), utf8 = sealed(utf8),
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, select = select,
  tonumber = tonumber, tostring = tostring, type = type,
}

-- Helpers that know the store.
local function helpers(d, view, more)
  local own = {d = view}
  function own.contains(...) return M.contains(d, ...) end
  function own.contains_any(...) return M.contains_any(d, ...) end
  function own.filter(...) return M.filter(d, ...) end
  function own.call(name) return M.call(d, name, more) end
  function own.from_file(part) return (select(part, M.from_file(d:get("FILE")))) end
  for name, value in pairs(more or {}) do own[name] = value end
  return own
end

--- The environment for a store: Lua without the outside, helpers, and every variable by its name.
---@param d moonsand.recipe.Data
---@param more? table   more names, for tasks
---@return table env, table view
function M.environment(d, more)
  local known = d.environment
  if known and not more then return known.env, known.view end
  local view = setmetatable({}, View)
  behind[view] = d
  local own = helpers(d, view, more)
  local env = setmetatable({}, {
    __index = function(_, name)
      local value = own[name]
      if value == nil then value = library[name] end
      if value == nil and type(name) == "string" then value = d:get(name) end
      return value
    end,
    __newindex = function(_, name)
      error(("'%s' is not local: write 'local %s', or d:set(...)"):format(name, name), 2)
    end,
    __metatable = false,
  })
  if not more then d.environment = {env = env, view = view} end
  return env, view
end

-- What code may not go beyond, in words. Lua calls no handler for the first.
local beyond = {
  ["not enough memory"] = ("needs more than %d MiB of memory"):format(bounds.memory >> 20),
  ["too many instructions"] = ("does not end: more than %d million instructions"):format(
    bounds.steps // 1000000),
}

-- What went wrong, as `placed` has it.
local function refusal(problem)
  if type(problem) == "string" then problem = {message = problem} end
  problem.message = beyond[problem.message] or problem.message
  return problem
end

-- Message handler: the place inside the metadata, the message without Lua's own idea of it.
local function placed(source)
  return function(problem)
    if fault.is(problem) then return problem end
    local text = tostring(problem)
    for level = 2, 30 do
      local info = debug.getinfo(level, "Sl")
      if not info then break end
      if info.source == source then
        return {message = text:gsub("^[^\n]-:%d+: ", ""), line = info.currentline}
      end
    end
    return {message = text:gsub("^[^\n]-:%d+: ", "")}
  end
end

local expression_source = "=expression"
local compiled = setmetatable({}, {__mode = "v"})

local function compile(code)
  local chunk = compiled[code]
  if chunk then return chunk end
  local problem
  chunk, problem = load("local d, _ENV = ... return " .. code, expression_source, "t", {})
  if not chunk then return nil, (problem:gsub("^expression:%d+: ", "")) end
  compiled[code] = chunk
  return chunk
end

local function text_of(value)
  if value == nil or value == false then return "" end
  if type(value) == "string" then return value end
  if type(value) == "number" then
    return math.type(value) == "integer" and ("%d"):format(value) or tostring(value)
  end
end

local function refuse(d, name, code, message, hint)
  local where = name and d:place(name:match("^[^%[]+"))
  d:abandon()
  fault.throw("recipe", ("${=%s}%s: %s"):format(code, name and (" in '%s'"):format(name) or "",
    message), {where = where, hint = hint, reason = "lua"})
end

--- Evaluate the code of one `${=...}`.
---@param d moonsand.recipe.Data
---@param code string
---@param name? string  the variable whose value it stands in
---@return string
function M.expression(d, code, name)
  local chunk, problem = compile(code)
  if not chunk then refuse(d, name, code, problem, "after ${= stands one Lua expression") end
  local env, view = M.environment(d)
  local ok, value = core.bounded(bounds, chunk, placed(expression_source), view, env)
  if not ok then
    if fault.is(value) then error(value, 0) end
    refuse(d, name, code, refusal(value).message)
  end
  local text = text_of(value)
  if not text then
    refuse(d, name, code, ("gives a %s"):format(type(value)), "give a string or a number")
  end
  return text
end

--- Compile the body of a `lua` function; its lines count as in the file.
---@param body string
---@param file string
---@param line integer   line of the header
---@return fun(d: table, env: table): any
function M.compile(body, file, line)
  local text = "local d, _ENV = ... " .. ("\n"):rep(line) .. body
  local chunk, problem = load(text, "@" .. file, "t", {})
  if chunk then return chunk end
  local at, message = problem:match("^.-:(%d+): (.*)$")
  fault.throw("recipe", message or problem, {
    where = ("%s:%s"):format(file, at or line), reason = "lua",
    hint = "the body of a lua function is Lua 5.4",
  })
end

--- Run the body of a `lua` function on a store.
---@param d moonsand.recipe.Data
---@param body string
---@param file string
---@param line integer
---@param more? table   more names that the body may use
---@return any
function M.run(d, body, file, line, more)
  local chunk = M.compile(body, file, line)
  local env, view = M.environment(d, more)
  local source, before = "@" .. file, d.running
  d.running = setmetatable({[source] = file}, {__index = before})
  local ok, value
  if more then
    ok, value = xpcall(chunk, placed(source), view, env)
  else
    ok, value = core.bounded(bounds, chunk, placed(source), view, env)
  end
  d.running = before
  if ok then return value end
  if fault.is(value) then
    if value.reason ~= "skip" then value.where = value.where or ("%s:%d"):format(file, line) end
    error(value, 0)
  end
  d:abandon()
  value = refusal(value)
  fault.throw("recipe", value.message, {
    where = ("%s:%d"):format(file, value.line or line), reason = "lua",
  })
end

--- Run a function of the store by its name; `lua` functions only.
---@param d moonsand.recipe.Data
---@param name string
---@param more? table
---@return any
function M.call(d, name, more)
  local body = d:raw(name)
  if not body or d:flag(name, "lua") ~= "1" then
    fault.throw("recipe", ("'%s' is no lua function"):format(name), {where = d:place(name),
      hint = ("define it: lua %s() { ... }"):format(name)})
  end
  return M.run(d, body, d:raw_flag(name, "filename"), d:raw_flag(name, "lineno"), more)
end

return M
