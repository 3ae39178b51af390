--- Text with references -> text: `${NAME}`, `${@python}` and `${=lua}`.
--
-- The rounds are BitBake's: every `${NAME}` first, innermost first because a name holds no brace;
-- then every expression whose code has no reference left; again until nothing changes.
local fault = require "moonsand.fault"
local lua = require "moonsand.recipe.lua"
local python = require "moonsand.recipe.python"

local M = {}

local find, sub, byte, concat = string.find, string.sub, string.byte, table.concat

local reference = "%${([%w%-_+./~:]+)}"

--- Replace the references of one round. Unknown names stay.
local function references(d, text, name, found)
  local first, last, key = find(text, reference)
  if not first then return text end
  local out, n, at = {}, 0, 1
  repeat
    if key == name then d:self_reference(name) end
    if found then found.refs[key] = true end
    local value = d:get(key)
    if value then
      out[n + 1] = sub(text, at, first - 1)
      out[n + 2] = value
      n = n + 2
      at = last + 1
    end
    first, last, key = find(text, reference, last + 1)
  until not first
  if n == 0 then return text end
  out[n + 1] = sub(text, at)
  return concat(out)
end

--- Where an expression that starts at `from` ends: its closing brace, after at least one element;
-- an element is one level of `{...}` or any character but a newline.
local function closing(text, from)
  local dead = {}
  local function after(at, some)
    while true do
      local place = find(text, "[{}\n]", at)
      local c = place and byte(text, place)
      if c == nil or c == 10 or dead[place] then return nil end
      some = some or place > at
      if c == 125 and some then return place end
      if c == 123 then
        local close = find(text, "[}\n]", place + 1)
        while close and byte(text, close) == 125 do
          local found = after(close + 1, true)
          if found then return found end
          close = find(text, "[}\n]", close + 1)
        end
        dead[place] = true
      end
      at, some = place + 1, true
    end
  end
  return after(from, false)
end

--- Run the expressions of one round that are opened by `mark`.
local function expressions(d, text, name, mark, run, found)
  local at = find(text, mark, 1, true)
  if not at then return text end
  local out, n, from = {}, 0, 1
  while at do
    local stop = closing(text, at + 3)
    if stop then
      local code = sub(text, at + 3, stop - 1)
      if not find(code, reference) then
        out[n + 1] = sub(text, from, at - 1)
        out[n + 2] = run(d, code, name, found)
        n = n + 2
        from = stop + 1
      end
    end
    at = find(text, mark, (stop or at + 2) + 1, true)
  end
  if n == 0 then return text end
  out[n + 1] = sub(text, from)
  return concat(out)
end

--- Expand a text.
---@param d moonsand.recipe.Data
---@param text any        anything but a string is returned as it is
---@param name? string    the variable whose value this is
---@param found? moonsand.recipe.Found  collects what the text refers to
---@return any
function M.text(d, text, name, found)
  if type(text) ~= "string" then return text end
  while find(text, "${", 1, true) do
    local before = text
    text = references(d, text, name, found)
    if find(text, "${@", 1, true) then
      text = expressions(d, text, name, "${@", python.expression, found)
    end
    if find(text, "${=", 1, true) then
      text = expressions(d, text, name, "${=", lua.expression, found)
    end
    if text == before then break end
  end
  return text
end

--- The fault of an expansion that cannot be done.
---@param d moonsand.recipe.Data
---@param name? string
---@param message string
---@param hint? string
function M.refuse(d, name, message, hint)
  d:abandon()
  local where = name and d:place(name)
  fault.throw("recipe", message, {where = where, hint = hint, reason = "expansion"})
end

return M
