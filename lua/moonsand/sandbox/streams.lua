--- The program's file descriptors: what the caller said about them, as an fd map and as pipes to
--- read. The three streams are 0, 1 and 2 of it.
local lazy = require "moonsand.lazy"
local capture = lazy "moonsand.sandbox.capture"
local core = require "moonsand.core"
local descriptor = require "moonsand.sandbox.descriptor"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local redirect = require "moonsand.sandbox.redirect"

local M = {}

local names, is_tee = redirect.names, redirect.is_tee

---@class moonsand.sandbox.Streams
---@field fds table<integer, any>   the fd map
---@field own any[]                 handles to close when the child has them
---@field pipes moonsand.sandbox.Capture[]   what passes through here
---@field master? any               our end of the sandbox's terminal
---@field source? any               what is typed into it
---@field kept table<string, moonsand.sandbox.Capture>   by the stream's name; there to the end
local Streams = {__name = "moonsand.sandbox.Streams"}
Streams.__index = Streams

function Streams:keep(handle)
  self.own[#self.own + 1] = handle
  return handle
end

--- What the program has under a number; what is opened for it is closed once it has it.
function Streams:open(number, value)
  local fd, handle = descriptor.open(names[number] or ("fds[%d]"):format(number), value, number)
  if handle then self:keep(handle) end
  return fd
end

--- A second handle of the place that a tee writes to: the caller's own stays the caller's.
local function open_tee(number, value)
  if not is_tee(value) then return nil end
  local fd, handle = descriptor.open(names[number] .. ".tee", value.tee, number)
  return handle or fault.unless("sandbox", core.dup(fd))
end

function Streams:capture(number, value, handle)
  local own = capture.new(names[number], handle, self.options, open_tee(number, value))
  self.pipes[#self.pipes + 1] = own
  self.kept[own.name] = own
end

function Streams:output(number, value)
  if value == "stdout" then return self.fds[1] end
  if value == "closed" then return nil end
  if not redirect.is_captured(value) then return self:open(number, value) end
  local reader, writer = fault.unless("sandbox", core.pipe())
  self:keep(writer)
  self:capture(number, value, reader)
  return writer
end

function Streams:input(value)
  if value == "closed" then return nil end
  return self:open(0, value == nil and "null" or value)
end

--- A terminal of the sandbox's own. Its streams are one; ours are at its other end.
function Streams:terminal()
  local options = self.options
  local master, slave = core.pty()
  if not master then fault.throw("sandbox", "terminal: " .. slave) end
  self:keep(slave)
  for number = 0, 2 do self.fds[number] = slave end
  self:capture(1, options.stdout, master)
  self.master = master
  local size = options.window
  if size then fault.unless("sandbox", core.resize(master, size.rows, size.columns)) end
  local stdin = options.stdin or "null"
  if stdin ~= "null" and stdin ~= "closed" then
    self.source, self.own_source = descriptor.open("stdin", stdin, 0)
  end
end

--- The caller's numbers are looked at before anything of ours is opened.
local function check_numbers(options)
  for number = 0, 2 do
    local value = options[names[number]]
    if is_tee(value) then value = value.tee end
    local own = descriptor.number(value, number)
    if own then descriptor.check_number(names[number], own) end
  end
  for number, value in order.sorted(options.fds) do
    local own = descriptor.number(value, number)
    if own then descriptor.check_number(("fds[%d]"):format(number), own) end
  end
end

--- Open what the options say.
---@param options table
---@return moonsand.sandbox.Streams
function M.open(options)
  local self = setmetatable({fds = {}, own = {}, pipes = {}, kept = {}, options = options},
    Streams)
  check_numbers(options)
  local ok, err = pcall(self.open_all, self)
  if not ok then
    self:close()
    error(err, 0)
  end
  return self
end

function Streams:open_all()
  local options = self.options
  if options.pty then
    self:terminal()
  else
    self.fds[0] = self:input(options.stdin)
    self.fds[1] = self:output(1, options.stdout)
    self.fds[2] = self:output(2, options.stderr)
  end
  for number, value in order.sorted(options.fds) do
    self.fds[number] = value == "stdout" and self.fds[1] or self:open(number, value)
  end
end

--- The child has its ends: close ours, so that a reader sees the end of file.
function Streams:release()
  for i = #self.own, 1, -1 do
    self.own[i]:close()
    self.own[i] = nil
  end
end

--- Close everything.
function Streams:close()
  self:release()
  if self.own_source then self.own_source:close() end
  for _, pipe in ipairs(self.pipes) do pipe:close() end
end

return M
