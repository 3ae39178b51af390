--- Sandboxes: a table of options becomes a plan, the plan a run, the run a result. Complete without
--- the other storeys.
local lazy = require "moonsand.lazy"
local builder = lazy "moonsand.sandbox.builder"
local compose = require "moonsand.sandbox.compose"
local fork = lazy "moonsand.sandbox.fork"
local launch = require "moonsand.sandbox.launch"
local options = require "moonsand.sandbox.options"
local prepared = lazy "moonsand.sandbox.prepared"
local scope = require "moonsand.scope"

local M = {}

---@class moonsand.Sandbox
---@field given moonsand.sandbox.Options
---@field options table   the same, checked and complete
local Sandbox = {__name = "moonsand.Sandbox"}
Sandbox.__index = Sandbox

function Sandbox:__tostring()
  local o = self.options
  return ("sandbox %s(root %s, network %s)"):format(o.name and o.name .. " " or "", o.root,
    o.network)
end

--- A sandbox from a table of options. Nothing happens yet.
---@param given moonsand.sandbox.Options
---@return moonsand.Sandbox
function M.new(given)
  local self = setmetatable({given = given, options = options.check(given),
    live = setmetatable({}, {__mode = "k"})}, Sandbox)
  if #self.options.steps > 0 then self:plan() end -- a hook without a place is refused now
  return self
end

--- The same in the chain spelling.
---@return moonsand.sandbox.Builder
function M.builder()
  return builder.start(M.new)
end

--- The steps that will be carried out, as a value of the caller's: changing it changes no sandbox.
---@return moonsand.sandbox.Plan
function Sandbox:plan()
  local plan = compose.plan(self.options)
  for i, step in ipairs(plan) do
    local own = {}
    for key, value in pairs(step) do own[key] = value end
    plan[i] = own
  end
  return plan
end

local function launched(self, program)
  if self.options.network == "user" then return prepared.alone(self, program) end
  return launch.alone(program and options.program(self.given, program) or self.options)
end

--- Start a program and return at once. A sandbox that could not be made is a result, too.
---@param program? string|moonsand.sandbox.Options   a script, or the keys of a program
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function Sandbox:start(program)
  local running, failure = launched(self, program)
  if running then
    self.live[running] = true
    running.sandbox = self -- what a fork has copied is there as long as it is used
  end
  return running, failure
end

--- Run a program to its end.
---@param program? string|moonsand.sandbox.Options   a script, or the keys of a program
---@return moonsand.sandbox.Result
function Sandbox:run(program)
  local handle <close>, failure = self:start(program)
  if not handle then return failure end
  return handle:wait()
end

Sandbox.execute = Sandbox.run

--- Make the sandbox now, for many programs to run in.
---@return moonsand.sandbox.Prepared? prepared
---@return moonsand.sandbox.Result? failure
function Sandbox:prepare()
  return prepared.new(self)
end

--- A sandbox over what this one has written to the 'upper' directories of its overlays. That is
--- copied now; what the fork writes vanishes with each of its runs. Other writable directories
--- (binds) are the same in both. What runs in this one is stopped for the time of the copy.
---@return moonsand.Sandbox   close it
function Sandbox:fork()
  return self:fork_from(self:running(), {})
end

--- A fork of what runs as some processes, and has some uppers in memory.
---@param processes moonsand.process[]
---@param uppers table<string, moonsand.Fd>   by target
---@return moonsand.Sandbox
function Sandbox:fork_from(processes, uppers)
  local undo = scope.new()
  local ok, own = pcall(fork.options, self, undo, processes, uppers)
  if not ok then
    undo:close()
    error(own, 0)
  end
  local other = M.new(own)
  other.undo = undo
  return other
end

--- The processes of what runs in it.
function Sandbox:running()
  local list = {}
  for running in pairs(self.live) do
    if not running.closed and not running.stopped_at then
      list[#list + 1] = running.holder or running.process
    end
  end
  return list
end

--- Remove what a fork has copied. Other sandboxes have nothing to close.
function Sandbox:close()
  if self.undo then self.undo:close() end
end

Sandbox.__close = Sandbox.close
Sandbox.__gc = Sandbox.close

return M
