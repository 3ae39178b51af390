--- The program's three streams: what the caller said about them, as file descriptors and as pipes
--- to read.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

local numbers = {stdin = 0, stdout = 1, stderr = 2}

local function opened(path, how, name)
  local handle, err, errno = core.open(path, how)
  if not handle then
    fault.throw("usage", ("%s: %s"):format(name, err), {errno = errno})
  end
  return handle
end

---@class moonsand.sandbox.Streams
---@field fds table<integer, any>   the fd map
---@field own any[]                 handles to close when the child has them
---@field pipes table[]             {name, handle}: what is captured
---@field master? any               our end of the sandbox's terminal
---@field source? any               what is typed into it
local Streams = {__name = "moonsand.sandbox.Streams"}
Streams.__index = Streams

function Streams:keep(handle)
  self.own[#self.own + 1] = handle
  return handle
end

function Streams:input(value)
  if value == nil or value == "null" then return self:keep(opened("/dev/null", "r", "stdin")) end
  if value == "inherit" then return 0 end
  if type(value) == "string" then return self:keep(opened(value, "r", "stdin")) end
  if type(value) == "table" then return self:keep(assert(core.memfd("stdin", value.text))) end
  return value
end

function Streams:output(name, value)
  if value == "inherit" then return numbers[name] end
  if value == "stdout" then return self.fds[1] end
  if value == "null" then return self:keep(opened("/dev/null", "w", name)) end
  if type(value) == "string" and value ~= "capture" then
    return self:keep(opened(value, "w", name))
  end
  if type(value) == "userdata" then return value end
  local reader, writer = assert(core.pipe())
  self.pipes[#self.pipes + 1] = {name = name, handle = reader}
  return self:keep(writer)
end

--- A terminal of the sandbox's own. Its streams are one; ours are at its other end.
function Streams:terminal(options)
  local master, slave = core.pty()
  if not master then fault.throw("sandbox", "terminal: " .. slave) end
  self:keep(slave)
  for number = 0, 2 do self.fds[number] = slave end
  self.pipes[1] = {name = "stdout", handle = master}
  self.master = master
  if options.stdin and options.stdin ~= "null" then self.source = self:input(options.stdin) end
end

--- Open what the options say.
---@param options table
---@return moonsand.sandbox.Streams
function M.open(options)
  local self = setmetatable({fds = {}, own = {}, pipes = {}}, Streams)
  if options.pty then
    self:terminal(options)
    return self
  end
  self.fds[0] = self:input(options.stdin)
  self.fds[1] = self:output("stdout", options.stdout)
  self.fds[2] = self:output("stderr", options.stderr)
  return self
end

--- The child has its ends: close ours, so that a reader sees the end of file.
function Streams:release()
  for i = #self.own, 1, -1 do
    if self.own[i] ~= self.source then self.own[i]:close() end
    self.own[i] = nil
  end
end

--- Close everything.
function Streams:close()
  self:release()
  if type(self.source) == "userdata" then self.source:close() end
  for _, pipe in ipairs(self.pipes) do pipe.handle:close() end
end

return M
