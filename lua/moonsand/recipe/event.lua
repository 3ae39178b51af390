--- Event handlers of metadata (addhandler): Python functions that look on while it is read.
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.recipe.Handler
---@field name string
---@field file string
---@field line integer
---@field text string                  the body, as it was when the handler was registered
---@field mask? table<string, boolean> events that it wants to see; nil: all

--- addhandler: the functions become handlers when all classes were read.
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
function M.add(d, statement)
  local names = {table.unpack(d.state.handlers or {})}
  for name in statement.text:gmatch("%S+") do
    names[#names + 1] = name
    d:set_flag(name, "handler", 1, {operator = "addhandler", name = name, flag = "handler",
      file = statement.file, line = statement.line})
  end
  d.state.handlers = names
end

local function mask_of(d, name)
  local mask
  for word in (d:flag(name, "eventmask") or ""):gmatch("%S+") do
    mask = mask or {}
    mask[word] = true
  end
  return mask and not mask["*"] and mask or nil
end

local function handler_of(d, name)
  local file = d:raw_flag(name, "filename")
  if not file then
    fault.throw("recipe", ("addhandler names '%s', which is no function"):format(name), {
      where = d:flag_place(name, "handler"), reason = "syntax",
      hint = ("define it: python %s() { ... }"):format(name)})
  end
  local line = math.tointeger(tonumber(d:raw_flag(name, "lineno"))) or 1
  return {name = name, file = file, line = line, text = d:raw(name) or "", mask = mask_of(d, name)}
end

--- The handlers that a store names, after those that were registered before; of a name that comes
-- twice the first one stays.
---@param d moonsand.recipe.Data
---@param before? moonsand.recipe.Handler[]
---@return moonsand.recipe.Handler[]
function M.register(d, before)
  local list, seen = {}, {}
  for i, handler in ipairs(before or {}) do
    list[i] = handler
    seen[handler.name] = true
  end
  for _, name in ipairs(d.state.handlers or {}) do
    if not seen[name] then
      seen[name] = true
      list[#list + 1] = handler_of(d, name)
    end
  end
  d.state.registered = list
  return list
end

--- The registered handlers of a store that want to see an event.
---@param d moonsand.recipe.Data
---@param name string   "bb.event.RecipeParsed"
---@return moonsand.recipe.Handler[]
function M.of(d, name)
  local list = {}
  for _, handler in ipairs(d.state.registered or {}) do
    if not handler.mask or handler.mask[name] then list[#list + 1] = handler end
  end
  return list
end

--- Let the handlers see an event.
---@param d moonsand.recipe.Data
---@param name string     "bb.event.RecipeParsed"
---@param ... any         what the event is made of
function M.fire(d, name, ...)
  for _, handler in ipairs(M.of(d, name)) do
    if not d.python then
      fault.throw("recipe", ("the event handler '%s' needs Python"):format(handler.name), {
        where = ("%s:%d"):format(handler.file, handler.line), reason = "python",
        hint = "nothing runs Python here: an anonymous lua function runs when the recipe is read"})
    end
    d.python:handle(d, handler, name, {...})
  end
end

return M
