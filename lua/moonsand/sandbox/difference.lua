--- What leads from one plan to another: steps that came, steps that went, and fields that changed.
local names = require "moonsand.sandbox.names"
local order = require "moonsand.order"
local same = require("moonsand.same").same
local sequence = require "moonsand.sequence"

local M = {}

---@class moonsand.sandbox.Change
---@field kind "added"|"removed"|"moved"|"changed"
---@field name string      of the step
---@field step table       as it is now; removed: as it was
---@field fields? {name: string, old: string?, new: string?}[]   of a step that changed

local function is_list(value)
  return next(value) == nil or #value > 0
end

--- A value as a reader wants it: bytes of a program would say nothing.
local function shown(value)
  if type(value) == "string" then
    if value:find("[^%g ]") then return ("%d bytes"):format(#value) end
    return ("%q"):format(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for i, one in ipairs(value) do parts[i] = shown(one) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

--- Maps are compared entry by entry, all else as a whole.
local function compare(fields, name, old, new)
  if same(old, new) then return end
  local maps = type(old) == "table" and type(new) == "table" and not is_list(old)
    and not is_list(new)
  if not maps then
    local was, is = old ~= nil and shown(old) or nil, new ~= nil and shown(new) or nil
    if was == is then is = is .. ", with another content" end
    fields[#fields + 1] = {name = name, old = was, new = is}
    return
  end
  local keys = {}
  for key in pairs(old) do keys[key] = true end
  for key in pairs(new) do keys[key] = true end
  for key in order.sorted(keys) do
    compare(fields, ("%s.%s"):format(name, key), old[key], new[key])
  end
end

local function fields_of(old, new)
  local fields, keys = {}, {}
  for key in pairs(old) do keys[key] = true end
  for key in pairs(new) do keys[key] = true end
  for key in order.sorted(keys) do
    if math.type(key) ~= "integer" then compare(fields, key, old[key], new[key]) end
  end
  local words, now = {table.unpack(old, 2)}, {table.unpack(new, 2)}
  compare(fields, "words", words, now)
  return fields
end

--- Names that both lists have in the same order: the longest such sequence, as a set.
local function common(a, b)
  local set = {}
  for _, pair in ipairs(sequence.common(a, b)) do set[a[pair[1]]] = true end
  return set
end

--- The names without those at both ends that are the same: plans differ in few places.
local function middle(a, b)
  local first, last = 1, 0
  while a[first] and a[first] == b[first] do first = first + 1 end
  while last < #a - first + 1 and last < #b - first + 1 and a[#a - last] == b[#b - last] do
    last = last + 1
  end
  return table.move(a, first, #a - last, 1, {}), table.move(b, first, #b - last, 1, {})
end

local function index(list, steps)
  local map = {}
  for i, name in ipairs(list) do map[name] = steps[i] end
  return map
end

--- The changes, in the order of the newer plan; steps that went come first.
---@param old table[]
---@param new table[]
---@return moonsand.sandbox.Change[]
function M.changes(old, new)
  local before, after = names.of(old), names.of(new)
  local was, is = index(before, old), index(after, new)
  local a, b = middle(before, after)
  local stays, differs, list = common(a, b), {}, {}
  for _, name in ipairs(b) do differs[name] = true end
  for _, name in ipairs(before) do
    if not is[name] then list[#list + 1] = {kind = "removed", name = name, step = was[name]} end
  end
  for _, name in ipairs(after) do
    local step = is[name]
    if not was[name] then
      list[#list + 1] = {kind = "added", name = name, step = step}
    else
      if differs[name] and not stays[name] then
        list[#list + 1] = {kind = "moved", name = name, step = step}
      end
      local fields = fields_of(was[name], step)
      if #fields > 0 then
        list[#list + 1] = {kind = "changed", name = name, step = step, fields = fields}
      end
    end
  end
  return list
end

local function field_text(field)
  if not field.old then return ("%s %s, was not there"):format(field.name, field.new) end
  if not field.new then return ("%s is not there, was %s"):format(field.name, field.old) end
  return ("%s %s, was %s"):format(field.name, field.new, field.old)
end

local marks = {added = "+", removed = "-", moved = ">", changed = "~"}

--- The changes as lines: `+ step`, `- step`, `> step` for one that moved, `~ name: field new, was
--- old`. Empty for equal plans.
---@param old table[]
---@param new table[]
---@param describe fun(step: table): string
---@return string
function M.text(old, new, describe)
  local lines = {}
  for _, change in ipairs(M.changes(old, new)) do
    local mark = marks[change.kind]
    if change.kind ~= "changed" then
      lines[#lines + 1] = ("%s %s\n"):format(mark, describe(change.step))
    end
    for _, field in ipairs(change.fields or {}) do
      lines[#lines + 1] = ("%s %s: %s\n"):format(mark, change.name, field_text(field))
    end
  end
  return table.concat(lines)
end

return M
