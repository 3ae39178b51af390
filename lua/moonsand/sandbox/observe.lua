--- Which paths a program asks the kernel for, and whether they are there (option `observe`,
--- `result.observed`). It is an observation and never a decision: every call goes on as it would,
--- and a program that means to hide what it asks for can (docs/audit.md).
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local loop = require "moonsand.loop"
local namespaces = require "moonsand.sandbox.namespaces"

local M = {}

local ENOSYS <const> = 38
local PATIENCE <const> = 10 -- seconds for the observer to end after the program has

---@class moonsand.sandbox.Sight
---@field path string      what was asked for, absolute and inside
---@field real string      where that leads to, when it is there
---@field state "absent"|"file"|"directory"|"other"|"unknown"   unknown: the observer may not look
---@field opened boolean   to be read, at least once; not one that is opened only to be written
---@field executed boolean

---@class moonsand.sandbox.Observer
---@field process moonsand.process
---@field socket moonsand.Fd    goes into the step
---@field memory moonsand.Fd
local Observer = {__name = "moonsand.sandbox.Observer"}
Observer.__index = Observer

--- Refuse what cannot be observed.
---@param options moonsand.sandbox.Options
function M.check(options)
  if not options.observe then return end
  if #options.observe == 0 then check.wrong "'observe' is empty; {\"/\"} is all there is" end
  for i, path in ipairs(options.observe) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" or path ~= "/" and
      (path .. "/"):find "//" or (path .. "/"):find "/%.%.?/" then
      check.wrong(("observe[%d], '%s', must be an absolute path inside, without '.' and '..'")
        :format(i, tostring(path)))
    end
  end
  if options.isolation == "filters" or namespaces.shares(options, "pid") then
    check.wrong("'observe' needs processes of the sandbox's own: those that it leaves behind would "
      .. "lose their answers", "leave out isolation = \"filters\", and \"pid\" in 'share'")
  end
end

--- The step, the first filter of the program; nil when nothing is observed. A plan that is only
--- shown has nobody to tell.
---@param options table
---@return table?
function M.step(options)
  if not options.observe then return nil end
  return {"observe", to = options.observer and options.observer.socket}
end

--- An observer for one run; nil when nothing is observed.
---@param options table   checked
---@param undo moonsand.Scope
---@return moonsand.sandbox.Observer?
function M.open(options, undo)
  if not options.observe then return nil end
  local process, socket, memory = core.observer(options.observe)
  if not process then fault.throw("host", "observe: " .. socket, {errno = memory}) end
  local self = setmetatable({process = process, socket = socket, memory = memory}, Observer)
  undo:defer(function() self:close() end)
  return self
end

--- The program has started: the observer has its listener from it, and hears when nobody is left.
function Observer:release()
  self.socket:close()
end

--- How the observer ended, as nobody else has answers for who runs; nil while it is there.
---@return string?
function Observer:death()
  if self.ended == nil then
    local ended = self.process:wait()
    if not ended then return nil end
    self.ended = ended.signal and "killed by signal " .. ended.signal
      or ("exit %d"):format(ended.exit_code)
  end
  local _, about = core.read_observed(self.memory)
  return not about.complete and self.ended or nil
end

--- Why the program could not be executed, when it is that the observer had gone before: the call
--- that executes it is told, too, and the kernel has no other answer then.
---@param errno integer   of core.spawn
---@param details? table
---@return string?
function Observer:refused(errno, details)
  if errno ~= ENOSYS or not details or details.verb ~= "exec" then return nil end
  loop.wait({{fd = self.process}}, PATIENCE)
  return self:death()
end

--- The end of the run: all that was asked for; nil when that is not to be had, and why.
---@param not_enforced moonsand.sandbox.Unmet[]   added to
---@return moonsand.sandbox.Sight[]?
---@return string? why
function Observer:finish(not_enforced)
  if self.ended == nil then loop.wait({{fd = self.process}}, PATIENCE) end
  local why = self:death() or self.ended == nil and "it does not end" or nil
  if why then return nil, why end
  local list, about = fault.unless("sandbox", core.read_observed(self.memory))
  if about.lost then
    table.insert(not_enforced, {option = "observe",
      reason = ("more than %d paths were asked for: some are missing"):format(#list)})
  end
  if about.unread > 0 then
    table.insert(not_enforced, {option = "observe",
      reason = ("of %d calls the path could not be read"):format(about.unread)})
  end
  return list
end

function Observer:close()
  self.process:close()
  self.socket:close()
  self.memory:close()
end

return M
