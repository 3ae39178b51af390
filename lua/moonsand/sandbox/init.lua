--- Sandboxes: a table of options becomes a plan, the plan a run, the run a result. Complete without
--- the other storeys.
local builder = require "moonsand.sandbox.builder"
local compose = require "moonsand.sandbox.compose"
local launch = require "moonsand.sandbox.launch"
local options = require "moonsand.sandbox.options"
local prepared = require "moonsand.sandbox.prepared"

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
  local self = setmetatable({given = given, options = options.check(given)}, Sandbox)
  if #self.options.steps > 0 then self:plan() end -- a hook without a place is refused now
  return self
end

--- The same in the chain spelling.
---@return moonsand.sandbox.Builder
function M.builder()
  return builder.start(M.new)
end

--- The steps that will be carried out.
---@return moonsand.sandbox.Plan
function Sandbox:plan()
  return compose.plan(self.options)
end

--- Start a program and return at once. A sandbox that could not be made is a result, too.
---@param program? string|moonsand.sandbox.Options   a script, or the keys of a program
---@return moonsand.sandbox.Running? running
---@return moonsand.sandbox.Result? failure
function Sandbox:start(program)
  if self.options.network == "user" then return prepared.alone(self, program) end
  return launch.alone(program and options.program(self.given, program) or self.options)
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

return M
