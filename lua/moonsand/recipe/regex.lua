--- Regular expressions of metadata (BBMASK, BBFILE_PATTERN, PACKAGES_DYNAMIC), in Python's syntax.
--- The plain ones, nearly all there are, are Lua patterns; most others are recognized in Lua
--- (recognize.lua); Python itself matches the rest.
local fault = require "moonsand.fault"
local recognize = require "moonsand.recipe.recognize"

local M = {}

local hint = "without Python it may hold text, '.', sets like [a-z], '*', '+' and '?' after " ..
  "these, '|', groups, '(?!', '(?=', '(?<!', '(?<=', '^' and '$'"

--- The Lua pattern of a plain expression: text, escaped punctuation, `.`, `.*`, `^`, `$`.
---@param text string
---@return string?
function M.plain(text)
  local out, at = {}, 1
  while at <= #text do
    local c, following = text:sub(at, at), text:sub(at + 1, at + 1)
    local ends = at == 1 and c == "^" or at == #text and c == "$"
    if c == "\\" and following:find("^%p$") then
      out[#out + 1] = "%" .. following
      at = at + 1
      following = text:sub(at + 1, at + 1)
    elseif c == "." or ends then
      out[#out + 1] = c
    elseif not c:find("[][(){}|*+?^$\\]") then
      out[#out + 1] = c:gsub("%W", "%%%0")
    else
      return nil
    end
    if following:find("^[*+?{]$") then
      if c ~= "." or following ~= "*" or text:find("^[*+?{]", at + 2) then return nil end
      out[#out + 1] = "*"
      at = at + 1
    end
    at = at + 1
  end
  return table.concat(out)
end

-- Python's own answer.
local function asked(d, expression, texts, anchored, where)
  if not d.python then
    fault.throw("recipe", ("the regular expression '%s' needs Python"):format(expression), {
      where = where, reason = "python", hint = hint})
  end
  return d.python:search(d, {expression}, texts, anchored)
end

-- What Lua says of a text; no function, or nil of a text: Python must say it.
local function judge(expression, anchored)
  local pattern = M.plain(expression)
  if not pattern then return recognize.matcher(expression, anchored) end
  if anchored and pattern:sub(1, 1) ~= "^" then pattern = "^" .. pattern end
  return function(text) return text:find(pattern) ~= nil end
end

--- A function that says whether an expression matches: at the beginning of a text, or anywhere.
---@param d moonsand.recipe.Data
---@param expression string
---@param anchored boolean
---@param where? string
---@return fun(text: string): boolean
function M.matcher(d, expression, anchored, where)
  local matches = judge(expression, anchored)
  if not matches then
    local _, wrong = asked(d, expression, {}, anchored, where)
    if wrong[1] then
      fault.throw("recipe", ("'%s' is not a regular expression: %s"):format(expression, wrong[1]), {
        where = where, reason = "syntax", hint = "its syntax is that of Python's module 're'"})
    end
  end
  return function(text)
    local found
    if matches then found = matches(text) end
    if found == nil then found = asked(d, expression, {text}, anchored, where)[1] end
    return found
  end
end

-- Is one of some expressions found in a text? nil when Lua cannot say it.
local function one_found(judges, text)
  local found = false
  for _, matches in ipairs(judges) do
    local one = matches(text)
    if one == nil then return nil end
    found = found or one
  end
  return found
end

-- What Lua finds; without a result, the number of an expression that it does not.
local function search_here(expressions, texts)
  local judges, found = {}, {}
  for i, expression in ipairs(expressions) do
    judges[i] = judge(expression, false)
    if not judges[i] then return nil, i end
  end
  for i, text in ipairs(texts) do
    found[i] = one_found(judges, text)
    if found[i] == nil then return nil, 1 end
  end
  return found
end

--- Which of some texts one of the expressions is found in; what is wrong with an expression.
---@param d moonsand.recipe.Data
---@param expressions string[]
---@param texts string[]
---@param where? string
---@return boolean[] found, table<integer, string> wrong   by the number of the expression
function M.search(d, expressions, texts, where)
  local found, number = search_here(expressions, texts)
  if found then return found, {} end
  if not d.python then asked(d, expressions[number], texts, false, where) end
  return d.python:search(d, expressions, texts, false)
end

return M
