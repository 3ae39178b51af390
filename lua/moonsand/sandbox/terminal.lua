--- Between a sandbox's own terminal and its caller: keys go in, the window's size goes with them.
--- The program never has the caller's terminal, so it can push no keys into it (CVE-2017-5226).
local core = require "moonsand.core"

local M = {}

local EAGAIN, EIO = 11, 5
local END_OF_FILE = "\4" -- what a terminal makes of ctrl-D (termios(3), VEOF)

---@class moonsand.sandbox.Keys
---@field fd any           what is waited for: the source, or the terminal while it takes no more
---@field events "r"|"w"
local Keys = {__name = "moonsand.sandbox.Keys"}
Keys.__index = Keys

--- Served by Running:wait: copy from a source to the terminal, never blocking on a full one.
---@param source any   a handle or a number
---@param master any
---@return moonsand.sandbox.Keys
function M.keys(source, master)
  master:nonblock(true)
  return setmetatable({fd = source, events = "r", source = source, master = master, pending = ""},
    Keys)
end

local function read(source)
  if type(source) ~= "number" then return source:read(4096) end
  return core.read(source, 4096)
end

function Keys:fill()
  local bytes = read(self.source) or ""
  if bytes == "" then self.source = nil end
  self.pending = bytes == "" and END_OF_FILE or bytes
end

function Keys:ready()
  if self.pending == "" then self:fill() end
  local count, _, errno = self.master:write(self.pending)
  if count then
    self.pending = self.pending:sub(count + 1)
  elseif errno ~= EAGAIN then
    self.pending, self.source = "", nil -- the program has closed its terminal
  end
  self.fd = self.pending ~= "" and self.master or self.source
  self.events = self.pending ~= "" and "w" or "r"
end

--- The size of the caller's window for the sandbox's terminal.
---@param from any     the caller's terminal
---@param master any
function M.resize(from, master)
  local rows, columns = core.window(from)
  if rows then core.resize(master, rows, columns) end
end

--- The end of what a terminal shows: its other side is closed.
---@param errno? integer
---@return boolean
function M.is_end(errno)
  return errno == EIO
end

M.would_block = EAGAIN

return M
