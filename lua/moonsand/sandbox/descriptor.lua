--- What stands for a file descriptor of the program: a file, a text, a handle, one of the caller's.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Descriptor   one of path, text and fd
---@field path? string    a file of the caller
---@field mode? "r"|"w"|"rw"|"a"   how it is opened; w and a make it, w empties it
---@field text? string    a file in memory that holds it
---@field fd? integer     the caller's descriptor of that number

local modes = {r = true, w = true, rw = true, a = true}
local fields = {path = "string", mode = "string", text = "string", fd = "number"}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function check_fields(where, value)
  for key, field in order.sorted(value) do
    if not fields[key] then
      local near = type(key) == "string" and fault.nearest(key, order.keys(fields))
      wrong(("unknown key '%s' in %s"):format(tostring(key), where),
        near and ("did you mean '%s'?"):format(near))
    end
    if type(field) ~= fields[key] then
      wrong(("'%s' in %s must be a %s, not a %s"):format(key, where, fields[key], type(field)))
    end
  end
end

local function check_table(where, value)
  check_fields(where, value)
  local count = (value.path and 1 or 0) + (value.text and 1 or 0) + (value.fd and 1 or 0)
  if count ~= 1 then wrong(where .. " must have one of 'path', 'text' and 'fd'") end
  if value.mode and not value.path then wrong(where .. " has a 'mode' and no 'path'") end
  if value.mode and not modes[value.mode] then
    wrong(("'mode' in %s is '%s'; it may be %s"):format(where, value.mode,
      table.concat(order.keys(modes), ", ")))
  end
  if value.fd and (math.type(value.fd) ~= "integer" or value.fd < 0) then
    wrong(("'fd' in %s is no number of a file descriptor"):format(where))
  end
end

local function is_handle(value)
  local name = type(value) == "userdata" and (getmetatable(value) or {}).__name
  return name == "moonsand.fd" or name == "FILE*"
end

--- Refuse what cannot be one.
---@param where string   for messages
---@param value any
function M.check(where, value)
  if type(value) == "table" then
    check_table(where, value)
  elseif is_handle(value) then
    if tostring(value):find("closed", 1, true) then wrong(where .. " is a closed handle") end
  elseif type(value) ~= "string" then
    wrong(("%s must be a path, a table or a handle, not a %s"):format(where, type(value)))
  end
end

--- The number of the caller's that a value names, if it does.
---@param value any
---@param own integer   the number inside
---@return integer?
function M.number(value, own)
  if value == "inherit" then return own end
  return type(value) == "table" and value.fd or nil
end

--- The way out of a sandbox goes through any directory of the host (CVE-2024-21626 class).
local function check_type(where, kind)
  if kind ~= "directory" then return end
  wrong(where .. " is a directory: through it the program could reach all files of the host",
    "bind it; a bind ends where the directory ends")
end

--- A number that is not open now could be one of ours by the time the program starts.
---@param where string
---@param number integer
function M.check_number(where, number)
  local kind = core.fd_type(number)
  if not kind then
    wrong(("%s: the caller's file descriptor %d is not open"):format(where, number))
  end
  check_type(where, kind)
end

local function opened(where, path, mode)
  local handle, err, errno = core.open(path, mode)
  if not handle then fault.throw("usage", ("%s: %s"):format(where, err), {errno = errno}) end
  return handle
end

local default_modes = {[0] = "r", "w", "w"}

local function file(where, path, mode)
  local handle = opened(where, path, mode)
  check_type(where, core.fd_type(handle))
  return handle
end

-- `directory` passes no check: it is for what is ours (fork.lua).
local function fresh(where, value, own)
  if value == "null" then return opened(where, "/dev/null", "r+") end
  if type(value) == "string" then return file(where, value, default_modes[own] or "r") end
  if value.text then return fault.unless("sandbox", core.memfd("text", value.text)) end
  if value.directory then return fault.unless("sandbox", core.dup(value.directory)) end
  return file(where, value.path, value.mode or default_modes[own] or "r")
end

--- What the program is to have under a number, opened.
---@param where string
---@param value any       checked, and its number looked at
---@param own integer     the number inside
---@return any fd         a handle or a number of the caller
---@return any? handle    the same when it was opened here, and is to be closed
function M.open(where, value, own)
  local number = M.number(value, own)
  if number then return number end
  if type(value) == "userdata" then
    check_type(where, core.fd_type(value))
    return value
  end
  local handle = fresh(where, value, own)
  return handle, handle
end

return M
