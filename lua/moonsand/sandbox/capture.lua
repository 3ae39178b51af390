--- Output that passes through here: kept up to a bound in memory and beyond it in a file without a
--- name, handed to who listens, and written to a second place as well.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local text = require "moonsand.text"

local M = {}

---@class moonsand.sandbox.Capture
---@field name "stdout"|"stderr"
---@field handle moonsand.Fd   our end of the pipe, or of the terminal
---@field tee? moonsand.Fd     the second place
---@field pending? string      what is still to be written there: nothing is read before
---@field file? moonsand.Fd    what was more than the bound
local Capture = {__name = "moonsand.sandbox.Capture"}
Capture.__index = Capture

-- A temporary file is for the disk; /tmp often is memory (file-hierarchy(7)).
local places = {"/var/tmp", "/tmp"}

M.limit = 16 << 20

local PIPE_BUF = 4096 -- a pipe that takes anything takes this much without blocking (pipe(7))

---@param name "stdout"|"stderr"
---@param handle moonsand.Fd
---@param options {capture_limit?: integer, on_output?: fun(stream: string, bytes: string)}
---@param tee? moonsand.Fd   closed with the capture
---@return moonsand.sandbox.Capture
function M.new(name, handle, options, tee)
  return setmetatable({
    name = name, handle = handle, listener = options.on_output, tee = tee,
    tee_size = tee and (tee:seek("cur", 0) and 65536 or PIPE_BUF),
    limit = options.capture_limit or M.limit, parts = {}, size = 0,
  }, Capture)
end

local function temporary(name)
  local message, errno
  for _, place in ipairs(places) do
    local file
    file, message, errno = core.temporary(place)
    if file then return file end
  end
  fault.throw("fs", ("%s: there is no place for what is more than 'capture_limit': %s"):format(
    name, message), {errno = errno})
end

local function write(name, file, bytes)
  local ok, message, errno = text.write_all(file, bytes)
  if ok then return end
  fault.throw("fs", ("%s: what is more than 'capture_limit' cannot be kept: %s"):format(name,
    message), {errno = errno, hint = "'on_output' takes it without keeping it"})
end

function Capture:keep(bytes)
  self.size = self.size + #bytes
  if not self.file and self.size > self.limit then
    self.file = temporary(self.name)
    for _, part in ipairs(self.parts) do write(self.name, self.file, part) end
    self.parts = {}
  end
  if self.file then return write(self.name, self.file, bytes) end
  self.parts[#self.parts + 1] = bytes
end

--- Take what was read.
---@param bytes string
function Capture:take(bytes)
  if self.tee then self.pending = bytes end
  if self.listener then
    self.listener(self.name, bytes)
  else
    self:keep(bytes)
  end
end

--- Write some of what is pending: as much as goes without blocking.
function Capture:pass_on()
  local count, message, errno = self.tee:write(self.pending:sub(1, self.tee_size))
  if not count then
    fault.throw("fs", ("%s.tee: %s"):format(self.name, message), {errno = errno})
  end
  self.pending = count < #self.pending and self.pending:sub(count + 1) or nil
end

--- All that was kept in memory.
---@return string
function Capture:text()
  return table.concat(self.parts)
end

--- Let go of both ends; what was kept stays.
function Capture:close()
  self.handle:close()
  if self.tee then self.tee:close() end
end

return M
