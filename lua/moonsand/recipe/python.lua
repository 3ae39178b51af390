--- Python inside metadata. The commonest pure expressions are evaluated here, without Python:
-- strings, numbers, conditions, slices, `d.getVar`, `bb.utils.contains` and its kin. What is beyond
-- them goes to the helper (bridge.lua), or is refused where there is none; it is never guessed.
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local grammar = require "moonsand.recipe.python_grammar"
local lua = require "moonsand.recipe.lua"
local values = require "moonsand.recipe.python_value"
local words = require("moonsand.text").words

local M = {}

M.hint = "nothing runs Python here: write it as ${=lua expression}, or a lua function"

local none, need, raise, truth = grammar.none, values.need, values.raise, values.truth
local is_text, list_of, from_none = values.is_text, values.list_of, values.from_none
local ascii, checked, printed = values.ascii, values.checked, values.printed
local sliced, indexed = values.sliced, values.indexed
local comparisons, operators, methods = values.comparisons, values.operators, values.methods

-- Functions by their full name; `c` is the context: store, and names that were asked for.
local functions = {}

functions["d.getVar"] = function(c, variable, expanded)
  is_text(variable)
  if expanded ~= nil and not truth(expanded) then return from_none(c.d:raw(variable)) end
  return from_none(c.d:get(variable))
end

functions["d.getVarFlag"] = function(c, variable, flag, expanded)
  local get = expanded ~= nil and not truth(expanded) and c.d.raw_flag or c.d.flag
  return from_none(get(c.d, is_text(variable), is_text(flag)) or nil)
end

functions["bb.utils.contains"] = function(c, variable, list, yes, no)
  is_text(variable)
  return lua.contains(c.d, variable, checked(list), yes, no)
end

functions["bb.utils.contains_any"] = function(c, variable, list, yes, no)
  is_text(variable)
  return lua.contains_any(c.d, variable, checked(list), yes, no)
end

functions["bb.utils.filter"] = function(c, variable, list)
  is_text(variable)
  return lua.filter(c.d, variable, checked(list))
end

functions["oe.utils.conditional"] = function(c, variable, value, yes, no)
  is_text(variable)
  if from_none(c.d:get(variable)) == value then return yes end
  return no
end

functions["oe.utils.ifelse"] = function(_, condition, yes, no)
  if truth(condition) then return yes end
  return no == nil and "" or no
end

functions["bb.parse.vars_from_file"] = function(_, file)
  local parts = {lua.from_file(file ~= none and is_text(file) or nil)}
  return {n = 3, parts[1] or none, parts[2] or none, parts[3] or none}
end

-- Two slashes in front, which it keeps, are Python's.
functions["os.path.normpath"] = function(_, path)
  if is_text(path):find("^//%f[^/]") then need() end
  return find.clean(path)
end

local booleans = {
  y = true, yes = true, ["1"] = true, ["true"] = true,
  n = false, no = false, ["0"] = false, ["false"] = false,
}

functions["bb.utils.to_boolean"] = function(_, value, default)
  if value == none then return default == nil and none or default end
  local word = is_text(value):lower()
  if booleans[word] == nil then need() end
  return booleans[word]
end

function functions.len(_, value)
  return type(value) == "string" and #ascii(value) or type(value) == "table" and value.n or need()
end

function functions.bool(_, value) return truth(value) end

function functions.int(_, value)
  if math.type(value) == "integer" then return value end
  local digits = is_text(value):match("^%s*(%-?%d+)%s*$")
  return digits and #digits < 18 and math.tointeger(tonumber(digits)) or need()
end

function functions.str(_, value) return printed(value) end

local evaluate

local function evaluated(c, node, from)
  local list = {}
  for i = from, #node do list[#list + 1] = evaluate(c, node[i]) end
  return list
end

-- Arguments of a known function: the store itself may be among them.
local function arguments(c, node)
  local list, n = {}, 0
  for i = 2, #node do
    local each = node[i]
    if not (each[1] == "name" and each[2] == "d") then
      n = n + 1
      list[n] = evaluate(c, each)
    end
  end
  return table.unpack(list, 1, n)
end
-- a.b.c(...) with a function that is known: its value, and how many parts of the node were used.
local function known_call(c, node)
  if node[2][1] ~= "name" then return nil end
  local full, at = node[2][2], 3
  while node[at] and node[at][1] == "member" do
    full, at = full .. "." .. node[at][2], at + 1
  end
  local run = functions[full]
  if run and node[at] and node[at][1] == "call" then
    return run(c, arguments(c, node[at])), at
  end
end

local kinds = {}

function kinds.value(_, node) return node[2] end

function kinds.name(c, node)
  if node[2] == "d" or node[2] == "bb" or node[2] == "oe" or node[2] == "os" then need() end
  local value = c.d:get(node[2])
  return value == nil and need() or value
end

function kinds.list(c, node) return list_of(evaluated(c, node, 2)) end

kinds["if"] = function(c, node)
  return evaluate(c, truth(evaluate(c, node[3])) and node[2] or node[4])
end

kinds["or"] = function(c, node)
  local value
  for i = 2, #node, 2 do
    value = evaluate(c, node[i])
    if truth(value) then break end
  end
  return value
end

kinds["and"] = function(c, node)
  local value
  for i = 2, #node, 2 do
    value = evaluate(c, node[i])
    if not truth(value) then break end
  end
  return value
end

kinds["not"] = function(c, node) return not truth(evaluate(c, node[2])) end

function kinds.minus(c, node)
  local value = evaluate(c, node[2])
  return math.type(value) == "integer" and -value or need()
end

function kinds.compare(c, node)
  if #node > 4 then need() end
  return comparisons[node[3]](evaluate(c, node[2]), evaluate(c, node[4]))
end

function kinds.sum(c, node)
  local value = evaluate(c, node[2])
  for i = 3, #node, 2 do value = operators[node[i]](value, evaluate(c, node[i + 1])) end
  return value
end

kinds.product = kinds.sum

function kinds.postfix(c, node)
  local value, used = known_call(c, node)
  local at = used and used + 1 or 3
  if not used then value = evaluate(c, node[2]) end
  while at <= #node do
    local part = node[at]
    if part[1] == "index" then
      value = indexed(value, evaluate(c, part[2]))
    elseif part[1] == "slice" then
      value = sliced(value, part[2] and evaluate(c, part[2]) or nil,
        part[3] and evaluate(c, part[3]) or nil)
    elseif part[1] == "member" and node[at + 1] and node[at + 1][1] == "call" then
      local method = methods[part[2]] or need()
      if value == none then raise(("None has no '%s'"):format(part[2])) end
      value = method(is_text(value), table.unpack(evaluated(c, node[at + 1], 2)))
      at = at + 1
    else
      need()
    end
    at = at + 1
  end
  return value
end

evaluate = function(c, node)
  return kinds[node[1]](c, node)
end

local function refuse(d, code, name_of, problem)
  local where = name_of and d:place(name_of:match("^[^%[]+"))
  local inside = name_of and (" in '%s'"):format(name_of) or ""
  d:abandon()
  if problem then
    fault.throw("recipe", ("${@%s}%s fails: %s"):format(code, inside, problem), {where = where,
      reason = "expansion"})
  end
  fault.throw("recipe", ("the expression ${@%s}%s needs Python"):format(code, inside), {
    where = where, hint = M.hint, reason = "python"})
end

-- What is called: the dotted name that a postfix node begins with, and where its call stands.
local function called(node)
  if node[2][1] ~= "name" then return nil end
  local full, at = node[2][2], 3
  while node[at] and node[at][1] == "member" do
    full, at = full .. "." .. node[at][2], at + 1
  end
  if node[at] and node[at][1] == "call" then return full, node[at] end
end

local function literal(call, at)
  local node = call[at + 1]
  if node and node[1] == "value" and type(node[2]) == "string" then return node[2] end
end

local function contained(found, variable, list)
  local set = found.contains[variable] or {}
  found.contains[variable] = set
  for _, each in ipairs(list) do set[each] = true end
end

-- What one call refers to (bitbake.md 7.1).
local function note_call(found, full, call)
  local variable, second = literal(call, 1), literal(call, 2)
  local last = full:match("[^.]*$")
  if full == "bb.utils.contains" and variable and second then
    contained(found, variable, {second})
  elseif (full == "bb.utils.contains_any" or full == "bb.utils.filter") and variable and second then
    contained(found, variable, words(second))
  elseif full:find("%.getVarFlag$") then
    if variable and second then found.refs[("%s[%s]"):format(variable, second)] = true end
  elseif last == "getVar" or full == "oe.utils.conditional" or full:find("^bb%.utils%.contains") or
    full == "bb.utils.filter" then
    if variable then found.refs[variable] = true end
  else
    found.execs[full] = true
  end
end

local function collect(node, found)
  if node[1] == "postfix" then
    local full, call = called(node)
    if full then note_call(found, full, call) end
  end
  for i = 2, #node do
    if type(node[i]) == "table" and node[i] ~= none then collect(node[i], found) end
  end
end

-- The helper's words for what code refers to.
local function take_names(found, names)
  for _, each in ipairs(names) do
    local kind, name, more = each:match("^(.)([^%z]*)%z?(.*)$")
    if kind == "v" then
      found.refs[name] = true
    elseif kind == "f" then
      found.refs[("%s[%s]"):format(name, more)] = true
    elseif kind == "c" then
      contained(found, name, {more})
    else
      found.execs[name] = true
    end
  end
end

---@class moonsand.recipe.Found       what a text refers to
---@field refs table<string, boolean>      variables, and flags as "VARIABLE[flag]"
---@field execs table<string, boolean>     functions that are called
---@field contains table<string, table<string, boolean>>  words that variables are asked for

--- What code refers to, without running it.
---@param d moonsand.recipe.Data
---@param code string
---@param found moonsand.recipe.Found   is added to
---@param body? boolean                 statements, not an expression
function M.names(d, code, found, body)
  local tree = not body and grammar.tree(code)
  if tree then return collect(tree, found) end
  if d.python then take_names(found, d.python:references(d, code)) end
end

-- Beyond what is evaluated here: the helper's business, when there is one.
local function helped(d, code, name_of)
  if not d.python then refuse(d, code, name_of) end
  return d.python:expression(d, code, name_of)
end

--- Evaluate the code of one `${@...}`.
---@param d moonsand.recipe.Data
---@param code string
---@param name_of? string                the variable whose value it stands in
---@param found? moonsand.recipe.Found   collects what it refers to
---@return string
function M.expression(d, code, name_of, found)
  local tree = grammar.tree(code)
  if found then M.names(d, code, found) end
  if not tree then return helped(d, code, name_of) end
  local ok, result = pcall(function() return printed(evaluate({d = d}, tree)) end)
  if ok then return result end
  if result == values.beyond then return helped(d, code, name_of) end
  if getmetatable(result) == values.raised then refuse(d, code, name_of, result.message) end
  error(result, 0)
end

return M
