--- The Python that is evaluated without Python: pure expressions, as trees.
local lpeg = require "lpeg"

local M = {}

-- Python's None; true and false are Lua's, text and integers too, a list is a table with `n`.
M.none = setmetatable({}, {__tostring = function() return "None" end})
local none = M.none

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

--- The tree of an expression, or false when it is beyond this grammar.
---@param code string
---@return table|false
function M.tree(code)
  local tree = trees[code]
  if tree == nil then
    local ok, found = pcall(grammar.match, grammar, code)
    tree = ok and found or false -- what is nested too deeply is beyond it, too
    trees[code] = tree
  end
  return tree
end

return M
