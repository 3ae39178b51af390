--- A sandbox that is made once and runs many programs: they share its files, its processes, its
--- network. Each starts in a millisecond or two, as nothing has to be mounted for it.
local compose = require "moonsand.sandbox.compose"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local launch = require "moonsand.sandbox.launch"
local namespaces = require "moonsand.sandbox.namespaces"
local options = require "moonsand.sandbox.options"
local pasta = require "moonsand.sandbox.pasta"
local result = require "moonsand.sandbox.result"
local scope = require "moonsand.scope"
local uppers = require "moonsand.sandbox.uppers"

local M = {}

---@class moonsand.sandbox.Prepared
---@field holder moonsand.process   pid 1 of the namespaces
local Prepared = {__name = "moonsand.sandbox.Prepared"}
Prepared.__index = Prepared

--- What a sandbox that waits for programs cannot have.
local function check_shared(given)
  if namespaces.shares(given, "pid") then
    fault.throw("usage", "sandbox: a prepared sandbox needs processes of its own", {
      hint = "leave \"pid\" out of 'share'",
    })
  elseif given.time then
    fault.throw("usage", "sandbox: programs cannot join the clocks of a prepared one (setns(2))", {
      hint = "leave 'time' out, or run each program by itself",
    })
  end
  local single = given.watch and #given.watch > 0 and "watch" or given.observe and "observe"
  if single then
    local why = "sandbox: '%s' is for one program, and a prepared sandbox has many"
    fault.throw("usage", why:format(single), {
      hint = ("leave '%s' out, or run each program by itself, without network \"user\""):format(
        single),
    })
  end
end

--- Make the sandbox of checked options.
---@param sandbox moonsand.Sandbox
---@return moonsand.sandbox.Prepared? prepared   close it: everything inside is killed then
---@return moonsand.sandbox.Result? failure
function M.new(sandbox)
  if sandbox.options.isolation == "filters" then
    fault.throw("usage", "sandbox: there is nothing to prepare where isolation is 'filters'",
      {hint = "run each program by itself"})
  end
  check_shared(sandbox.options)
  local undo <close> = scope.new()
  local own = launch.prepare(sandbox.options, undo)
  own.holds = true
  local failure = launch.limit(own, undo)
  if failure then return nil, failure end
  local plan = compose.hold(own)
  local asked = uppers.ask(plan)
  undo:defer(function() asked:close() end)
  local holder, message, errno, details = core.spawn(plan)
  if not holder then return nil, result.failed(message, errno, details, plan) end
  undo:defer(function() holder:close() end)
  launch.note(own, message)
  asked:receive()
  local link
  if own.network == "user" then
    link, failure = pasta.connect(holder)
    if not link then return nil, failure end
    undo:defer(function() link:close() end)
  end
  local kept = table.move(undo, 1, #undo, 1, scope.new())
  undo:release()
  return setmetatable({sandbox = sandbox, holder = holder, undo = kept, groups = own.groups,
    uppers = asked.by_target, link = link, not_enforced = own.not_enforced,
    mount_points = own.mount_points}, Prepared)
end

--- Start a program in a sandbox that is held for it alone, and ends with it.
---@param sandbox moonsand.Sandbox
---@param program? string|moonsand.sandbox.Options
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function M.alone(sandbox, program)
  local self, failure = M.new(sandbox)
  if not self then return nil, failure end
  local ok, running, problem = pcall(self.start, self, program)
  if ok and running then
    running:owns(self)
    return running
  end
  self:close()
  if not ok then error(running, 0) end
  return nil, problem
end

--- Start a program inside and return at once.
---@param program? string|moonsand.sandbox.Options   a script, or the keys of a program
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function Prepared:start(program)
  local own = options.program(self.sandbox.given, program)
  own.groups, own.joined, own.link = self.groups, true, self.link
  own.not_enforced = table.move(self.not_enforced, 1, #self.not_enforced, 1, {})
  own.holds, own.mount_points = true, self.mount_points
  if self.groups then self.groups:mark() end
  local undo <close> = scope.new()
  return launch.start(own, undo, function(fds) return compose.join(own, self.holder, fds) end)
end

--- Run a program inside to its end. What it leaves running goes on until the sandbox is closed.
---@param program? string|moonsand.sandbox.Options
---@return moonsand.sandbox.Result
function Prepared:run(program)
  local handle <close>, failure = self:start(program)
  if not handle then return failure end
  return handle:wait()
end

--- A sandbox over what this one has written to its overlays so far, as `Sandbox:fork` makes one.
--- /tmp, other file systems in memory and what runs here have no part in it.
---@return moonsand.Sandbox   close it
function Prepared:fork()
  return self.sandbox:fork_from({self.holder}, self.uppers)
end

--- Kill everything inside, and let go of the sandbox.
function Prepared:close()
  self.holder:close()
  self.undo:close()
end

Prepared.__close = Prepared.close
Prepared.__gc = Prepared.close

function Prepared:__tostring()
  return ("%s, prepared (%s)"):format(self.sandbox, self.holder)
end

return M
