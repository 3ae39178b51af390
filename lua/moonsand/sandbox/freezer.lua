--- Stop all that is in a control group, or let it go on, without the programs' noticing.
local core = require "moonsand.core"
local read = require("moonsand.text").read
local write = require("moonsand.sandbox.groupfile").write

local M = {}

local PATIENCE = 2 -- seconds; a process that waits for a device is not frozen before it has it

local function reached(group, wanted)
  local text = read(group.dir .. "/" .. group.kind.freezer.state)
  return not text or text:find(wanted, 1, true) ~= nil
end

local function set(group, on)
  local freezer = group.kind.freezer
  local path, text = group.dir .. "/" .. freezer.file, on and freezer.on or freezer.off
  local wanted = on and freezer.is_on or freezer.is_off
  local ok, err, errno = write(path, text)
  if not ok then return nil, err, errno end
  local deadline = core.clock() + PATIENCE
  while not reached(group, wanted) do
    if core.clock() > deadline then return false end
    core.poll({}, 0.001)
    -- Version 1 forgets a process that is made while it freezes: it is asked until all are.
    if freezer.again then write(path, text) end
  end
  return true
end

--- Freeze a group, or thaw it. What cannot be frozen whole is thawed again.
---@param group table   of moonsand.sandbox.Groups
---@param on boolean
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.set(group, on)
  local ok, err, errno = set(group, on)
  if ok then return true end
  if ok == nil then return nil, err, errno end
  if on then set(group, false) end
  return nil, ("a process in %s could not be %s"):format(group.dir, on and "frozen" or "thawed")
end

return M
