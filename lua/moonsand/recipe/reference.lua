--- What a task's result may depend on: the names that its text refers to, and theirs.
local command = require "moonsand.recipe.command"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local literal = require "moonsand.recipe.literal"
local order = require "moonsand.order"
local override = require "moonsand.recipe.override"
local python = require "moonsand.recipe.python"

local M = {}

local function add_words(set, text)
  for word in (text or ""):gmatch("%S+") do set[word] = true end
end

-- The words of a list that is the same for most names. Nobody may change the set.
local sets = setmetatable({}, {__mode = "v"})

local function word_set(text)
  local set = sets[text]
  if not set then
    set = {}
    add_words(set, text)
    sets[text] = set
  end
  return set
end

local function exists(d, name)
  local record = d.vars[name]
  return record ~= nil and next(record) ~= nil or d.variants[name] and d:raw(name) ~= nil
end

-- Names that Lua code refers to: literals given to the store's methods and to the helpers, and
-- identifiers that are variables (or look like one, for it may be set tomorrow).
local function lua_names(d, code, set)
  code = code:gsub("%-%-%[%[.-%]%]", ""):gsub("%-%-[^\n]*", "")
  for _, name in code:gmatch("[%w_]+%s*%(?%s*(['\"])([%w%-_+./~:]+)%1") do
    if exists(d, name) or name:find("^[A-Z][A-Z0-9_]*$") then set[name] = true end
  end
  code = code:gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''")
  for before, name in code:gmatch("([.:]?)%f[%a_]([%a_][%w_]*)") do
    if before == "" and (name:find("^[A-Z][A-Z0-9_]*$") or exists(d, name) and name ~= "d") then
      set[name] = true
    end
  end
end

--- Names that Lua code refers to.
---@param d moonsand.recipe.Data
---@param code string
---@return table<string, boolean>
function M.lua(d, code)
  local set = {}
  lua_names(d, code, set)
  return set
end

-- What was found in a text: variables, functions that there are, and words asked for.
local function take(d, found, set, contains)
  for key in pairs(found.refs) do set[key] = true end
  for key in pairs(found.execs) do
    if exists(d, key) then set[key] = true end
  end
  for variable, items in pairs(found.contains) do
    contains[variable] = contains[variable] or {}
    for item in pairs(items) do contains[variable][item] = true end
  end
end

-- References of a text: `${NAME}`, `${@...}`, and the code of `${=...}`.
local function text_names(walk, text, name, set, contains)
  if type(text) ~= "string" or not text:find("${", 1, true) then return end
  local d = walk.d
  local names = literal.names(d, text, name, walk.settled)
  if names then
    for _, each in ipairs(names) do set[each] = true end
    return
  end
  take(d, d:found(text, name), set, contains)
  if text:find("${=", 1, true) then
    for code in text:gmatch("%${=([^\n]*)}") do lua_names(d, code, set) end
  end
end

local function python_names(d, name, flags, set, contains)
  if not d.python then
    fault.throw("recipe", ("'%s' is a python function"):format(name), {
      where = ("%s:%s"):format(flags.filename, flags.lineno), hint = python.hint, reason = "python",
    })
  end
  local found = {refs = {}, execs = {}, contains = {}}
  python.names(d, d:raw(name) or "", found, true)
  take(d, found, set, contains)
end

-- The exported variables: what every shell function sees.
local function exported(walk)
  local d, list = walk.d, walk.exported
  if not list then
    list = {}
    for _, name in ipairs(d:export_names()) do
      if data.truth(d:flag(name, "export")) and not data.truth(d:flag(name, "unexport")) then
        list[#list + 1] = name
      end
    end
    walk.exported = list
  end
  return list
end

local function shell_names(walk, name, set, contains)
  local d = walk.d
  text_names(walk, d:raw(name), name, set, contains)
  for word in pairs(command.words(d:get(name) or "").called) do
    if exists(d, word) then set[word] = true end
  end
  for _, each in ipairs(exported(walk)) do set[each] = true end
end

local function function_names(walk, name, flags, set, contains)
  local d = walk.d
  if flags.python then
    python_names(d, name, flags, set, contains)
  elseif flags.lua then
    lua_names(d, d:raw(name) or "", set)
  else
    shell_names(walk, name, set, contains)
  end
  for _, flag in ipairs {"prefuncs", "postfuncs", "exports"} do
    add_words(set, d:flag(name, flag))
  end
end

-- Whether each of the words that are asked for is there: a line each, not the whole variable.
local function contains_lines(d, contains, excluded)
  local lines = {}
  for variable, items in order.sorted(contains) do
    local has = {}
    if not excluded[variable] then add_words(has, d:get(variable)) end
    for item in order.sorted(excluded[variable] and {} or items) do
      local all = true
      for word in item:gmatch("%S+") do all = all and has[word] end
      lines[#lines + 1] = ("\n%s{%s} = %s"):format(variable, item, all and "Set" or "Unset")
    end
  end
  return table.concat(lines)
end

local none = {}

local function value_text(walk, name, flags, set, excluded)
  local d = walk.d
  local text, contains = d:raw(name) or "", {}
  if flags.func then
    function_names(walk, name, flags, set, contains)
  else
    text_names(walk, text, name, set, contains)
  end
  text = text .. contains_lines(d, contains, excluded)
  -- A function in Python or Lua is no text to expand: what stands in its comments does not count.
  for _, removed in ipairs((flags.python or flags.lua) and none or d:removes(name)) do
    contains = {}
    text_names(walk, removed, nil, set, contains)
    text = text .. "\n_remove of " .. removed .. contains_lines(d, contains, excluded)
  end
  return text
end

-- A flag, as "VARIABLE[flag]".
local function flag_dependencies(walk, variable, flag)
  local set, contains = {}, {}
  local text = walk.d:raw_flag(variable, flag)
  text = type(text) == "string" and text or ""
  text_names(walk, text, variable, set, contains)
  return set, text
end

-- What is remembered while the references of one store are followed.
local function walk_over(d)
  local ignored = d:get("BB_BASEHASH_IGNORE_VARS") or ""
  return {d = d, settled = {}, ignored = ignored, excluded = word_set(" " .. ignored)}
end

-- Does a flag say more than the text?
local function tells(flags)
  return flags and (flags.func or flags.vardeps or flags.vardepsexclude or flags.vardepvalue
    or flags.vardepvalueexclude)
end

-- The usual case: a variable whose text says everything. Nil when it is another one.
local function plain_dependencies(walk, name)
  local d = walk.d
  local record = d.vars[name]
  if d.variants[name] or name:find("[", 1, true) or record
    and (record.remove or tells(record.flags) or tells(record.weak)) then
    return nil
  end
  local text = d:raw(name)
  if text == nil then return none, "" end
  if type(text) ~= "string" then return nil end
  if not text:find("${", 1, true) then return none, text end
  return literal.names(d, text, name, walk.settled), text
end

-- What a name depends on, its text, and the names that do not count for it.
local function dependencies(walk, name)
  local names, text = plain_dependencies(walk, name)
  if names then return names, text, walk.excluded end
  local d = walk.d
  local set, flags, excluded = {}, d:flags(name), walk.excluded
  local exclude = d:flag(name, "vardepsexclude")
  if exclude then excluded = word_set(exclude .. " " .. walk.ignored) end
  local variable, flag = name:match("^(.-)%[(.*)%]$")
  if variable then
    set, text = flag_dependencies(walk, variable, flag)
  else
    text = flags.vardepvalue and d:flag(name, "vardepvalue") or
      value_text(walk, name, flags, set, excluded)
  end
  for piece in (d:flag(name, "vardepvalueexclude") or ""):gmatch("[^|]+") do
    text = override.replaced(text, piece, "")
  end
  add_words(set, d:flag(name, "vardeps"))
  return order.keys(set), text, excluded
end

--- What one variable, flag or function depends on directly, and its text for a signature: the
-- unexpanded value (or `vardepvalue`, expanded), with the removes that have an effect.
---@param d moonsand.recipe.Data
---@param name string
---@return string[] names sorted, string text
function M.dependencies(d, name)
  local names, text, excluded = dependencies(walk_over(d), name)
  local list = {}
  for _, each in ipairs(names) do
    if each ~= name and not excluded[each] then list[#list + 1] = each end
  end
  return list, text
end

--- Every variable and function that a task depends on, directly or not, sorted; without the task.
---@param d moonsand.recipe.Data
---@param task string
---@return string[] names, table<string, string> texts   the text of each name, and of the task
function M.references(d, task)
  local texts, names, todo, walk = {}, {}, {task}, walk_over(d)
  while #todo > 0 do
    local name = table.remove(todo)
    if not texts[name] then
      local direct, excluded
      direct, texts[name], excluded = dependencies(walk, name)
      if name ~= task then names[#names + 1] = name end
      for _, each in ipairs(direct) do
        if not texts[each] and not excluded[each] then todo[#todo + 1] = each end
      end
    end
  end
  table.sort(names)
  return names, texts
end

return M
