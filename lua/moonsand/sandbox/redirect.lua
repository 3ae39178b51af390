--- What the options say about the program's file descriptors: `stdin`, `stdout`, `stderr`, `fds`,
--- and what goes together with them.
local descriptor = require "moonsand.sandbox.descriptor"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Tee   captured, and written to a second place, too
---@field tee string|moonsand.Fd|moonsand.sandbox.Descriptor

M.names = {[0] = "stdin", "stdout", "stderr"}

local names = M.names
local FD_LIMIT = 1 << 20

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

--- Is it captured and written to a second place?
---@param value any
---@return boolean
function M.is_tee(value)
  return type(value) == "table" and value.tee ~= nil
end

--- Does what goes to this stream pass through here?
---@param value any   of stdout or stderr
---@return boolean
function M.is_captured(value)
  return value == nil or value == "capture" or M.is_tee(value)
end

local words = {
  [0] = {null = true, inherit = true, closed = true},
  {null = true, inherit = true, closed = true, capture = true},
  {null = true, inherit = true, closed = true, capture = true, stdout = true},
}

local function check_tee(where, value)
  for key in order.sorted(value) do
    if key ~= "tee" then
      wrong(("unknown key '%s' beside 'tee' in %s"):format(tostring(key), where))
    end
  end
  descriptor.check(where .. ".tee", value.tee)
  if type(value.tee) == "table" and value.tee.text then
    wrong(where .. ".tee is a text: nobody could read what is written to it")
  end
end

local function check_stream(number, value)
  local where = names[number]
  if value == nil or words[number][value] then return end
  if number > 0 and M.is_tee(value) then return check_tee(where, value) end
  descriptor.check(where, value)
  if number > 0 and type(value) == "table" and value.text then
    wrong(where .. " is a text: nobody could read what is written to it")
  end
end

--- 0, 1 and 2 of `fds` are the three streams by their numbers.
local function take_streams(options)
  local own = {}
  for number, value in order.sorted(options.fds or {}) do
    if math.type(number) ~= "integer" or number < 0 or number >= FD_LIMIT then
      wrong(("'%s' in 'fds' is no number of a file descriptor"):format(tostring(number)))
    end
    local name = names[number]
    if name and options[name] ~= nil then
      wrong(("fds[%d] and '%s' are the same: give one of them"):format(number, name))
    elseif name then
      options[name] = value
    else
      own[number] = value
    end
  end
  options.fds = own
end

--- {rows =, columns =}, as ioctl_tty(2) can hold it.
local function check_size(size)
  for key in order.sorted(size) do
    if key ~= "rows" and key ~= "columns" then
      wrong(("unknown key '%s' in 'pty'"):format(tostring(key)), "pty = {rows = 24, columns = 80}")
    end
  end
  for _, key in ipairs {"rows", "columns"} do
    if math.type(size[key]) ~= "integer" or size[key] < 0 or size[key] > 65535 then
      wrong(("'%s' in 'pty' must be a number of characters"):format(key))
    end
  end
end

local function check_terminal(options)
  if not options.pty then return end
  if options.pty ~= true then
    check_size(options.pty)
    options.pty, options.window = true, options.pty
  end
  if options.stderr or not M.is_captured(options.stdout) then
    wrong("with 'pty' what the terminal shows is captured, or given to 'on_output'",
      "leave 'stdout' and 'stderr' out; stdout = {tee = ...} (--tee 1=FILE) writes to a file, too")
  end
  if options.session == false then wrong("'pty' needs a session of its own") end
end

--- Silence can only be told from output that passes through here.
local function check_idle(options)
  if not options.idle_timeout then return end
  for _, name in ipairs {"stdout", "stderr"} do
    local value = options[name]
    if not M.is_captured(value) and value ~= "null" and value ~= "closed"
      and not (name == "stderr" and value == "stdout") then
      wrong(("'idle_timeout' needs captured output, and '%s' does not pass through here"):format(
        name), "leave it out, or say \"capture\" or \"null\"; 'on_output' sees it as it comes")
    end
  end
  if not M.is_captured(options.stdout) and not M.is_captured(options.stderr) then
    wrong("'idle_timeout' needs captured output, and all of it goes to \"null\"")
  end
end

--- Check what the options say about file descriptors, and bring it into one form.
---@param options table   changed
function M.check(options)
  take_streams(options)
  for number = 0, 2 do check_stream(number, options[names[number]]) end
  for number, value in order.sorted(options.fds) do
    descriptor.check(("fds[%d]"):format(number), value)
    if value == "stdout" and options.stdout == "closed" then
      wrong(("fds[%d] is the standard output, and that is closed"):format(number))
    end
  end
  check_terminal(options)
  check_idle(options)
end

--- The fd map of a plan that is only shown.
---@param options table
---@return table<integer, integer>
function M.shown(options)
  local map = {}
  for number = 0, 2 do
    if options[names[number]] ~= "closed" then map[number] = number end
  end
  for number in order.sorted(options.fds) do map[number] = number end
  return map
end

return M
