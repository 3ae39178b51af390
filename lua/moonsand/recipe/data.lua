--- The datastore: variables with flags, overrides and pending appends, expanded when they are read.
--
-- Stores form a chain (configuration, recipe, variant, task). A store holds what was written to it;
-- the rest shines through from its parent by `__index`. A parent is not written to while it has
-- children.
local expand = require "moonsand.recipe.expand"
local fault = require "moonsand.fault"
local override = require "moonsand.recipe.override"

local M = {}

local find, match, sub = string.find, string.match, string.sub

---@class moonsand.recipe.Entry            one line of a variable's history
---@field operator string   as written (`=`, `?=`, ...), or a verb: export, unset, rename, set, ...
---@field text string?      the text as written
---@field file string?
---@field line integer?
---@field flag string?
---@field name string?      the name as written: `A:append:foo` is in the history of `A`

---@class moonsand.recipe.Data
---@field parent? moonsand.recipe.Data
local Data = {__name = "moonsand.recipe.Data"}
Data.__index = Data

function Data:__tostring()
  local name = self:get("PN") or self:get("FILE")
  return ("datastore of %s"):format(name or "the configuration")
end

local function layered(parent)
  return setmetatable({}, {__index = parent})
end

--- A new store; what is not in it comes from `parent`.
---@param parent? moonsand.recipe.Data
---@return moonsand.recipe.Data
function M.new(parent)
  local self = {
    parent = parent,
    vars = layered(parent and parent.vars), -- name -> record; an empty record: deleted
    variants = layered(parent and parent.variants), -- name -> {variant, override, ...} or false
    keyed = layered(parent and parent.keyed), -- names that hold a reference themselves
    exported = layered(parent and parent.exported), -- names that ever had (un)export set
    state = layered(parent and parent.state), -- what is not a variable: tasks, classes, ...
    decisive = layered(parent and parent.decisive), -- names that OVERRIDES depends on
    files = layered(parent and parent.files), -- path -> true: read; false: looked for in vain
    history = {},
    entries = {}, -- memory of expansions: name -> {raw, value, removes}
    values = {}, -- the same, for the usual question
    busy = {}, -- names being expanded, for loops
    overrides = nil, override_set = nil, in_overrides = false,
    log = parent and parent.log or {},
    environment = nil, -- of Lua code that runs on this store (see lua.lua)
  }
  if not parent then self.decisive.OVERRIDES, self.decisive.FILE = true, true end
  return setmetatable(self, Data)
end

--- A store on top of this one.
---@return moonsand.recipe.Data
function Data:copy()
  return M.new(self)
end

--- Keep a warning; the facade hands them on.
---@param text string
function Data:warn(text)
  self.log[#self.log + 1] = text
end

-- Expansions are forgotten on every write.
local function forget(self)
  if next(self.entries) ~= nil then self.entries, self.values = {}, {} end
end

local function copied(t)
  if not t then return nil end
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
end

-- The record of a name, in this store.
local function own(self, name)
  local vars = self.vars
  local record = rawget(vars, name)
  if record then return record end
  local seen = vars[name]
  record = {}
  if seen then
    for key, value in next, seen do record[key] = value end
    record.flags, record.weak = copied(seen.flags), copied(seen.weak)
  end
  vars[name] = record
  if find(name, "${", 1, true) then self.keyed[name] = true end
  return record
end

local function record_history(self, name, entry)
  if not entry then return end
  local list = self.history[name]
  if list then list[#list + 1] = entry else self.history[name] = {entry} end
end

-- History entry of a change that no statement made; Lua code of the metadata is its own place.
local function entry_of(self, operator, name, text, flag)
  local file, line
  if self.running then
    for level = 3, 6 do
      local info = debug.getinfo(level, "Sl")
      if not info then break end
      if self.running[info.source] then
        file, line = self.running[info.source], info.currentline
        break
      end
    end
  end
  return {operator = operator, name = name, text = text, flag = flag, file = file, line = line}
end

-- OVERRIDES ----------------------------------------------------------------------------------

local function unstable(self, tried)
  local lines = {}
  for i, list in ipairs(tried) do lines[i] = table.concat(list, ":") end
  local where = self:place("OVERRIDES")
  self:abandon()
  self.overrides = nil
  fault.throw("recipe", "OVERRIDES does not settle, tried: " .. table.concat(lines, ", "), {
    where = where, reason = "overrides",
    hint = "OVERRIDES refers to a variable that is itself chosen by an override",
  })
end

-- Make sure that the overrides are known. While they are looked for, none is active.
local function need_overrides(self)
  if self.overrides or self.in_overrides then return end
  local busy, tried = self.busy, {}
  for round = 1, 5 do
    self.in_overrides = true
    self.overrides, self.override_set, self.busy = {}, {}, {}
    self.overrides, self.override_set = override.split(self:get("OVERRIDES"))
    tried[round] = self.overrides
    self.in_overrides = false
    self.entries, self.values = {}, {}
    local list, set = override.split(self:get("OVERRIDES"))
    self.busy = busy
    if override.same(list, self.overrides) then return end
    self.overrides, self.override_set = list, set
  end
  unstable(self, tried)
end

--- The list of active overrides, in the order of OVERRIDES.
---@return string[]
function Data:active_overrides()
  need_overrides(self)
  return self.overrides
end

-- Reading ------------------------------------------------------------------------------------

-- Does the condition of a pending operation hold?
local function holds(self, condition)
  if not condition or condition == "" then return true end
  need_overrides(self)
  return override.active(self.override_set, condition)
end

local evaluate

-- The text before expansion, and the removes that the chosen variant carries.
local function unexpanded(self, name)
  local record, list, value, carried = self.vars[name], self.variants[name], nil, nil
  if list then
    need_overrides(self)
    local variant = override.choose(self.overrides, self.override_set, list)
    if variant then
      local entry = evaluate(self, variant)
      value, carried = entry.raw, entry.removes
    end
  end
  if not record then return value, carried end
  if value == nil then
    value = record.content
    if value == nil then value = record.default end
  end
  local pending = record.append
  if pending then
    need_overrides(self)
    for i = 1, #pending, 2 do
      if holds(self, pending[i + 1]) then value = (value or "") .. pending[i] end
    end
  end
  pending = record.prepend
  if pending then
    need_overrides(self)
    for i = 1, #pending, 2 do
      if holds(self, pending[i + 1]) then value = pending[i] .. (value or "") end
    end
  end
  return value, carried
end

-- The texts that `:remove` says to take out of this variable now.
local function removals(self, record, carried)
  local texts
  if carried then texts = copied(carried) end
  local pending = record and record.remove
  if pending then
    need_overrides(self)
    for i = 1, #pending, 2 do
      if holds(self, pending[i + 1]) then
        texts = texts or {}
        if not texts[pending[i]] then
          texts[pending[i]] = true
          texts[#texts + 1] = pending[i]
        end
      end
    end
  end
  return texts
end

-- Drop words; the separators stay. Returns the rest and the texts that had an effect.
local function without(self, value, texts)
  local words, used = {}, {}
  for _, text in ipairs(texts) do
    for word in expand.text(self, text):gmatch("%S+") do
      words[word] = words[word] or {}
      table.insert(words[word], text)
    end
  end
  value = value:gsub("%S+", function(word)
    local from = words[word]
    if not from then return nil end
    for _, text in ipairs(from) do
      if not used[text] then
        used[text] = true
        used[#used + 1] = text
      end
    end
    return ""
  end)
  return value, used[1] and used or nil
end

--- Forget the expansions that an error interrupted.
function Data:abandon()
  self.busy, self.entries, self.values = {}, {}, {}
  if self.in_overrides then self.overrides, self.in_overrides = nil, false end
end

--- Complain about a variable that needs itself.
---@param name string
function Data:self_reference(name)
  local chain, from = {}, nil
  for i, each in ipairs(self.busy) do
    if each == name then from = i end
    if from then chain[#chain + 1] = each end
  end
  chain[#chain + 1] = name
  local message = #chain > 2 and ("variable '%s' refers to itself: %s"):format(name,
    table.concat(chain, " -> ")) or ("variable '%s' refers to itself"):format(name)
  expand.refuse(self, match(name, "^[^%[]+"), message,
    "use ':=' to take the value it has so far, or ':append'")
end

evaluate = function(self, name)
  local entry = self.entries[name]
  if entry then return entry end
  local raw, carried = unexpanded(self, name)
  entry = {raw = raw, value = raw}
  if type(raw) == "string" then
    local record = self.vars[name]
    local pending = carried or record and record.remove
    if pending or find(raw, "${", 1, true) then
      local busy = self.busy
      if busy[name] then self:self_reference(name) end
      local depth = #busy + 1
      busy[name], busy[depth] = true, name
      entry.value = expand.text(self, raw, name)
      if pending and raw ~= "" and entry.value ~= "" then
        local texts = removals(self, record, carried)
        if texts and #texts > 0 then
          entry.value, entry.removes = without(self, entry.value, texts)
        end
      end
      busy[name], busy[depth] = nil, nil
    end
  end
  self.entries[name] = entry
  self.values[name] = entry.value
  return entry
end

--- The expanded value, nil when it is not set.
---@param name string
---@return string?
function Data:get(name)
  local value = self.values[name]
  if value == nil then value = evaluate(self, name).value end
  return value
end

--- The value before expansion, after overrides, appends and prepends; removes do not show.
---@param name string
---@return string?
function Data:raw(name)
  local entry = self.entries[name]
  if entry then return entry.raw end
  return (unexpanded(self, name))
end

--- What the `:remove` texts that took something out of the variable are, sorted (for signatures).
---@param name string
---@return string[]
function Data:removes(name)
  local removes = evaluate(self, name).removes or {}
  removes = {table.unpack(removes)}
  table.sort(removes)
  return removes
end

--- The value as the immediate operators see it: no weak default, no override, nothing pending.
---@param name string
---@return string?
function Data:plain(name)
  local record = self.vars[name]
  return record and record.content
end

--- Expand a text with the variables of this store.
---@param text string
---@param name? string  for messages
---@return string
function Data:expand(text, name)
  return expand.text(self, text, name)
end

--- Names that a text refers to directly.
---@param text string?
---@param name? string
---@return table<string, boolean>
function Data:references(text, name)
  local seen = {}
  expand.text(self, text, name, seen)
  return seen
end

local function flag_of(record, flag)
  local value = record.flags and record.flags[flag]
  if value == nil and record.weak then value = record.weak[flag] end
  return value
end

--- A flag, not expanded. `false`: the flag is there without a value.
---@param name string
---@param flag string
---@return any
function Data:raw_flag(name, flag)
  local record = self.vars[name]
  return record and flag_of(record, flag)
end

--- A flag, expanded; nil when it is not set.
---@param name string
---@param flag string
---@return any
function Data:flag(name, flag)
  local record = self.vars[name]
  local value = record and flag_of(record, flag)
  if type(value) == "string" and find(value, "${", 1, true) then
    local key = name .. "[" .. flag .. "]"
    local entry = self.entries[key]
    if not entry then
      entry = {value = expand.text(self, value, key)}
      self.entries[key] = entry
    end
    return entry.value
  end
  if value == false then return nil end
  return value
end

--- All flags of a variable, not expanded.
---@param name string
---@return table<string, any>
function Data:flags(name)
  local record, flags = self.vars[name], {}
  if record then
    for flag, value in next, record.weak or {} do flags[flag] = value end
    for flag, value in next, record.flags or {} do flags[flag] = value end
  end
  return flags
end

--- Is a variable or flag's text one of BitBake's words for true?
---@param value any
---@return boolean
function M.truth(value)
  if type(value) == "string" then
    local word = value:lower()
    return word == "y" or word == "yes" or word == "1" or word == "true" or word == "t"
  end
  return value ~= nil and value ~= false and value ~= 0
end

-- Writing ------------------------------------------------------------------------------------

local function known(set, names)
  for name in next, names do
    if not set[name] then return false end
  end
  return true
end

-- A variable that OVERRIDES depends on was written: find out what else it depends on, start anew.
local function decide(self, name, text)
  local new = self:references(text, name)
  while not known(self.decisive, new) do
    local more = {}
    for each in next, new do self.decisive[each] = true end
    for each in next, new do
      for other in next, self:references(self:get(each), each) do more[other] = true end
    end
    new = more
  end
  self.overrides = nil
  forget(self)
end

local keywords = {[":append"] = "append", [":prepend"] = "prepend", [":remove"] = "remove"}

-- base, operation, condition of a name such as `A:append:foo`; nil when it holds none.
local function operation(name)
  local at = not find(name, "\n", 1, true) and find(name, ":", 1, true)
  while at do
    for keyword, key in next, keywords do
      if sub(name, at, at + #keyword - 1) == keyword then
        local rest = sub(name, at + #keyword)
        if rest == "" then return sub(name, 1, at - 1), key, nil end
        if find(rest, "^:[^A-Z]*$") then return sub(name, 1, at - 1), key, sub(rest, 2) end
      end
    end
    at = find(name, ":", at + 1, true)
  end
end

M.operation = operation

local function refuse_old_syntax(name, entry)
  if not (find(name, "_append", 1, true) or find(name, "_prepend", 1, true) or
    find(name, "_remove", 1, true)) or find(name, "^__anon_") then
    return
  end
  fault.throw("recipe", ("variable '%s' uses the old override syntax"):format(name), {
    where = entry and entry.file and ("%s:%s"):format(entry.file, entry.line), reason = "syntax",
    hint = ("write it with a colon: '%s'"):format((name:gsub("_(append)", ":%1")
      :gsub("_(prepend)", ":%1"):gsub("_(remove)", ":%1"))),
  })
end

local function add_pending(self, base, key, condition, value)
  local record = own(self, base)
  local list = {}
  for i, each in ipairs(record[key] or {}) do list[i] = each end
  list[#list + 1] = value
  list[#list + 1] = condition or ""
  record[key] = list
end

--- Write a variable as a statement does: what is pending stays.
---@param name string
---@param value any
---@param entry? moonsand.recipe.Entry
function Data:put(name, value, entry)
  if find(name, "_[apr][pre][pem]") then refuse_old_syntax(name, entry) end
  forget(self)
  if find(name, ":", 1, true) then
    local base, key, condition = operation(name)
    if base then
      add_pending(self, base, key, condition, value)
      record_history(self, base, entry)
      if find(base, ":", 1, true) then override.register(self, base) end
      if self.decisive[base] then decide(self, name, value) end
      return
    end
    override.register(self, name)
  end
  own(self, name).content = value
  record_history(self, name, entry)
  if self.decisive[name] then decide(self, name, value) end
end

--- Set a variable: pending operations and active variants of it go.
---@param name string
---@param value any
function Data:set(name, value)
  local entry = entry_of(self, "set", name, value)
  if not operation(name) then
    local record = own(self, name)
    record.append, record.prepend, record.remove = nil, nil, nil
    local list = self.variants[name]
    if list then
      need_overrides(self)
      for i = 1, #list, 2 do
        if override.active(self.override_set, list[i + 1]) then self:delete(list[i], entry) end
      end
      self.variants[name] = false
    end
  end
  self:put(name, value, entry)
end

--- Like `NAME:append = "text"`.
---@param name string
---@param text string
function Data:append(name, text)
  self:put(name .. ":append", text, entry_of(self, "append", name, text))
end

--- Like `NAME:prepend = "text"`.
---@param name string
---@param text string
function Data:prepend(name, text)
  self:put(name .. ":prepend", text, entry_of(self, "prepend", name, text))
end

--- Like `NAME:remove = "words"`.
---@param name string
---@param text string
function Data:remove(name, text)
  self:put(name .. ":remove", text, entry_of(self, "remove", name, text))
end

--- Store a weak default (`??=`).
---@param name string
---@param value any
---@param entry? moonsand.recipe.Entry
function Data:put_default(name, value, entry)
  forget(self)
  own(self, name).default = value
  record_history(self, name, entry)
  if find(name, ":", 1, true) then override.register(self, name) end
  if self.decisive[name] then decide(self, name, value) end
end

--- Set a flag.
---@param name string
---@param flag string
---@param value any         `false`: there, without a value
---@param entry? moonsand.recipe.Entry|false   `false`: leave no trace in the history
---@param weak? boolean
function Data:set_flag(name, flag, value, entry, weak)
  forget(self)
  local record = own(self, name)
  local kind = weak and "weak" or "flags"
  record[kind] = record[kind] or {}
  record[kind][flag] = value
  if entry ~= false then
    record_history(self, name, entry or entry_of(self, "set", name, value, flag))
  end
  if flag == "export" or flag == "unexport" then self.exported[name] = true end
end

--- Remove a flag and its weak default.
---@param name string
---@param flag string
---@param entry? moonsand.recipe.Entry|false
function Data:delete_flag(name, flag, entry)
  forget(self)
  local record = self.vars[name]
  if not record or flag_of(record, flag) == nil then return end
  record = own(self, name)
  for _, kind in ipairs {"flags", "weak"} do
    local flags = record[kind]
    if flags then
      flags[flag] = nil
      if next(flags) == nil then record[kind] = nil end
    end
  end
  if entry ~= false then
    record_history(self, name, entry or entry_of(self, "unset", name, nil, flag))
  end
end

--- Remove a variable: value, flags, pending operations and its table of variants.
---@param name string
---@param entry? moonsand.recipe.Entry
function Data:delete(name, entry)
  forget(self)
  record_history(self, name, entry or entry_of(self, "unset", name))
  self.vars[name] = {}
  if self.variants[name] then self.variants[name] = false end
  if find(name, ":", 1, true) then override.unregister(self, name) end
end

--- Rename a variable; its pending operations and variants come along, other flags do not.
---@param name string
---@param new string
function Data:rename(name, new)
  local record = self.vars[name]
  local value = record and (record.content == nil and record.default or record.content)
  local last
  for _, entry in ipairs(self:where(name)) do
    record_history(self, new, entry)
    last = entry
  end
  local entry = {operator = "rename", name = name, text = value or nil,
    file = last and last.file, line = last and last.line}
  if value ~= nil then self:put(new, value, entry) end
  for _, key in next, keywords do
    local list = record and record[key]
    if list then
      forget(self)
      for i = 1, #list, 2 do add_pending(self, new, key, list[i + 1], list[i]) end
    end
  end
  self:rename_variants(name, new)
  if value == nil and find(new, ":", 1, true) then override.register(self, new) end
  self:delete(name, entry)
end

function Data:rename_variants(name, new)
  local list = self.variants[name]
  if not list then return end
  local moved = {}
  self.variants[new] = moved
  for i = 1, #list, 2 do
    local variant = override.replaced(list[i], name, new)
    moved[#moved + 1] = variant
    moved[#moved + 1] = list[i + 1]
    moved[variant] = true
  end
  for i = 1, #list, 2 do
    self:rename(list[i], override.replaced(list[i], name, new))
  end
end

-- A record that holds nothing counts as deleted.
local function present(record)
  return record and next(record) ~= nil
end

-- Has a base an active variant?
local function varied(self, name)
  local list = self.variants[name]
  if not list then return false end
  need_overrides(self)
  for i = 1, #list, 2 do
    if override.active(self.override_set, list[i + 1]) then return true end
  end
  return false
end

--- Expand the names of variables; done once when a recipe is finalised, and again for a task.
function Data:expand_keys()
  need_overrides(self)
  local names, seen, store = {}, {}, self
  while store do
    for name in next, store.keyed do
      if not seen[name] then
        seen[name] = true
        if present(self.vars[name]) or varied(self, name) then names[#names + 1] = name end
      end
    end
    store = store.parent
  end
  table.sort(names)
  local new = {}
  for i, name in ipairs(names) do new[i] = self:expand(name) end
  for i, name in ipairs(names) do
    if new[i] ~= name then
      local there = self:raw(new[i])
      local value = there ~= nil and self:raw(name)
      if value then
        self:warn(("Variable key %s (%s) replaces original key %s (%s)."):format(name, value,
          new[i], there))
      end
      self:rename(name, new[i])
    end
  end
end

--- All names, sorted: own and inherited ones without the deleted, and bases with an active variant.
---@return string[]
function Data:names()
  local names, seen, store = {}, {}, self
  while store do
    for name in next, store.vars do
      if not seen[name] then
        seen[name] = true
        if present(self.vars[name]) then names[#names + 1] = name else seen[name] = false end
      end
    end
    store = store.parent
  end
  store = self
  while store do
    for name in next, store.variants do
      if not seen[name] then
        seen[name] = true
        if varied(self, name) then names[#names + 1] = name end
      end
    end
    store = store.parent
  end
  table.sort(names)
  return names
end

--- Names that have, or had, the export or unexport flag, sorted.
---@return string[]
function Data:export_names()
  local names, seen, store = {}, {}, self
  while store do
    for name in next, store.exported do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
    store = store.parent
  end
  table.sort(names)
  return names
end

-- History ------------------------------------------------------------------------------------

--- Everything that was done to a variable, oldest first.
---@param name string
---@return moonsand.recipe.Entry[]
function Data:where(name)
  local list = self.parent and self.parent:where(name) or {}
  for _, entry in ipairs(self.history[name] or {}) do list[#list + 1] = entry end
  return list
end

--- "file:line" of the statement that last wrote the variable's value.
---@param name string
---@return string?
function Data:place(name)
  local store = self
  while store do
    local list = store.history[name]
    for i = list and #list or 0, 1, -1 do
      local entry = list[i]
      if entry.file and not entry.flag then return ("%s:%s"):format(entry.file, entry.line) end
    end
    store = store.parent
  end
end

--- "file:line" of the statement that last set a flag.
---@param name string
---@param flag string
---@return string?
function Data:flag_place(name, flag)
  local list = self:where(name)
  for i = #list, 1, -1 do
    if list[i].flag == flag and list[i].file then
      return ("%s:%s"):format(list[i].file, list[i].line)
    end
  end
  return self:place(name)
end

return M
