--- The writing half of the datastore (data.lua): its methods that change variables and flags.
local fault = require "moonsand.fault"
local flag_order = require "moonsand.recipe.flag_order"
local override = require "moonsand.recipe.override"

---@class moonsand.recipe.Data
local Data = {}

--- Writes of all stores are counted: who remembers values asks whether there were any.
Data.clock = {writes = 0}

local clock = Data.clock

local find, match, sub = string.find, string.match, string.sub

-- Forget what was made with a name, and what was made with that.
local function drop(self, name)
  local todo, n = {name}, 1
  while n > 0 do
    local each = todo[n]
    todo[n], n = nil, n - 1
    self.entries[each], self.values[each] = nil, nil
    local users = self.users[each]
    if users then
      self.users[each] = nil
      for user in next, users do
        n = n + 1
        todo[n] = user
      end
    end
  end
end

-- A name is written: what was made with it is forgotten, or with a name that it is a variant of.
local function forget(self, name)
  clock.writes = clock.writes + 1
  if next(self.entries) == nil then return end
  for each in next, self.volatile do
    self.volatile[each] = nil
    drop(self, each)
  end
  drop(self, name)
  local at = find(name, ":", 1, true) and match(name, "^.*():")
  while at and at > 1 do
    name = sub(name, 1, at - 1)
    drop(self, name)
    at = match(name, "^.*():")
  end
end

--- Forget all expansions.
function Data:forget_all()
  clock.writes = clock.writes + 1
  self.entries, self.values = {}, {}
  if not self.current then self.users, self.volatile = {}, {} end
end

--- The entry that is being made depends on more than the names that it asks for.
function Data:depends_on_all()
  if self.current then self.volatile[self.current] = true end
end

local function copied(t)
  if not t then return nil end
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
end

--- The flag of a record, its own or a weak one.
---@param record table
---@param flag string
---@return any
function Data.flag_of(record, flag)
  local value = record.flags and record.flags[flag]
  if value == nil and record.weak then value = record.weak[flag] end
  return value
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
    record.content = seen.content -- it may be one that tells of being read (moving.lua)
    record.flags, record.weak = copied(seen.flags), copied(seen.weak)
  end
  vars[name] = record
  if find(name, "${", 1, true) then self:own("keyed")[name] = true end
  return record
end

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
    for each in next, new do self:own("decisive")[each] = true end
    for each in next, new do
      for other in next, self:references(self:get(each), each) do more[other] = true end
    end
    new = more
  end
  self.overrides = nil
  self:forget_all()
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

--- Base, operation and condition of a name such as `A:append:foo`; nil when it holds none.
Data.operation = operation

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
  forget(self, name)
  if find(name, ":", 1, true) then
    local base, key, condition = operation(name)
    if base then
      add_pending(self, base, key, condition, value)
      self:remember(base, entry)
      if find(base, ":", 1, true) then override.register(self, base) end
      if self.decisive[base] then decide(self, name, value) end
      return
    end
    override.register(self, name)
  end
  own(self, name).content = value
  self:remember(name, entry)
  if self.decisive[name] then decide(self, name, value) end
end

--- Set a variable: pending operations and active variants of it go.
---@param name string
---@param value any
function Data:set(name, value)
  local entry = self:entry_of("set", name, value)
  if not operation(name) then
    local record = own(self, name)
    record.append, record.prepend, record.remove = nil, nil, nil
    local list = self.variants[name]
    if list then
      self:active_overrides()
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
  self:put(name .. ":append", text, self:entry_of("append", name, text))
end

--- Like `NAME:prepend = "text"`.
---@param name string
---@param text string
function Data:prepend(name, text)
  self:put(name .. ":prepend", text, self:entry_of("prepend", name, text))
end

--- Like `NAME:remove = "words"`.
---@param name string
---@param text string
function Data:remove(name, text)
  self:put(name .. ":remove", text, self:entry_of("remove", name, text))
end

--- Let the value pass through an expression last (setVarFilter); nil: no more.
---@param name string
---@param text? string
function Data:set_filter(name, text)
  self:forget_all()
  self:own("filters")[name] = text or false
end

--- Store a weak default (`??=`).
---@param name string
---@param value any
---@param entry? moonsand.recipe.Entry
function Data:put_default(name, value, entry)
  forget(self, name)
  own(self, name).default = value
  self:remember(name, entry)
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
  forget(self, name)
  local record = own(self, name)
  local kind = weak and "weak" or "flags"
  record[kind] = record[kind] or {}
  if record[kind][flag] == nil then flag_order.add(record, flag, weak) end
  record[kind][flag] = value
  if entry ~= false then
    self:remember(name, entry or self:entry_of("set", name, value, flag))
  end
  if flag == "export" or flag == "unexport" then self:own("exported")[name] = true end
end

--- Remove a flag and its weak default.
---@param name string
---@param flag string
---@param entry? moonsand.recipe.Entry|false
function Data:delete_flag(name, flag, entry)
  forget(self, name)
  local record = self.vars[name]
  if not record or Data.flag_of(record, flag) == nil then return end
  record = own(self, name)
  for _, kind in ipairs {"flags", "weak"} do
    local flags = record[kind]
    if flags then
      flags[flag] = nil
      if next(flags) == nil then record[kind] = nil end
    end
  end
  flag_order.remove(record, flag)
  if entry ~= false then
    self:remember(name, entry or self:entry_of("unset", name, nil, flag))
  end
end

--- Remove a variable: value, flags, pending operations and its table of variants.
---@param name string
---@param entry? moonsand.recipe.Entry
function Data:delete(name, entry)
  forget(self, name)
  self:remember(name, entry or self:entry_of("unset", name))
  self.vars[name] = {}
  if self.variants[name] then self.variants[name] = false end
  if find(name, ":", 1, true) then override.unregister(self, name) end
end

local function any_entry() return true end

--- Rename a variable; its pending operations and variants come along, other flags do not.
---@param name string
---@param new string
function Data:rename(name, new)
  local record = self.vars[name]
  local value = record and (record.content == nil and record.default or record.content)
  local last = self:last_entry(name, any_entry)
  self:inherit_history(new, name)
  local entry = {operator = "rename", name = name, text = value or nil,
    file = last and last.file, line = last and last.line}
  if value ~= nil then self:put(new, value, entry) end
  for _, key in next, keywords do
    local list = record and record[key]
    if list then
      forget(self, new)
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

--- Expand the names of variables; done once when a recipe is finalised, and again for a task.
function Data:expand_keys()
  self:active_overrides()
  local names, seen, store = {}, {}, self
  while store do
    for name in next, store.keyed do
      if not seen[name] then
        seen[name] = true
        if self:exists(name) then names[#names + 1] = name end
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

return Data
