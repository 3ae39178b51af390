--- What version 2 asks of a caller that was given its group: to give controllers to the groups
--- below it, it must not have processes itself ("no internal processes", cgroups(7)).
local core = require "moonsand.core"
local sweep = require "moonsand.sandbox.sweep"
local write = require("moonsand.sandbox.groupfile").write

local M = {}

local EBUSY, EEXIST = 16, 17

--- The caller and its children move into a leaf below their group. A child may end meanwhile.
local function enter_leaf(place)
  local leaf = place.dir .. "/" .. sweep.name(0)
  local ok, err, errno = core.mkdir(leaf)
  if not ok and errno ~= EEXIST then return nil, err, errno end -- that one is ours, too
  ok, err, errno = write(leaf .. "/cgroup.procs", "0")
  if not ok then
    core.rmdir(leaf)
    return nil, err, errno
  end
  for _, pid in ipairs(place.children) do write(leaf .. "/cgroup.procs", pid) end
  return leaf
end

local function leave_leaf(place, leaf)
  if not leaf then return end
  for _, pid in ipairs {"0", table.unpack(place.children)} do
    write(place.dir .. "/cgroup.procs", pid)
  end
  core.rmdir(leaf)
end

--- Give controllers to the groups below a place. The caller goes back when that cannot be.
---@param place moonsand.sandbox.Place
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.enable(place)
  local leaf, err, errno
  if place.leaf then
    leaf, err, errno = enter_leaf(place)
    if not leaf then return nil, err, errno end
  end
  for _, controller in ipairs(place.enable or {}) do
    local ok
    ok, err, errno = write(place.dir .. "/cgroup.subtree_control", "+" .. controller)
    if not ok then
      leave_leaf(place, leaf)
      if errno == EBUSY then err = "processes have come into the group meanwhile" end
      return nil, err, errno
    end
  end
  return true
end

return M
