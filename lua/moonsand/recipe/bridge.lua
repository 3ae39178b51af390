--- Python in metadata: what is asked of the helper, and how its answers become values and faults.
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local helper = require "moonsand.recipe.helper"
local memo = require "moonsand.recipe.memo"
local proxy = require "moonsand.recipe.proxy"
local wire = require "moonsand.recipe.wire"

local M = {}

local pack, unpack, sub = string.pack, string.unpack, string.sub
local find, match = string.find, string.match

---@class moonsand.recipe.Bridge
---@field helper moonsand.recipe.Helper
---@field inherit fun(d, names, statement)        set by the configuration
---@field handlers fun(d, event): table[]         set by the configuration
---@field before_start? fun()                     called once, when the helper is about to start
local Bridge = {__name = "moonsand.recipe.Bridge"}
Bridge.__index = Bridge

--- A bridge; the helper starts when something needs it.
---@param python moonsand.recipe.Python
---@return moonsand.recipe.Bridge
function M.new(python)
  local self = setmetatable({
    directories = {}, libraries = {}, bound = {}, learned = {}, names = {}, stores = {},
    memo = memo.new(), flag_readers = {},
  }, Bridge)
  self.helper = helper.new(python, proxy.serve(self))
  return self
end

--- Let the helper see a directory; one that runs without it is started anew.
---@param path string
---@param scratch? boolean   it may write there, for itself only
function Bridge:see(path, scratch)
  for _, each in ipairs(self.directories) do
    local inside = path == each.path or sub(path, 1, #each.path + 1) == each.path .. "/"
    if inside and (each.scratch or not scratch) then return end
    if path == each.path then
      each.scratch = scratch
      return self.helper:close()
    end
  end
  self.directories[#self.directories + 1] = {path = path, scratch = scratch}
  self.helper:close()
end

--- addpylib: a package of a metadata layer.
---@param directory string
---@param name string
---@param modules string   of Python itself, that all code of metadata sees
function Bridge:library(directory, name, modules)
  self:see(directory)
  for each in (name .. " " .. modules):gmatch("%S+") do self.memo.modules[each] = true end
  local message = pack("<s4s4s4", directory, name, modules)
  self.libraries[#self.libraries + 1] = message
  if self.helper.stream then self.helper:post("A", message) end
end

--- The packages of metadata layers.
---@return {directory: string, name: string, modules: string}[]
function Bridge:packages()
  local list = {}
  for i, message in ipairs(self.libraries) do
    local directory, name, modules = unpack("<s4s4s4", message)
    list[i] = {directory = directory, name = name, modules = modules}
  end
  return list
end

--- The directories of the packages of metadata layers.
---@return string[]
function Bridge:libraries_read()
  local list = {}
  for i, message in ipairs(self.libraries) do
    local directory, name = unpack("<s4s4", message)
    list[i] = directory .. "/" .. name
  end
  return list
end

--- What metadata says: `w`arnings and `e`rrors go to the log of the store at work.
---@param level string
---@param text string
function Bridge:say(level, text)
  local d = self.stores[#self.stores]
  if level == "e" then self.last_error = text end
  if d then d:warn(text) end
end

--- A value is being made with a flag of a variable: Python must know, for it remembers values when
--- flags are written.
---@param name string
function Bridge:note_flags(name)
  local generation = self.helper.generation
  if self.flag_readers[name] == generation or not self.helper.stream then return end
  self.flag_readers[name] = generation
  self.helper:post("N", pack("<s4", name))
end

-- Functions of `def` -----------------------------------------------------------------------------

--- A store was given a function; the helper learns of it when it works on that store.
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
function Bridge:define(d, statement)
  d:own("defs")[statement.name] = statement
  if self.bound_store == d then self.bound_store = nil end
end

-- The nearest store that has functions of its own.
local function origin(d)
  while d.parent and (d.defs == d.parent.defs or next(d.defs) == nil) do d = d.parent end
  return d
end

local function bind(self, d)
  d = origin(d)
  if self.bound_store == d then return end
  local wanted, store = {}, d
  while store do
    for name, statement in next, store.defs do
      wanted[name] = wanted[name] or statement
    end
    store = store.parent
  end
  for name in next, self.bound do
    if not wanted[name] then
      self.helper:post("K", pack("<s4", name))
      self.bound[name] = nil
    end
  end
  for name, statement in next, wanted do
    if self.bound[name] ~= statement then
      self.helper:post("D", pack("<s4s4I4s4", name, statement.file, statement.line - 1,
        statement.text))
      self.bound[name] = statement
    end
  end
  self.bound_store = d
end

-- Requests ---------------------------------------------------------------------------------------

local function start(self)
  local prepare = self.before_start
  self.before_start = nil
  if prepare then prepare() end
  self.helper:start(self.directories)
  if self.generation == self.helper.generation then return end
  self.generation = self.helper.generation
  self.bound, self.bound_store, self.stores = {}, nil, {}
  for _, message in ipairs(self.libraries) do self.helper:post("A", message) end
end

-- Values that such a request asked for before travel with it, when they are at hand.
local most = 256

local function at_hand(d, key)
  local kind, name = sub(key, 1, 1), sub(key, 2)
  if kind == "e" or kind == "u" then
    local flag
    name, flag = name:match("^(.-)%z(.*)$")
    local value = d:raw_flag(name, flag)
    if value == false then value = nil end
    if kind == "e" and type(value) == "string" and find(value, "${", 1, true) then return false end
    return true, value, name, flag
  end
  if kind == "i" then return true, proxy.read(d, kind, name), name end
  local value = d.values[name]
  if kind == "v" and value ~= nil then return true, value, name end
  local entry = d.entries[name]
  if kind == "v" and entry then return true, nil, name end
  value = kind == "p" and d:plain(name)
  if kind ~= "p" then value = d:raw(name) end
  if kind ~= "v" then return true, value, name end
  if d.variants[name] or type(value) == "string" and find(value, "${", 1, true) then
    return false
  end
  local record = d.vars[name]
  if record and record.remove or d.filters[name] then return false end
  return true, value, name
end

-- The body of a function will probably read them again, so they are expanded for it beforehand.
local function expanded(d, key)
  local name, flag = match(key, "^.([^%z]*)%z?(.*)$")
  local ok, value = helper.undisturbed(d, proxy.read, d, sub(key, 1, 1), name, flag)
  return ok, value, name, sub(key, 1, 1) == "e" and flag or nil
end

local function known_values(self, d, key, body)
  local parts, count = {""}, 0
  local learned = self.learned[key]
  for i = 1, learned and #learned or 0 do
    local there, value, name, flag = at_hand(d, learned[i])
    if not there and body then there, value, name, flag = expanded(d, learned[i]) end
    if there and type(value) ~= "table" then
      count = count + 1
      parts[#parts + 1] = pack("<c1s4", sub(learned[i], 1, 1), name)
      if flag then parts[#parts + 1] = pack("<s4", flag) end
      parts[#parts + 1] = self.helper:encode(value)
    end
  end
  parts[1] = pack("<I4", count)
  return table.concat(parts)
end

local function learn(self, key, frame, at)
  local learned = self.learned[key]
  if not learned then
    learned = {}
    self.learned[key] = learned
  end
  local count
  count, at = unpack("<I4", frame, at)
  for _ = 1, count do
    local name
    name, at = unpack("<s4", frame, at)
    if not learned[name] and #learned < most then
      learned[#learned + 1] = name
      learned[name] = true
    end
  end
end

-- What Python read: what was asked for, and what it had at hand. What is being made was made with
-- that.
local function take_reads(d, frame, at)
  local reads = {}
  for _ = 1, 2 do
    local count = unpack("<I4", frame, at)
    at = at + 4
    for _ = 1, count do reads[#reads + 1], at = unpack("<s4", frame, at) end
  end
  for _, key in ipairs(reads) do d:note(match(key, "^.([^%z]*)")) end
  return reads
end

-- Ask for something that is done on a store. `key` is what the values it needs are remembered by.
local function ask(self, d, kind, key, body)
  start(self)
  bind(self, d)
  local n = #self.stores + 1
  self.stores[n] = d
  local values = known_values(self, d, key, kind == "B" or kind == "H")
  local ok, frame, thrown = pcall(self.helper.request, self.helper, kind,
    pack("<I4I8", self.helper:number(d), data.clock.writes), values, body)
  self.stores[n] = nil
  if not ok then error(frame, 0) end
  if thrown then return nil, thrown end
  local value, at = wire.decode(frame, 2, self.helper)
  learn(self, key, frame, at)
  return value, nil, (kind == "E" or kind == "V") and take_reads(d, frame, at)
end

-- Faults -----------------------------------------------------------------------------------------

local function first_place(thrown)
  local places = thrown.places or {}
  for i = #places, 1, -1 do
    if find(places[i], "^/") then return places[i] end
  end
end

--- Throw what Python threw; `what` did it, at `where` when Python knows no better.
local function rethrow(self, d, thrown, what, where, reason)
  d:abandon()
  local old = thrown.fault
  if old then
    if fault.is(old) and not old.where then old.where = where end
    error(old, 0)
  end
  if thrown.kind == "skip" then fault.throw("recipe", thrown.message, {reason = "skip"}) end
  local place = first_place(thrown) or where
  if thrown.kind == "handled" then
    local text = thrown.message ~= "" and thrown.message or self.last_error or what .. " fails"
    fault.throw("recipe", text, {where = place, reason = "syntax", trace = thrown.places})
  end
  fault.throw("recipe", ("%s fails: %s: %s"):format(what, thrown.kind, thrown.message), {
    where = place, reason = reason, trace = thrown.places})
end

-- When the helper itself failed: say who needed it, and forget what was at work.
local function guarded(d, run, what, where)
  local ok, value, thrown, reads = pcall(run)
  if ok then return value, thrown, reads end
  d:abandon()
  if fault.is(value) and (value.kind == "host" or value.kind == "sandbox") then
    fault.throw("recipe", ("%s needs Python: %s"):format(what, value.message), {where = where,
      reason = "python", hint = value.hint})
  end
  if fault.is(value) and value.reason == "helper" then value.where = value.where or where end
  error(value, 0)
end

-- What is done ------------------------------------------------------------------------------------

--- Evaluate the code of `${@...}`.
---@param d moonsand.recipe.Data
---@param code string
---@param name? string   the variable whose value it stands in
---@return string
function Bridge:expression(d, code, name)
  local known = self.memo:get(d, code)
  if known then return known end
  if not self.memo:pure(d, code) then d:depends_on_all() end
  local where = name and d:place(name:match("^[^%[]+"))
  local what = ("${@%s}%s"):format(code, name and (" in '%s'"):format(name) or "")
  local value, thrown, reads = guarded(d, function()
    return ask(self, d, "E", code, pack("<s4s4", name or "expansion", code))
  end, what, where)
  if thrown then rethrow(self, d, thrown, what, where, "expansion") end
  self.memo:put(d, code, reads, value)
  return value
end

--- Run the body of a python function.
---@param d moonsand.recipe.Data
---@param name string
---@param file string
---@param line integer   of the header
---@param text string
---@param directory? string   where it runs
function Bridge:run(d, name, file, line, text, directory)
  local where = ("%s:%d"):format(file, line)
  local what = ("python %s()"):format(name)
  local _, thrown = guarded(d, function()
    return ask(self, d, "B", where, pack("<s4s4I4s4s4", name, file, line, text, directory or ""))
  end, what, where)
  if thrown then rethrow(self, d, thrown, what, where, "python") end
end

--- Let an event handler see an event.
---@param d moonsand.recipe.Data
---@param handler {name: string, file: string, line: integer, text: string}
---@param event string    "bb.event.RecipePreFinalise"
---@param arguments any[]
function Bridge:handle(d, handler, event, arguments)
  local where = ("%s:%d"):format(handler.file, handler.line)
  local what = ("the event handler '%s'"):format(handler.name)
  local _, thrown = guarded(d, function()
    start(self)
    local bytes = {pack("<c1I4", "L", #arguments)}
    for i, each in ipairs(arguments) do bytes[i + 1] = self.helper:encode(each) end
    return ask(self, d, "H", where .. event, pack("<s4s4I4s4s4", handler.name, handler.file,
      handler.line, handler.text, event) .. table.concat(bytes))
  end, what, where)
  if thrown then rethrow(self, d, thrown, what, where, "python") end
end

--- A value after its filter (setVarFilter).
---@param d moonsand.recipe.Data
---@param name string
---@param value string
---@param text string   an expression of `val`
---@return string
function Bridge:filter(d, name, value, text)
  self.filtered = self.filtered or {}
  local known = self.filtered[text]
  if not known then
    known = {}
    self.filtered[text] = known
  end
  if known[value] then return known[value] end
  local what = ("the filter '%s' of '%s'"):format(text, name)
  local result, thrown = guarded(d, function()
    return ask(self, d, "V", text, pack("<s4s4", value, text))
  end, what, d:place(name))
  if thrown then rethrow(self, d, thrown, what, d:place(name), "expansion") end
  known[value] = result
  return result
end

--- What code refers to, without running it: `vNAME`, `fNAME\0FLAG`, `cNAME\0WORDS`, `xFUNCTION`.
---@param d moonsand.recipe.Data
---@param code string
---@return string[]
function Bridge:references(d, code)
  local names = self.names[code]
  if not names then
    local thrown
    names, thrown = ask(self, d, "P", "references", pack("<s4", code))
    if thrown then names = {} end
    self.names[code] = names
  end
  return names
end

--- Which of some texts a regular expression is found in (or begins); what is wrong with each of the
-- expressions, by its number. One that is wrong is found nowhere.
---@param d moonsand.recipe.Data
---@param expressions string[]
---@param texts string[]
---@param anchored boolean
---@return boolean[] found, table<integer, string> wrong
function Bridge:search(d, expressions, texts, anchored)
  local what = ("the regular expression '%s'"):format(table.concat(expressions, " "))
  local answer, thrown = guarded(d, function()
    start(self)
    return ask(self, d, "M", "search", self.helper:encode(expressions) ..
      self.helper:encode(texts) .. self.helper:encode(anchored))
  end, what)
  if thrown then rethrow(self, d, thrown, what, nil, "python") end
  local found, wrong = {}, {}
  for i = 1, #texts do found[i] = sub(answer[1], i, i) == "1" end
  for i = 2, #answer do
    if answer[i] ~= "" then wrong[i - 1] = answer[i] end
  end
  return found, wrong
end

--- End the helper; it is started again when something needs it.
function Bridge:close()
  self.helper:close()
end

Bridge.__close = Bridge.close

return M
