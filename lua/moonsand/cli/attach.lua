--- A sandbox's program as this process's own: it has our streams or, through a terminal of its own,
--- our terminal, and gets the signals that are sent to us.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local redirect = require "moonsand.sandbox.redirect"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"
local text = require "moonsand.text"

local M = {}

-- moonsand-run(1), SIGNALS. What would end moonsand goes to the program; moonsand ends after it.
local signals = {"INT", "QUIT", "TERM", "HUP", "USR1", "USR2", "WINCH", "TSTP"}

local names = {[0] = "stdin", "stdout", "stderr"}

--- Standard streams that we do not have are none of the program's either. Their numbers are taken,
--- so that nothing of ours gets them.
local function hold(spec, undo)
  for number = 0, 2 do
    if core.inherited(number) == nil then
      local handle = assert(core.open("/dev/null", "r+"))
      undo:defer(function() handle:close() end)
      if spec[names[number]] == "inherit" then spec[names[number]] = "closed" end
    end
  end
end

--- Descriptors are passed only when they are the caller's: ours have numbers, too.
local function check_fds(spec)
  for number, value in order.sorted(spec.fds or {}) do
    if value.fd and not core.inherited(value.fd) then
      fault.throw("usage", ("descriptor %d cannot be the caller's %d: that is not open"):format(
        number, value.fd), {hint = ("moonsand run --pass-fd %d ... %d<FILE"):format(value.fd,
        value.fd)})
    end
  end
end

local function pass_on(handle, bytes)
  local ok, message, errno = text.write_all(handle, bytes)
  if not ok then fault.throw("fs", "standard output: " .. message, {errno = errno}) end
end

--- Let what the program writes pass through here, where it has to: a terminal of its own is shown
--- on ours, only what passes can be missed by an idle timeout, and a tee has two ends.
local function relay(spec)
  local passes = spec.pty or spec.idle_timeout
  for _, name in ipairs {"stdout", "stderr"} do
    if spec[name] == "inherit" and passes then spec[name] = "capture" end
    passes = passes or redirect.is_tee(spec[name])
  end
  if not passes then return end
  local to = {}
  spec.on_output = function(stream, bytes)
    to[stream] = to[stream] or assert(core.dup(stream == "stdout" and 1 or 2))
    pass_on(to[stream], bytes)
  end
end

--- Make the options of a sandbox those of a program of ours. Before anything else is opened.
---@param spec table     changed
---@param keep? boolean   what is captured is for the result, not for our own streams
---@return moonsand.Scope   close it when all is over
---@return moonsand.Fd      the signals of this process, for `run`
function M.prepare(spec, keep)
  local undo = scope.new()
  hold(spec, undo)
  check_fds(spec)
  if not keep then relay(spec) end
  local source = assert(core.signals(table.unpack(signals)))
  undo:defer(function() source:close() end)
  return undo, source
end

---@class moonsand.cli.Attached   a program, and what of ours it has
---@field running moonsand.sandbox.Running
---@field window? integer         the caller's terminal, by its number
---@field keys boolean            every key of it goes to the program
local Attached = {__name = "moonsand.cli.Attached"}
Attached.__index = Attached

--- The caller's terminal in the mode in which every key is the program's.
function Attached:take()
  if self.window then self.running:resize(self.window) end
  if self.keys then self.mode = assert(core.raw(0)) end
end

--- The caller's terminal as it was.
function Attached:give_back()
  if self.mode then self.mode:close() end
  self.mode = nil
end

Attached.__close = Attached.give_back

--- ctrl-Z, or `kill -TSTP`: nothing inside goes on while we are stopped.
function Attached:suspend()
  self.running:stop()
  self:give_back()
  core.raise("STOP")
  self:take()
  self.running:continue()
end

function Attached:on_signal(name)
  if name == "TSTP" then
    self:suspend()
  elseif name == "WINCH" and self.window then
    self.running:resize(self.window)
  elseif name then
    self.running:kill(name)
  end
end

--- The caller's terminal, and whether its keys are for the program. The program's own begins with
--- the size of its window.
local function find_terminal(spec)
  if not spec.pty then return nil, false end
  for number = 0, 2 do
    local rows, columns = core.window(number)
    if rows then
      spec.pty = {rows = rows, columns = columns}
      return number, spec.stdin == "inherit" and core.isatty(0)
    end
  end
end

--- Run a program to its end.
---@param spec table   options of a sandbox, after `prepare`
---@param source moonsand.Fd   from `prepare`
---@return moonsand.sandbox.Result
function M.run(spec, source)
  local window, keys = find_terminal(spec)
  local running <close>, failure = sandbox.new(spec):start()
  if not running then return failure end
  local attached <close> = setmetatable({running = running, window = window, keys = keys}, Attached)
  attached:take()
  return (running:wait {{
    fd = source, ready = function() attached:on_signal(core.read_signal(source)) end,
  }})
end

return M
