--- Python inside metadata. The commonest pure expressions are evaluated here, without Python:
-- strings, numbers, conditions, slices, `d.getVar`, `bb.utils.contains` and its kin. What is beyond
-- them goes to the helper (bridge.lua), or is refused where there is none; it is never guessed.
local fault = require "moonsand.fault"
local lpeg = require "lpeg"
local lua = require "moonsand.recipe.lua"

local M = {}

M.hint = "nothing runs Python here: write it as ${=lua expression}, or a lua function"

-- Python's None; true and false are Lua's, text and integers too, a list is a table with `n`.
local none = setmetatable({}, {__tostring = function() return "None" end})

-- Grammar -> tree ----------------------------------------------------------------------------

local P, S, R, V, C, Ct, Cc = lpeg.P, lpeg.S, lpeg.R, lpeg.V, lpeg.C, lpeg.Ct, lpeg.Cc

local letter = R("az", "AZ") + "_"
local name_rest = letter + R "09"
local blank = S " \t\n" ^ 0
local words = {}
for word in ("if else or and not in is lambda for yield await async None True False")
  :gmatch("%a+") do
  words[word] = true
end

local function token(text)
  return P(text) * blank
end

local function keyword(text)
  return P(text) * -name_rest * blank
end

local escapes = {n = "\n", t = "\t", ["\\"] = "\\", ["'"] = "'", ['"'] = '"'}

-- The characters of a literal; an escape that is not in the list makes the whole no match.
local function literal(quote)
  local escaped = P "\\" * lpeg.Cmt(C(1), function(_, _, c)
    if escapes[c] then return true, escapes[c] end
    return false
  end)
  return quote * lpeg.Cf(Cc "" * (escaped + C(1 - S("\\\n" .. quote))) ^ 0, function(a, b)
    return a .. b
  end) * quote
end

local name = lpeg.Cmt(C(letter * name_rest ^ 0), function(_, _, word)
  return not words[word], word
end) * blank
local text = (literal "'" + literal '"') * -S "'\"" * blank
local number = C((R "19" * R "09" ^ 0 + "0") * -(name_rest + ".")) * blank / math.tointeger

-- a op b op c -> {kind, a, op, b, op, c}; a alone stays itself.
local function chain(kind, operand, operators)
  return Ct(Cc(kind) * operand * (operators * operand) ^ 0) / function(node)
    return #node == 2 and node[2] or node
  end
end

local comparison = C(P "==" + "!=" + "<=" + ">=" + "<" + ">") * blank +
  keyword "not" * keyword "in" * Cc "not in" + keyword "in" * Cc "in" +
  keyword "is" * keyword "not" * Cc "is not" + keyword "is" * Cc "is"

local grammar = P {
  blank * V "expression" * -1,
  expression = Ct(Cc "if" * V "either" * keyword "if" * V "either" * keyword "else" *
    V "expression") + V "either",
  either = chain("or", V "both", keyword "or" * Cc "or"),
  both = chain("and", V "negation", keyword "and" * Cc "and"),
  negation = Ct(Cc "not" * keyword "not" * V "negation") + V "comparison",
  comparison = chain("compare", V "sum", comparison),
  sum = chain("sum", V "product", C(S "+-") * blank),
  product = chain("product", V "unary", C(S "*" * -P "*") * blank),
  unary = Ct(Cc "minus" * token "-" * V "unary") + V "postfix",
  postfix = Ct(Cc "postfix" * V "atom" * (V "member" + V "call" + V "slice" + V "index") ^ 0) /
    function(node) return #node == 2 and node[2] or node end,
  member = Ct(Cc "member" * token "." * name),
  call = Ct(Cc "call" * token "(" * V "list" * token ")"),
  index = Ct(Cc "index" * token "[" * V "expression" * token "]"),
  slice = Ct(Cc "slice" * token "[" * (V "expression" + Cc(false)) * token ":" *
    (V "expression" + Cc(false)) * token "]"),
  list = (V "expression" * (token "," * V "expression") ^ 0 * token "," ^ -1) ^ -1,
  atom = Ct(Cc "value" * (text + number + keyword "True" * Cc(true) + keyword "False" * Cc(false) +
    keyword "None" * Cc(none))) + Ct(Cc "name" * name) + token "(" * V "expression" * token ")" +
    Ct(Cc "list" * token "[" * V "list" * token "]"),
}

local trees = {} -- code -> tree, or false

local function tree_of(code)
  local tree = trees[code]
  if tree == nil then
    tree = grammar:match(code) or false
    trees[code] = tree
  end
  return tree
end

-- Tree -> value ------------------------------------------------------------------------------

-- Thrown when Python is needed after all, and when Python would raise, too.
local beyond, raised = {}, {}

local function need()
  error(beyond, 0)
end

local function raise(message)
  error(setmetatable({message = message}, raised), 0)
end

local function truth(value)
  if type(value) == "table" then return value ~= none and value.n > 0 end
  return value ~= false and value ~= "" and value ~= 0
end

local function is_text(value)
  return type(value) == "string" and value or need()
end

-- Characters are bytes here, which holds for ASCII only.
local function ascii(value)
  return is_text(value):find("[\128-\255]") and need() or value
end

local function list_of(values)
  values.n = #values
  return values
end

local function equal(a, b)
  if type(a) == "table" and type(b) == "table" and a ~= none and b ~= none then need() end
  if type(a) ~= type(b) and (type(a) == "boolean" or type(b) == "boolean") then
    if type(a) == "number" or type(b) == "number" then need() end
  end
  return a == b
end

local function contained(a, b)
  if type(b) == "string" then return is_text(a) and b:find(a, 1, true) ~= nil end
  if type(b) ~= "table" then raise "argument is not iterable" end
  if b == none then raise "argument of type 'NoneType' is not iterable" end
  for i = 1, b.n do
    if equal(a, b[i]) then return true end
  end
  return false
end

local function ordered(a, b)
  if type(a) == "string" and type(b) == "string" then
    ascii(a)
    ascii(b)
    -- Lua's `<` follows the locale; Python's compares code points.
    local i = 1
    while i <= #a and i <= #b and a:byte(i) == b:byte(i) do i = i + 1 end
    return (a:byte(i) or -1) - (b:byte(i) or -1)
  end
  if math.type(a) == "integer" and math.type(b) == "integer" then return a - b end
  need()
end

local comparisons = {
  ["=="] = equal,
  ["!="] = function(a, b) return not equal(a, b) end,
  ["<"] = function(a, b) return ordered(a, b) < 0 end,
  [">"] = function(a, b) return ordered(a, b) > 0 end,
  ["<="] = function(a, b) return ordered(a, b) <= 0 end,
  [">="] = function(a, b) return ordered(a, b) >= 0 end,
  ["in"] = contained,
  ["not in"] = function(a, b) return not contained(a, b) end,
  ["is"] = function(a, b)
    if b ~= none and type(b) ~= "boolean" then need() end
    return a == b
  end,
  ["is not"] = function(a, b)
    if b ~= none and type(b) ~= "boolean" then need() end
    return a ~= b
  end,
}

local function add(a, b)
  if type(a) == "string" and type(b) == "string" then return a .. b end
  if math.type(a) == "integer" and math.type(b) == "integer" then return a + b end
  if a == none or b == none or type(a) ~= type(b) then
    raise "unsupported operand types for +"
  end
  need()
end

local function subtract(a, b)
  if math.type(a) == "integer" and math.type(b) == "integer" then return a - b end
  need()
end

local function multiply(a, b)
  if math.type(a) == "integer" and math.type(b) == "integer" then
    return math.abs(a) < 1 << 31 and math.abs(b) < 1 << 31 and a * b or need()
  end
  if type(b) == "string" then a, b = b, a end
  if type(a) ~= "string" or math.type(b) ~= "integer" then need() end
  if #a * b > 1 << 20 then need() end
  return a:rep(b)
end

local operators = {["+"] = add, ["-"] = subtract, ["*"] = multiply}

-- The methods of str that are the same for bytes, or refuse what is not ASCII.
local methods = {}

function methods.upper(s) return ascii(s):upper() end
function methods.lower(s) return ascii(s):lower() end

local function strip_set(chars)
  if chars == nil then return "%s" end
  return is_text(chars) == "" and need() or "[" .. ascii(chars):gsub("%W", "%%%0") .. "]"
end

function methods.lstrip(s, chars) return (s:gsub("^" .. strip_set(chars) .. "+", "")) end

function methods.rstrip(s, chars)
  local set, length = "^" .. strip_set(chars), #s
  while length > 0 and s:find(set, length) do length = length - 1 end
  return s:sub(1, length)
end

function methods.strip(s, chars)
  return methods.rstrip(methods.lstrip(s, chars), chars)
end

function methods.startswith(s, with) return s:sub(1, #is_text(with)) == with end

function methods.endswith(s, with)
  return is_text(with) == "" or s:sub(-#with) == with
end

function methods.replace(s, what, by)
  if is_text(what) == "" then need() end
  return (s:gsub(what:gsub("%W", "%%%0"), (is_text(by):gsub("%%", "%%%%"))))
end

function methods.split(s, at, most)
  local list = {}
  if at == nil then
    for word in s:gmatch("%S+") do list[#list + 1] = word end
    return list_of(list)
  end
  if is_text(at) == "" then raise "empty separator" end
  local from = 1
  while most == nil or #list < most do
    local first, last = s:find(at, from, true)
    if not first then break end
    list[#list + 1] = s:sub(from, first - 1)
    from = last + 1
  end
  list[#list + 1] = s:sub(from)
  return list_of(list)
end

function methods.join(s, list)
  if type(list) ~= "table" or list == none then need() end
  for i = 1, list.n do is_text(list[i]) end
  return table.concat(list, s, 1, list.n)
end

local function from_none(value)
  if value == nil then return none end
  if type(value) == "string" or math.type(value) == "integer" or type(value) == "boolean" then
    return value
  end
  need()
end

local function checked(words_given)
  if type(words_given) == "table" and words_given ~= none then
    return table.concat(words_given, " ", 1, words_given.n)
  end
  return is_text(words_given)
end

-- Functions by their full name; `c` is the context: store, and names that were asked for.
local functions = {}

functions["d.getVar"] = function(c, variable, expanded)
  c.seen[is_text(variable)] = true
  if expanded ~= nil and not truth(expanded) then return from_none(c.d:raw(variable)) end
  return from_none(c.d:get(variable))
end

functions["d.getVarFlag"] = function(c, variable, flag, expanded)
  local get = expanded ~= nil and not truth(expanded) and c.d.raw_flag or c.d.flag
  return from_none(get(c.d, is_text(variable), is_text(flag)) or nil)
end

functions["bb.utils.contains"] = function(c, variable, list, yes, no)
  c.seen[is_text(variable)] = true
  return lua.contains(c.d, variable, checked(list), yes, no)
end

functions["bb.utils.contains_any"] = function(c, variable, list, yes, no)
  c.seen[is_text(variable)] = true
  return lua.contains_any(c.d, variable, checked(list), yes, no)
end

functions["bb.utils.filter"] = function(c, variable, list)
  c.seen[is_text(variable)] = true
  return lua.filter(c.d, variable, checked(list))
end

functions["oe.utils.conditional"] = function(c, variable, value, yes, no)
  c.seen[is_text(variable)] = true
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

local booleans = {
  y = true, yes = true, ["1"] = true, ["true"] = true, t = true,
  n = false, no = false, ["0"] = false, ["false"] = false, f = false,
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

-- How Python prints a value; inside a list, text is quoted.
local function printed(value, quoted)
  if value == true then return "True" elseif value == false then return "False" end
  if value == none then return "None" end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if type(value) == "string" then
    if not quoted then return value end
    return value:find("[%c'\\\128-\255]") and need() or "'" .. value .. "'"
  end
  local out = {}
  for i = 1, value.n do out[i] = printed(value[i], true) end
  return "[" .. table.concat(out, ", ") .. "]"
end

function functions.str(_, value) return printed(value) end

local evaluate

local function evaluated(c, node, from)
  local values = {}
  for i = from, #node do values[#values + 1] = evaluate(c, node[i]) end
  return values
end

-- Arguments of a known function: the store itself may be among them.
local function arguments(c, node)
  local values, n = {}, 0
  for i = 2, #node do
    local each = node[i]
    if not (each[1] == "name" and each[2] == "d") then
      n = n + 1
      values[n] = evaluate(c, each)
    end
  end
  return table.unpack(values, 1, n)
end

local function bounds(value, from, to)
  local length = type(value) == "string" and #ascii(value) or type(value) == "table" and
    value ~= none and value.n or need()
  local function bound(at, default)
    if at == nil then return default end
    if math.type(at) ~= "integer" then need() end
    return math.max(0, math.min(length, at < 0 and at + length or at))
  end
  return bound(from, 0), bound(to, length)
end

local function sliced(value, from, to)
  from, to = bounds(value, from, to)
  if type(value) == "string" then return value:sub(from + 1, to) end
  return list_of(table.move(value, from + 1, to, 1, {}))
end

local function indexed(value, at)
  if math.type(at) ~= "integer" then need() end
  if value == none then raise "'NoneType' object is not subscriptable" end
  local _, length = bounds(value)
  if at < 0 then at = at + length end
  if at < 0 or at >= length then raise "index out of range" end
  return type(value) == "string" and value:sub(at + 1, at + 1) or value[at + 1]
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

-- Beyond what is evaluated here: the helper's business, when there is one.
local function helped(d, code, name_of, seen)
  if not d.python then refuse(d, code, name_of) end
  if seen then
    for _, each in ipairs(d.python:references(d, code)) do
      if each:sub(1, 1) == "v" then seen[each:sub(2)] = true end
    end
  end
  return d.python:expression(d, code, name_of)
end

--- Evaluate the code of one `${@...}`.
---@param d moonsand.recipe.Data
---@param code string
---@param name_of? string                 the variable whose value it stands in
---@param seen? table<string, boolean>    collects the names that it asks for
---@return string
function M.expression(d, code, name_of, seen)
  local tree = tree_of(code)
  if not tree then return helped(d, code, name_of, seen) end
  local ok, value = pcall(function()
    return printed(evaluate({d = d, seen = seen or {}}, tree))
  end)
  if ok then return value end
  if value == beyond then return helped(d, code, name_of, seen) end
  if getmetatable(value) == raised then refuse(d, code, name_of, value.message) end
  error(value, 0)
end

return M
