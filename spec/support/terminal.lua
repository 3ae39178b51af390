-- A terminal that a spec sits at: what runs on it has it as its controlling terminal.
local core = require "moonsand.core"
local host = require "spec.support.host"

local M = {}

local Terminal = {}
Terminal.__index = Terminal

--- Start a program at a terminal of its own; `streams` may replace some of its descriptors.
function M.start(argv, streams)
  local master, slave = assert(core.pty())
  assert(core.resize(master, 33, 77))
  local self = setmetatable({master = master, slave = slave, shown = ""}, Terminal)
  self.before = self:mode()
  local map = {[0] = slave, [1] = slave, [2] = slave}
  for number, handle in pairs(streams or {}) do map[number] = handle end
  self.process = assert(core.spawn {
    {"fds", map = map},
    {"exec", argv = argv, env = host.environment {TERM = "xterm"}, path = os.getenv "PATH",
      init = false, terminal = map[0] == slave},
  })
  return self
end

--- The state of the terminal as stty has it.
function Terminal:mode()
  local reader <close>, writer = assert(core.pipe())
  local process <close> = host.start({"stty", "-g"}, {[0] = self.slave, [1] = writer, [2] = 2})
  writer:close()
  local text = host.drain(reader)
  assert(process and text ~= "")
  return text
end

function Terminal:is_raw()
  return self:mode() ~= self.before
end

--- Read what is shown until there is a text in it; false when that takes too long.
function Terminal:shows(text, seconds)
  local deadline = core.clock() + (seconds or 20)
  while not self.shown:find(text, 1, true) do
    local ready = core.poll({{fd = self.master}}, math.max(0, deadline - core.clock()))
    if #ready == 0 then return false end
    local bytes = self.master:read()
    if not bytes or bytes == "" then return false end
    self.shown = self.shown .. bytes
  end
  return true
end

function Terminal:type(bytes)
  assert(self.master:write(bytes))
end

--- Wait for the end; what is shown meanwhile is read.
function Terminal:wait(seconds)
  local deadline = core.clock() + (seconds or 30)
  repeat
    local ready = core.poll({{fd = self.process}, {fd = self.master}}, 0.2)
    for _, i in ipairs(ready) do
      if i == 2 then self.shown = self.shown .. (self.master:read() or "") end
    end
    local ended = self.process:wait()
    if ended then
      while #core.poll({{fd = self.master}}, 0.1) > 0 do
        self.shown = self.shown .. assert(self.master:read())
      end
      return ended
    end
  until core.clock() > deadline
  error("it does not end; it has shown: " .. self.shown)
end

--- Is there something typed that nobody has read? Of our own slave, in raw mode.
function Terminal:unread()
  local raw <close> = assert(core.raw(self.slave))
  return raw and #core.poll({{fd = self.slave}}, 0.1) > 0
end

function Terminal:close()
  self.process:close()
  self.master:close()
  self.slave:close()
end

Terminal.__close = Terminal.close

return M
