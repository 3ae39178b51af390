--- Python in metadata: what is asked of the helper, and how its answers become values and faults.
local data = require "moonsand.recipe.data"
local foresight = require "moonsand.recipe.foresight"
local helper = require "moonsand.recipe.helper"
local memo = require "moonsand.recipe.memo"
local proxy = require "moonsand.recipe.proxy"
local thrown_by = require "moonsand.recipe.thrown"
local wire = require "moonsand.recipe.wire"

local M = {}

local pack, unpack, sub = string.pack, string.unpack, string.sub
local thrown_again, guarded = thrown_by.again, thrown_by.guarded

---@class moonsand.recipe.Bridge
---@field helper moonsand.recipe.Helper
---@field inherit fun(d, names, statement)        set by the configuration
---@field handlers fun(d, event): table[]         set by the configuration
---@field before_start? fun()                     called once, when the helper is about to start
---@field looks integer     how often metadata looked at the clock while it was watched
---@field last_look? string   the expression that did so last, when it reads no variable
local Bridge = {__name = "moonsand.recipe.Bridge"}
Bridge.__index = Bridge

--- A bridge; the helper starts when something needs it.
---@param python moonsand.recipe.Python
---@return moonsand.recipe.Bridge
function M.new(python)
  local self = setmetatable({
    directories = {}, libraries = {}, bound = {}, learned = {}, names = {}, stores = {},
    memo = memo.new(), flag_readers = {}, looks = 0,
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

--- What a configuration taught it, for `resume`.
---@return table
function Bridge:state()
  return {directories = self.directories, libraries = self.libraries, memo = self.memo:state()}
end

--- Know what another one knew.
---@param state table
function Bridge:resume(state)
  self.directories = state.directories
  for _, message in ipairs(state.libraries) do self:library(unpack("<s4s4s4", message)) end
  self.memo:resume(state.memo)
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
    for name, statement in next, store:whole "defs" do
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
  if self.watched then self.helper:post("C") end
  for _, message in ipairs(self.libraries) do self.helper:post("A", message) end
end

-- Ask for something that is done on a store. `key` is what the values it needs are remembered by.
local function ask(self, d, kind, key, body)
  start(self)
  bind(self, d)
  local n = #self.stores + 1
  self.stores[n] = d
  local values = foresight.values(self, d, key, kind == "B" or kind == "H")
  local ok, frame, thrown = pcall(self.helper.request, self.helper, kind,
    pack("<I4I8", self.helper:number(d), data.clock.writes), values, body)
  self.stores[n] = nil
  if not ok then error(frame, 0) end
  if thrown then return nil, thrown end
  local value, at = wire.decode(frame, 2, self.helper)
  foresight.learn(self, key, frame, at)
  return value, nil, (kind == "E" or kind == "V") and foresight.reads(d, frame, at)
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
  if thrown then thrown_again(self, d, thrown, what, where, "expansion") end
  self.memo:put(d, code, reads, value)
  self.last_look = not reads[1] and code or nil
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
  if thrown then thrown_again(self, d, thrown, what, where, "python") end
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
  if thrown then thrown_again(self, d, thrown, what, where, "python") end
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
  if thrown then thrown_again(self, d, thrown, what, d:place(name), "expansion") end
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
  if thrown then thrown_again(self, d, thrown, what, nil, "python") end
  local found, wrong = {}, {}
  for i = 1, #texts do found[i] = sub(answer[1], i, i) == "1" end
  for i = 2, #answer do
    if answer[i] ~= "" then wrong[i - 1] = answer[i] end
  end
  return found, wrong
end

--- From now on it is known what metadata's Python looks at: files, and the clock.
function Bridge:watch()
  self.watched, self.looks = true, 0
  self.helper:observe()
end

--- Watch no longer. The files that were looked at, or in vain; nil when that is not known.
---@return {path: string, state: string, opened: boolean}[]?
function Bridge:watched_files()
  self.watched = nil
  return self.helper:observed()
end

--- End the helper; it is started again when something needs it.
function Bridge:close()
  self.helper:close()
end

Bridge.__close = Bridge.close

return M
