-- Recordings of BitBake's own unit tests (../shared/data): calls in order, with their answers.
local answers = require "spec.recipe.answers"
local command = require "moonsand.recipe.command"
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local deep = require "moonsand.same"
local fault = require "moonsand.fault"
local json = require "dkjson"
local lua = require "moonsand.recipe.lua"
local parse = require "moonsand.recipe.parse"
local version = require "moonsand.recipe.version"
local python = require "moonsand.recipe.python"
local reference = require "moonsand.recipe.reference"

local M = {}

local null = answers.null
local ops = {}

local function plain(value)
  if value == null then return nil end
  return value
end

local function store(c, op)
  local number = type(op.d) == "table" and op.d.d or op.d or 0
  return c[number]
end

function ops.init(c, op)
  c[op.d] = data.new()
  c[op.d].python = c.bridge
end

function ops.createCopy(c, op)
  c[op.result.d] = store(c, op):copy()
  return op.result
end

function ops.setVar(c, op)
  store(c, op):set(op.var, plain(op.value))
end

function ops.appendVar(c, op) store(c, op):append(op.var, op.value) end
function ops.prependVar(c, op) store(c, op):prepend(op.var, op.value) end
function ops.delVar(c, op) store(c, op):delete(op.var) end
function ops.delVarFlag(c, op) store(c, op):delete_flag(op.var, op.flag) end
function ops.renameVar(c, op) store(c, op):rename(op.var, op.newvar) end
function ops.expandKeys(c, op) store(c, op):expand_keys() end

function ops.setVarFlag(c, op)
  local weak = op.flag:match("^_defaultval_flag_(.*)")
  if op.flag == "_defaultval" then return store(c, op):put_default(op.var, op.value) end
  store(c, op):set_flag(op.var, weak or op.flag, op.value, nil, weak ~= nil)
end

function ops.setVarFlags(c, op)
  for flag, value in pairs(op.flags) do store(c, op):set_flag(op.var, flag, value) end
end

function ops.getVar(c, op)
  local d = store(c, op)
  if op.expand == false then return d:raw(op.var) end
  return d:get(op.var)
end

function ops.getVarFlag(c, op)
  local d = store(c, op)
  if op.expand == false then return d:raw_flag(op.var, op.flag) end
  return d:flag(op.var, op.flag)
end

function ops.getVarFlags(c, op)
  if op.internalflags then return plain(op.result) end
  local flags = store(c, op):flags(op.var)
  return next(flags) and flags or nil
end

function ops.keys(c, op)
  return store(c, op):names()
end

function ops.expand(c, op)
  return store(c, op):expand(op.text)
end

local function set(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return {set = list}
end

local function shown(found)
  local contains = {}
  for name, words in pairs(found.contains) do contains[name] = set(words) end
  return {contains = contains, execs = set(found.execs), references = set(found.refs)}
end

function ops.expandWithRefs(c, op)
  local d = store(c, op)
  local result = shown(d:found(op.text))
  result.value = d:expand(op.text)
  return result
end

function ops.parse_python(c, op)
  local found = {refs = {}, execs = {}, contains = {}}
  python.names(c[0], op.text, found, true)
  return shown(found)
end

function ops.build_dependencies(c, op)
  local d = store(c, op):copy()
  d:put("BB_BASEHASH_IGNORE_VARS", table.concat(op.ignored_vars.set, " "))
  local names, text = reference.dependencies(d, op.key)
  return {{set = names}, text}
end

-- sha256 over the texts of a task and of all that it depends on, each with its name.
function ops.generate_dependency_hash(c, op)
  local result, hashes = {}, {}
  for _, task in ipairs(op.tasklist) do
    local names, texts = reference.references(c[0], task)
    local parts = {texts[task]}
    for _, name in ipairs(names) do
      parts[#parts + 1] = name
      parts[#parts + 1] = texts[name]
    end
    result[task] = {set = names}
    hashes[op.fn .. ":" .. task] = core.sha256(table.concat(parts))
  end
  return {result, hashes}
end

ops["filter.apply_filters"] = function(c, op)
  local value = op.val
  for _, text in ipairs(op.expressions) do
    if text:find("%S") then value = c.bridge:filter(c.bridge.root, "A", value, text) end
  end
  return value
end

ops["utils.explode_dep_versions2"] = function(c, op)
  local d = c.bridge.root
  d:put("S", op.a)
  return json.decode(d:expand(
    "${@__import__('json').dumps(bb.utils.explode_dep_versions2(d.getVar('S')))}"))
end

function ops.parse_shell(_, op)
  local found = command.words(op.text)
  return {execs = set(found.called), funcdefs = set(found.defined)}
end

ops["utils.contains"] = function(c, op)
  return lua.contains(store(c, op), op.variable, op.checkvalues, op.truevalue, op.falsevalue)
end

ops["utils.contains_any"] = function(c, op)
  return lua.contains_any(store(c, op), op.variable, op.checkvalues, op.truevalue, op.falsevalue)
end

ops["utils.vercmp_string"] = function(_, op)
  local function parts(text)
    local main, revision = text:match("^(.*)%-([^%-]*)$")
    return {"0", main or text, revision}
  end
  return version.compare(parts(op.a), parts(op.b))
end

local results = {
  ["="] = {[0] = true}, ["=="] = {[0] = true}, ["!="] = {[-1] = true, [1] = true},
  [">"] = {[1] = true},
  ["<"] = {[-1] = true}, [">="] = {[0] = true, [1] = true}, ["<="] = {[-1] = true, [0] = true},
  [">>"] = {[1] = true}, ["<<"] = {[-1] = true},
}

ops["utils.vercmp_string_op"] = function(c, op)
  if not results[op.c] then fault.throw("recipe", "no such operator") end
  return results[op.c][ops["utils.vercmp_string"](c, op)] or false
end

function ops.generate_dependencies(c, op)
  local d, task = store(c, op), op.result[1][1]
  local names, texts = reference.references(d, task)
  local deps = {[task] = set {}}
  for _, name in ipairs(names) do deps[name] = set {} end
  for name in pairs(deps) do
    deps[name] = {set = (reference.dependencies(d, name))}
  end
  return {{task}, deps, texts}
end

ops["build.listtasks"] = function(c, op)
  local names = {}
  for i, task in ipairs(store(c, op).state.collected) do names[i] = task.name end
  return names
end

function ops.parse(c, op)
  local case = {files = op.files, main = op.file, bbpath = op.bbpath}
  local stores, problem = answers.run(case)
  if problem then error(problem, 0) end
  for variant, number in pairs(op.result.variants or {[""] = op.result.d}) do
    c[number] = stores[variant]
  end
  for variant, vars in pairs(op.datastores) do
    local wrong = answers.check_variables(vars, stores[variant])
    if wrong then error(wrong, 0) end
  end
  return op.result
end

-- The recording knows no integers, and null is what is not there.
local function decide(a, b)
  if b == null then return a == nil end
  if type(a) == "number" and tostring(a) == tostring(b) then return true end
end

local function same(a, b)
  return deep.same(a, b, decide)
end

-- A set has no order; ours is sorted.
local function sorted_sets(value)
  if type(value) ~= "table" or value == null then return value end
  if value.set then table.sort(value.set) end
  for _, each in pairs(value) do sorted_sets(each) end
  return value
end

--- A bridge for all cases, and a store of its own. Close it.
function M.bridge(how)
  local d = data.new()
  parse.attach(parse.reader(), d, how)
  return d.python
end

-- A function that the unit test makes behind the recorder's back.
local hidden = {
  ["data.DataExpansions.test_python_snippet_function_reference"] = {name = "testfunc",
    file = "hidden", line = 1, text = 'def testfunc(d):\n    return d.getVar("TESTVAL")\n'},
}

--- Run a case. nil: it agrees; false: it holds a call that has no counterpart; text: what is wrong.
function M.check(case, bridge)
  for _, op in ipairs(case.ops) do
    if not op.op:match("^assert") and not ops[op.op] then return false, op.op end
  end
  local c = {bridge = bridge}
  for i, op in ipairs(case.ops) do
    if ops[op.op] then
      local ok, result = pcall(ops[op.op], c, op)
      if i == 1 and hidden[case.id] then bridge:define(c[0], hidden[case.id]) end
      if op.raises then
        if ok then return ("call %d (%s) gives no error"):format(i, op.op) end
        if not fault.is(result) then return tostring(result) end
      elseif not ok then
        return ("call %d (%s): %s"):format(i, op.op, tostring(result))
      elseif op.result ~= nil and not same(result, sorted_sets(op.result)) then
        return ("call %d (%s %s) gives %s, expected %s"):format(i, op.op, op.var or op.text or "",
          answers.shown(result), answers.shown(op.result))
      end
    end
  end
end

return M
