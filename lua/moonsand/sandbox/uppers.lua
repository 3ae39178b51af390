--- The uppers that a prepared sandbox has in memory. They have no place inside; their directories
--- are sent here, so that a fork can be made of them.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.sandbox.Uppers
---@field by_target table<string, moonsand.Fd>
local Uppers = {__name = "moonsand.sandbox.Uppers"}
Uppers.__index = Uppers

--- Ask the steps of a plan for their uppers.
---@param plan moonsand.sandbox.Plan   changed
---@return moonsand.sandbox.Uppers
function M.ask(plan)
  local self = setmetatable({by_target = {}, targets = {}}, Uppers)
  for _, step in ipairs(plan) do
    if step.tmpfs_upper then
      if not self.ours then self.ours, self.theirs = fault.unless("sandbox", core.socketpair()) end
      step.send_upper = self.theirs
      table.insert(self.targets, step.target)
    end
  end
  return self
end

--- The plan has been carried out: take what it has sent, in its order.
function Uppers:receive()
  for _, target in ipairs(self.targets) do
    local upper, err, errno = core.receive_fd(self.ours)
    if not upper then
      fault.throw("sandbox", ("upper of '%s': %s"):format(target, err), {errno = errno})
    end
    self.by_target[target] = upper
  end
  self:hang_up()
end

function Uppers:hang_up()
  if self.ours then
    self.ours:close()
    self.theirs:close()
  end
end

--- Let go of them: what they hold in memory is free when the sandbox is gone, too.
function Uppers:close()
  self:hang_up()
  for _, upper in pairs(self.by_target) do upper:close() end
end

return M
