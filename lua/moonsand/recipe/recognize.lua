--- Regular expressions in Python's syntax, recognized in Lua: whether one matches, not what. It
--- takes text, sets, `*`, `+` and `?` of one character, alternatives, groups, and what must (not)
--- stand before or after. Of what it does not take it says nothing, so Python must be asked.
--- The syntax: https://docs.python.org/3/library/re.html#regular-expression-syntax
local M = {}

local byte, find, sub = string.byte, string.find, string.sub

-- A part of an expression is a function: given what comes after it, it makes the function that says
-- whether both match a text from a place on.
---@alias moonsand.recipe.After fun(text: string, at: integer): boolean
---@alias moonsand.recipe.Part fun(after: moonsand.recipe.After): moonsand.recipe.After

local function one(set, after)
  return function(text, at) return set[byte(text, at)] == true and after(text, at + 1) end
end

-- So many characters of a set, the more the earlier it is tried.
local function several(set, least, most, after)
  return function(text, at)
    local last, limit = at, at + most
    while last < limit and set[byte(text, last)] do last = last + 1 end
    for place = last, at + least, -1 do
      if after(text, place) then return true end
    end
    return false
  end
end

local counts = {["*"] = {0, math.maxinteger // 2}, ["+"] = {1, math.maxinteger // 2},
  ["?"] = {0, 1}}

local function always() return true end

local function at_start(after)
  return function(text, at) return at == 1 and after(text, at) end
end

local function at_end(after)
  return function(text, at) return at == #text + 1 and after(text, at) end
end

local function one_of(parts)
  return function(after)
    local list = {}
    for i, part in ipairs(parts) do list[i] = part(after) end
    return function(text, at)
      for _, each in ipairs(list) do
        if each(text, at) then return true end
      end
      return false
    end
  end
end

local function all_of(parts)
  return function(after)
    for i = #parts, 1, -1 do after = parts[i](after) end
    return after
  end
end

local function ahead(part, wanted)
  local matches = part(always)
  return function(after)
    return function(text, at) return matches(text, at) == wanted and after(text, at) end
  end
end

local function behind(literal, wanted)
  return function(after)
    return function(text, at)
      local from = at - #literal
      local stands = from >= 1 and sub(text, from, at - 1) == literal
      return stands == wanted and after(text, at)
    end
  end
end

local any, special = {}, "[][(){}|*+?^$\\.]"
for code = 0, 127 do any[code] = code ~= 10 end

-- A character that stands for itself, perhaps after a backslash.
local function character(text, at)
  local c = sub(text, at, at)
  if c == "\\" then
    c = sub(text, at + 1, at + 1)
    if find(c, "^%p$") then return c, at + 2 end
  elseif c ~= "" and not find(c, special) then
    return c, at + 1
  end
end

-- Within brackets more of them do; what Python may come to read as an operation of sets does not.
local function member(text, at)
  local c = sub(text, at, at)
  if find(c, "^[(){}*+?$.]$") then return c, at + 1 end
  if find(text, "^[&~|%-]", at) then return nil end
  return character(text, at)
end

-- "[a-z_]", from after its bracket.
local function set_of(text, at)
  local listed, inverse = {}, sub(text, at, at) == "^"
  if inverse then at = at + 1 end
  repeat
    local first, last
    first, at = member(text, at)
    if not first then return nil end
    last = first
    if find(text, "^%-[^]]", at) then
      last, at = member(text, at + 1)
      if not last or last < first then return nil end
    end
    for code = byte(first), byte(last) do listed[code] = true end
  until sub(text, at, at) == "]"
  if not inverse then return listed, at + 1 end
  local others = {}
  for code = 0, 127 do others[code] = not listed[code] end
  return others, at + 1
end

-- The characters that one place may have.
local function single(text, at)
  local c = sub(text, at, at)
  if c == "." then return any, at + 1 end
  if c == "[" then return set_of(text, at + 1) end
  c, at = character(text, at)
  if c then return {[byte(c)] = true}, at end
end

local alternatives

local function looked_behind(text, at, wanted)
  local literal = ""
  while sub(text, at, at) ~= ")" do
    local c
    c, at = character(text, at)
    if not c then return nil end
    literal = literal .. c
  end
  return behind(literal, wanted), at + 1
end

-- A group, from after its bracket.
local function group(text, at)
  if find(text, "^%?<[!=]", at) then
    return looked_behind(text, at + 3, sub(text, at + 2, at + 2) == "=")
  end
  local kind = text:match("^%?([:!=])", at)
  if kind then at = at + 2 end
  local part
  part, at = alternatives(text, at)
  if not part or sub(text, at, at) ~= ")" then return nil end
  if kind == "!" or kind == "=" then part = ahead(part, kind == "=") end
  return part, at + 1
end

local function repeated(set, text, at)
  local count = counts[sub(text, at, at)]
  if not count then return function(after) return one(set, after) end, at end
  at = at + 1
  if sub(text, at, at) == "?" then at = at + 1 end -- what is tried first does not count
  return function(after) return several(set, count[1], count[2], after) end, at
end

local function next_part(text, at)
  local c = sub(text, at, at)
  if c == "^" then return at_start, at + 1 end
  if c == "$" then return at_end, at + 1 end
  if c == "(" then return group(text, at + 1) end
  local set
  set, at = single(text, at)
  if set then return repeated(set, text, at) end
end

local function sequence(text, at)
  local parts = {}
  while at <= #text and not find(text, "^[|)]", at) do
    parts[#parts + 1], at = next_part(text, at)
    if not at then return nil end
  end
  return all_of(parts), at
end

alternatives = function(text, at)
  local parts = {}
  repeat
    parts[#parts + 1], at = sequence(text, at)
    if not at then return nil end
    at = at + 1
  until sub(text, at - 1, at - 1) ~= "|"
  return #parts == 1 and parts[1] or one_of(parts), at - 1
end

--- A function that says whether an expression matches: at the beginning of a text, or anywhere. It
--- says nil of texts with characters that are not of ASCII, or with several lines.
---@param expression string
---@param anchored boolean
---@return (fun(text: string): boolean?)? matches   nil: this is not for Lua
function M.matcher(expression, anchored)
  if find(expression, "[^\32-\126]") then return nil end
  local part, at = alternatives(expression, 1)
  if not part or at <= #expression then return nil end
  local matches = part(always)
  return function(text)
    if find(text, "[\n\128-\255]") then return nil end
    for from = 1, anchored and 1 or #text + 1 do
      if matches(text, from) then return true end
    end
    return false
  end
end

return M
