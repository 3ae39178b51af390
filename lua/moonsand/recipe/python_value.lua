--- Values of Python expressions, and what can be done to them. What Lua cannot do exactly as
-- Python would is refused (`need`): Python itself does it then.
local grammar = require "moonsand.recipe.python_grammar"

local M = {}

local none = grammar.none

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

local function printed(value, quoted)
  if value == nil then need() end -- a call lacks an argument: Python says it best
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

M.beyond, M.raised = beyond, raised
M.comparisons, M.operators, M.methods = comparisons, operators, methods

--- Give up: Python itself has to do it.
M.need = need

--- Fail as Python would.
---@param message string
M.raise = raise

--- Is a value true for Python?
---@param value any
---@return boolean
M.truth = truth

--- The value, which must be text.
---@param value any
---@return string
M.is_text = is_text

--- The value, which must be text of ASCII characters only.
---@param value any
---@return string
M.ascii = ascii

--- A table of values as a list.
---@param values any[]
---@return table
M.list_of = list_of

--- A value of the store as one of Python.
---@param value any
---@return any
M.from_none = from_none

--- Words that were given as text or as a list, as text.
---@param words_given any
---@return string
M.checked = checked

--- How Python prints a value; inside a list, text is quoted.
---@param value any
---@param quoted? boolean
---@return string
M.printed = printed

--- `value[from:to]`
---@param value any
---@param from? integer
---@param to? integer
---@return any
M.sliced = sliced

--- `value[at]`
---@param value any
---@param at integer
---@return any
M.indexed = indexed

return M
