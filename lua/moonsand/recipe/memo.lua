--- Results of Python expressions that depend on nothing but the variables they read: as long as
--- those have the same values, Python need not be asked again, whatever the recipe.
local helper = require "moonsand.recipe.helper"
local proxy = require "moonsand.recipe.proxy"
local words = require("moonsand.text").words

local M = {}

local find, pack, sub = string.find, string.pack, string.sub

-- More than these are not worth it: characters of code, variables, results for one code.
local longest, most_reads, most_results = 512, 24, 1000

local function set(text)
  local names = {}
  for _, word in ipairs(words(text)) do names[word] = true end
  return names
end

-- What code may call. These look at nothing but their arguments and the store.
local functions = set [[
  d.getVar d.getVarFlag bool int str len list tuple set dict sorted reversed range enumerate min max
  sum any all zip map isinstance repr
  bb.utils.contains bb.utils.contains_any bb.utils.filter bb.utils.to_boolean bb.utils.set_intersect
  bb.utils.vercmp_string bb.utils.vercmp_string_op bb.utils.explode_deps bb.utils.prune_suffix
  bb.data.inherits_class oe.utils.conditional oe.utils.ifelse oe.utils.vartrue
  oe.utils.less_or_equal oe.utils.version_less_or_equal oe.utils.both_contain
  oe.utils.set_intersect oe.utils.prune_suffix oe.utils.str_filter oe.utils.str_filter_out
  oe.utils.build_depends_string oe.utils.inherits oe.utils.filter_default_features
  oe.utils.class_filter_features oe.utils.trim_version os.path.dirname os.path.basename
  os.path.join os.path.normpath if elif in and or not return else for while
]]
local methods = set [[
  append extend split rsplit splitlines replace join strip lstrip rstrip startswith endswith lower
  upper title format find rfind index count isdigit partition rpartition get keys values items sort
  union intersection difference add getVar getVarFlag
]]

-- Words that let code reach further.
local beyond = {"import", "open", "global", "nonlocal", "environ", "__", "exec", "eval"}

-- May a call stand in such code? A function of `def` may when its own text is of this kind.
local scan

local function harmless(self, d, name, defs)
  if functions[name] or defs[name] then return true end
  local owner, method = name:match("^([%w_]*)%.[%w_.]*%f[%w_]([%w_]+)$")
  if owner then return methods[method] and not self.modules[owner] end
  local def = d.defs[name]
  if not def then return false end
  defs[name] = def
  return scan(self, d, def.text, defs)
end

scan = function(self, d, text, defs)
  for _, word in ipairs(beyond) do
    if find(text, word, 1, true) then return false end
  end
  for name in text:gmatch("([%w_.]*[%w_])%s*%(") do
    if not harmless(self, d, name, defs) then return false end
  end
  return true
end

---@class moonsand.recipe.Memo
---@field modules table<string, boolean>   names that are modules in metadata's Python
local Memo = {__name = "moonsand.recipe.Memo"}
Memo.__index = Memo

--- A memory without results.
---@return moonsand.recipe.Memo
function M.new()
  return setmetatable({codes = {}, modules = set "os bb oe time re sys"}, Memo)
end

local function same_functions(d, defs)
  for name, def in next, defs do
    if d.defs[name] ~= def then return false end
  end
  return true
end

-- What is known of a code: whether it is of this kind, what it reads, and results by their values.
local function known(self, d, code)
  local entry = self.codes[code]
  if entry and same_functions(d, entry.defs) then return entry end
  local defs = {}
  entry = {pure = #code <= longest and scan(self, d, code, defs), defs = defs, count = 0}
  if #code <= longest then self.codes[code] = entry end
  return entry
end

-- The values of what is read, as one text; nil when one cannot be had, or is no text.
local function values_of(d, reads)
  local parts = {}
  for i, key in ipairs(reads) do
    local name, flag = key:match("^.([^%z]*)%z?(.*)$")
    local ok, value = helper.undisturbed(d, proxy.read, d, sub(key, 1, 1), name, flag)
    if not ok or type(value) == "table" then return nil end
    parts[i] = type(value) == "string" and pack("<s4", value) or tostring(value)
  end
  return table.concat(parts, "\0")
end

--- Does a code depend on nothing but the variables that it reads?
---@param d moonsand.recipe.Data
---@param code string
---@return boolean
function Memo:pure(d, code)
  return known(self, d, code).pure
end

--- The result of a code on a store, when it is known.
---@param d moonsand.recipe.Data
---@param code string
---@return string?
function Memo:get(d, code)
  local entry = known(self, d, code)
  if not (entry.pure and entry.reads) then return nil end
  local values = values_of(d, entry.reads)
  return values and entry.results[values]
end

-- Add names to those that a code reads; false when it reads more than variables, or too much.
local function add_reads(entry, reads)
  local list, seen = entry.reads or {}, entry.seen or {}
  local before = #list
  for _, key in ipairs(reads) do
    if key == "*" or #list >= most_reads then return false end
    if not seen[key] then
      seen[key] = true
      list[#list + 1] = key
    end
  end
  if not entry.reads or #list > before then entry.results, entry.count = {}, 0 end
  entry.reads, entry.seen = list, seen
  return true
end

--- Results that need no function of metadata, for `resume`.
---@return table
function Memo:state()
  local state = {}
  for code, entry in next, self.codes do
    if entry.pure and entry.reads and next(entry.defs) == nil then
      state[code] = {reads = entry.reads, results = entry.results}
    end
  end
  return state
end

--- Know the results that another one knew, whose metadata had the same modules of Python.
---@param state table
function Memo:resume(state)
  for code, kept in next, state do
    local entry = {pure = true, defs = {}, count = 0, reads = kept.reads, results = kept.results,
      seen = {}}
    for _ in next, kept.results do entry.count = entry.count + 1 end
    for _, key in ipairs(kept.reads) do entry.seen[key] = true end
    self.codes[code] = entry
  end
end

--- Keep a result.
---@param d moonsand.recipe.Data
---@param code string
---@param reads string[]   what was read for it: kind, name, and for flags a NUL and the flag
---@param value string
function Memo:put(d, code, reads, value)
  local entry = known(self, d, code)
  if not entry.pure then return end
  if not add_reads(entry, reads) or entry.count >= most_results then
    entry.pure = false
    return
  end
  local values = values_of(d, entry.reads)
  if values then
    entry.results[values] = value
    entry.count = entry.count + 1
  end
end

return M
