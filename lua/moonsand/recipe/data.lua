--- The datastore: variables with flags, overrides and pending appends, expanded when they are read.
--
-- Stores form a chain (configuration, recipe, variant, task). A store holds what was written to it;
-- the rest shines through from its parent by `__index`. A parent is not written to while it has
-- children.
local absorb = require "moonsand.recipe.absorb"
local expand = require "moonsand.recipe.expand"
local fault = require "moonsand.fault"
local flag_order = require "moonsand.recipe.flag_order"
local history = require "moonsand.recipe.history"
local name_list = require "moonsand.recipe.names"
local override = require "moonsand.recipe.override"
local write = require "moonsand.recipe.write"

local M = {}

local find, match = string.find, string.match

---@class moonsand.recipe.Data
---@field parent? moonsand.recipe.Data
local Data = {__name = "moonsand.recipe.Data"}
Data.__index = Data

function Data:__tostring()
  local name = self:get("PN") or self:get("FILE")
  return ("datastore of %s"):format(name or "the configuration")
end

for _, part in ipairs {absorb, history, name_list, write} do
  for name, method in pairs(part) do Data[name] = method end
end

M.clock = write.clock

-- A table of a store, through which that of its parent shines. The metatable is the same for all
-- children, of which there may be thousands.
local function layered(parent, part)
  if not parent then return {} end
  local all = parent.metatables or {}
  parent.metatables = all
  all[part] = all[part] or {__index = parent[part]}
  return setmetatable({}, all[part])
end

-- One of which most stores have nothing is that of the parent until it is written to (see `own`).
local function lent(parent, part)
  return parent and parent[part] or {}
end

--- A new store; what is not in it comes from `parent`.
---@param parent? moonsand.recipe.Data
---@return moonsand.recipe.Data
function M.new(parent)
  local self = {
    parent = parent,
    vars = layered(parent, "vars"), -- name -> record; an empty record: deleted
    variants = layered(parent, "variants"), -- name -> {variant, override, ...} or false
    keyed = lent(parent, "keyed"), -- names that hold a reference themselves
    exported = lent(parent, "exported"), -- names that ever had (un)export set
    state = layered(parent, "state"), -- what is not a variable: tasks, classes, ...
    decisive = lent(parent, "decisive"), -- names that OVERRIDES depends on
    files = layered(parent, "files"), -- path -> true: read; false: looked for in vain
    defs = lent(parent, "defs"), -- name -> statement: python functions of `def`
    filters = lent(parent, "filters"), -- name -> expression, or false
    python = parent and parent.python, -- the bridge, when there is one
    history = {},
    entries = {}, -- memory of expansions: name -> {raw, value, removes}
    values = {}, -- the same, for the usual question
    users = {}, -- name -> set of the names whose entries were made with it
    volatile = {}, -- names whose entries were made with who knows what
    current = nil, -- the name whose entry is being made
    busy = {}, -- names being expanded, for loops
    overrides = nil, override_set = nil, in_overrides = false,
    log = parent and parent.log or {},
    author = nil, -- {file, line} of the code that writes
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

--- A table that is to be written to: the store's own.
---@param part "keyed"|"exported"|"decisive"|"defs"|"filters"
---@return table
function Data:own(part)
  local parent = self.parent
  if parent and self[part] == parent[part] then
    self[part] = layered(parent, part)
    if self.metatables then self.metatables[part] = nil end
  end
  return self[part]
end

--- Keep a warning; the facade hands them on.
---@param text string
function Data:warn(text)
  self.log[#self.log + 1] = text
end

local function copied(t)
  if not t then return nil end
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
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

--- The entry that is being made was made with this name.
---@param name string
function Data:note(name)
  local current = self.current
  if not current then return end
  local users = self.users[name]
  if users then users[current] = true else self.users[name] = {[current] = true} end
end

local note = Data.note

-- The same for a flag of it.
local function note_flag(self, name)
  note(self, name)
  if self.python then self.python:note_flags(name) end
end

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
      note(self, variant)
      local entry = evaluate(self, variant)
      value, carried = entry.raw, entry.removes
    end
  end
  if not record then
    if value == nil and name == "BBINCLUDED" then value = self:included() end
    return value, carried
  end
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

--- Let go of what was remembered only to be fast: nobody will ask much any more.
function Data:rest()
  if self.current or self.in_overrides then return end
  self.entries, self.values, self.users, self.volatile = {}, {}, {}, {}
end

--- Forget the expansions that an error interrupted.
function Data:abandon()
  self.busy, self.current = {}, nil
  self:forget_all()
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
  local outer = self.current
  self.current = name
  local raw, carried = unexpanded(self, name)
  entry = {raw = raw, value = raw}
  if type(raw) == "string" then
    local record = self.vars[name]
    local pending = carried or record and record.remove
    local filter = self.filters[match(name, "^[^:]*")]
    if pending or filter or find(raw, "${", 1, true) then
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
      if filter and entry.value ~= "" then
        entry.value = self.python:filter(self, name, entry.value, filter)
      end
      busy[name], busy[depth] = nil, nil
    end
  end
  self.current = outer
  self.entries[name] = entry
  self.values[name] = entry.value
  return entry
end

--- The expanded value, nil when it is not set.
---@param name string
---@return string?
function Data:get(name)
  if self.current then note(self, name) end
  local value = self.values[name]
  if value == nil then value = evaluate(self, name).value end
  return value
end

--- The value before expansion, after overrides, appends and prepends; removes do not show.
---@param name string
---@return string?
function Data:raw(name)
  note(self, name)
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
  note(self, name)
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

--- What a text refers to directly.
---@param text string?
---@param name? string
---@return moonsand.recipe.Found
function Data:found(text, name)
  local found = {refs = {}, execs = {}, contains = {}}
  expand.text(self, text, name, found)
  return found
end

--- Names that a text refers to directly, or asks for words.
---@param text string?
---@param name? string
---@return table<string, boolean>
function Data:references(text, name)
  local found = self:found(text, name)
  for each in next, found.contains do found.refs[each] = true end
  return found.refs
end

--- A flag, not expanded. `false`: the flag is there without a value.
---@param name string
---@param flag string
---@return any
function Data:raw_flag(name, flag)
  if self.current then note_flag(self, name) end
  local record = self.vars[name]
  return record and write.flag_of(record, flag)
end

--- A flag, expanded; nil when it is not set.
---@param name string
---@param flag string
---@return any
function Data:flag(name, flag)
  if self.current then note_flag(self, name) end
  local record = self.vars[name]
  if not record then return nil end
  local flags = record.flags -- as `flag_of` has it, without a call: most flags are not there
  local value = flags and flags[flag]
  if value == nil then
    flags = record.weak
    value = flags and flags[flag]
    if value == nil then return nil end
  end
  if type(value) == "string" and find(value, "${", 1, true) then
    local key = name .. "[" .. flag .. "]"
    note(self, key)
    local entry = self.entries[key]
    if not entry then
      local outer = self.current
      self.current = key
      note(self, name)
      entry = {value = expand.text(self, value, key)}
      self.current = outer
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
  if self.current then note_flag(self, name) end
  local record, flags = self.vars[name], {}
  if record then
    for flag, value in next, record.weak or {} do flags[flag] = value end
    for flag, value in next, record.flags or {} do flags[flag] = value end
  end
  return flags
end

--- The names of all flags of a variable, in the order in which they were set.
---@param name string
---@return string[]
function Data:flag_names(name)
  note_flag(self, name)
  local record = self.vars[name]
  return record and flag_order.names(record) or {}
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

return M
