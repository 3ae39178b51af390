--- Text with references -> text: `${NAME}`, `${@python}` and `${=lua}`.
--
-- The rounds are BitBake's: every `${NAME}` first, innermost first because a name holds no brace;
-- then every expression whose code has no reference left; again until nothing changes.
local fault = require "moonsand.fault"
local lua = require "moonsand.recipe.lua"
local python = require "moonsand.recipe.python"

local M = {}

local find, match, sub, byte = string.find, string.match, string.sub, string.byte
local concat = table.concat

-- A text that grows beyond this, or goes on changing, is a mistake: values that hold each other
-- twice grow as powers of two do.
local longest, most_rounds = 16 << 20, 1000

local reference = "%${([%w%-_+./~:]+)}"

local function too_long(d, name)
  M.refuse(d, name, ("%s is longer than %d MiB when it is expanded"):format(
    name and ("'%s'"):format(name) or "a text", longest >> 20),
    "variables that refer to each other more than once grow fast")
end

--- Replace the references of one round. Unknown names stay.
local function references(d, text, name, found)
  local first, last, key = find(text, reference)
  if not first then return text end
  local out, n, at, length = {}, 0, 1, #text
  repeat
    if key == name then d:self_reference(name) end
    if found then found.refs[key] = true end
    local value = d:get(key)
    if value then
      out[n + 1] = sub(text, at, first - 1)
      out[n + 2] = value
      n = n + 2
      at = last + 1
      length = length + #tostring(value)
      if length > longest then too_long(d, name) end
    end
    first, last, key = find(text, reference, last + 1)
  until not first
  if n == 0 then return text end
  out[n + 1] = sub(text, at)
  return concat(out)
end

-- The last closing brace of the line that `from` is in; `line` remembers it for the next question.
local function last_brace(text, from, line)
  if not line.stop or from > line.stop then
    line.stop = find(text, "\n", from, true) or #text + 1
    line.last = from - 1 + #(match(sub(text, from, line.stop - 1), "^.*}") or "")
  end
  return line.last
end

-- Where an expression that starts at `from` ends: its closing brace, after at least one element;
-- an element is one level of `{...}` or any character but a newline. The shortest way counts, and a
-- group comes before a character: so a group is one as long as another brace follows on the line.
local function closing(text, from, line)
  local last, at, some = last_brace(text, from, line), from, false
  if last <= from then return nil end
  while true do
    local place = find(text, "[{}]", at)
    some = some or place > at
    if byte(text, place) == 125 then
      if some then return place end
      at = place + 1
    else
      local close = find(text, "}", place + 1, true)
      if close == last then return close end
      at = close + 1
    end
    some = true
  end
end

--- Run the expressions of one round that are opened by `mark`.
local function expressions(d, text, name, mark, run, found)
  local at = find(text, mark, 1, true)
  if not at then return text end
  local out, n, from, line = {}, 0, 1, {}
  while at do
    local stop = closing(text, at + 3, line)
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
  local rounds = 0
  while find(text, "${", 1, true) do
    local before = text
    rounds = rounds + 1
    if rounds > most_rounds then
      M.refuse(d, name, ("%s never comes to an end"):format(
        name and ("expanding '%s'"):format(name) or "an expansion"),
        "what an expression gives is expanded again: it must not give itself")
    end
    text = references(d, text, name, found)
    if find(text, "${@", 1, true) then
      text = expressions(d, text, name, "${@", python.expression, found)
    end
    if find(text, "${=", 1, true) then
      text = expressions(d, text, name, "${=", lua.expression, found)
    end
    if text == before then break end
    if #text > longest then too_long(d, name) end
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
