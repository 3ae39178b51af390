--- What a task's result may depend on: the names that its text refers to, and theirs.
local command = require "moonsand.recipe.command"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local python = require "moonsand.recipe.python"

local M = {}

local function add_words(set, text)
  for word in (text or ""):gmatch("%S+") do set[word] = true end
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

-- References of a text: `${NAME}`, and the code of `${=...}`.
local function text_names(d, text, name, set)
  if type(text) ~= "string" or not text:find("${", 1, true) then return end
  for key in pairs(d:references(text, name)) do set[key] = true end
  if text:find("${=", 1, true) then
    for code in text:gmatch("%${=([^\n]*)}") do lua_names(d, code, set) end
  end
end

local function function_names(d, name, flags, set)
  if flags.python then
    fault.throw("recipe", ("'%s' is a python function"):format(name), {
      where = ("%s:%s"):format(flags.filename, flags.lineno), hint = python.hint, reason = "python",
    })
  end
  if flags.lua then
    lua_names(d, d:raw(name) or "", set)
  else
    for word in pairs(command.words(d:get(name) or "").called) do
      if exists(d, word) then set[word] = true end
    end
    for _, each in ipairs(d:export_names()) do
      if data.truth(d:flag(each, "export")) and not data.truth(d:flag(each, "unexport")) then
        set[each] = true
      end
    end
  end
  for _, flag in ipairs {"prefuncs", "postfuncs", "exports"} do
    add_words(set, d:flag(name, flag))
  end
end

--- What one variable or function depends on directly, and its text for a signature: the unexpanded
-- value (or `vardepvalue`, expanded), with the removes that have an effect.
---@param d moonsand.recipe.Data
---@param name string
---@return string[] names sorted, string text
function M.dependencies(d, name)
  local set, flags = {}, d:flags(name)
  local text = flags.vardepvalue and d:flag(name, "vardepvalue")
  if not text then
    text = d:raw(name) or ""
    if flags.func then function_names(d, name, flags, set) end
    if not flags.lua then text_names(d, text, name, set) end
    for _, removed in ipairs(d:removes(name)) do
      text = text .. "\n_remove of " .. removed
      text_names(d, removed, nil, set)
    end
  end
  add_words(set, d:flag(name, "vardeps"))
  for word in (d:flag(name, "vardepsexclude") or ""):gmatch("%S+") do set[word] = nil end
  for word in (d:get("BB_BASEHASH_IGNORE_VARS") or ""):gmatch("%S+") do set[word] = nil end
  set[name] = nil
  local names = {}
  for each in pairs(set) do names[#names + 1] = each end
  table.sort(names)
  return names, text
end

--- Every variable and function that a task depends on, directly or not, sorted; without the task.
---@param d moonsand.recipe.Data
---@param task string
---@return string[] names, table<string, string> texts   the text of each name, and of the task
function M.references(d, task)
  local texts, names, todo = {}, {}, {task}
  while #todo > 0 do
    local name = table.remove(todo)
    if not texts[name] then
      local direct
      direct, texts[name] = M.dependencies(d, name)
      if name ~= task then names[#names + 1] = name end
      for _, each in ipairs(direct) do
        if not texts[each] then todo[#todo + 1] = each end
      end
    end
  end
  table.sort(names)
  return names, texts
end

return M
