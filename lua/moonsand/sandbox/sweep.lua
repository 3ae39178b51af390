--- Whose control group is it? The name tells, so that those of callers that are no more can be
--- removed by the next one.
local caller = require "moonsand.sandbox.caller"
local core = require "moonsand.core"
local order = require "moonsand.order"
local write = require("moonsand.sandbox.groupfile").write

local M = {}

local EBUSY = 16
local PATIENCE = 0.5 -- seconds for what is in a group to end

--- moonsand-PID-START-PIDNAMESPACE-N; number 0 is the leaf that the caller itself has moved into.
M.pattern = "^moonsand%-(%d+)%-(%d+)%-(%d+)%-(%d+)$"

--- The name of this caller's n-th group.
---@param n integer
---@return string
function M.name(n)
  return ("moonsand-%s-%d"):format(caller.mark(), n)
end

--- Is it the leaf of a caller?
---@param name string
---@return boolean
function M.is_leaf(name)
  return select(4, name:match(M.pattern)) == "0"
end

--- Remove a group and what was made below it; it must be empty of processes.
---@param dir string
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.remove(dir)
  if core.rmdir(dir) then return true end
  for _, entry in ipairs(core.readdir(dir) or {}) do
    local path = dir .. "/" .. entry
    local st = core.stat(path)
    if st and st.type == "directory" then M.remove(path) end
  end
  return core.rmdir(dir)
end

--- Groups of callers that are no more, such as those that were killed: only those with our kind of
--- name, and of a process that this one could see.
---@param dir string
---@return string[] names
function M.stale(dir)
  local list = {}
  for _, entry in ipairs(core.readdir(dir) or {}) do
    local pid, start, ns = entry:match(M.pattern)
    if pid and caller.is_gone(pid, start, ns) then list[#list + 1] = entry end
  end
  return list
end

--- What is left in a group whose caller is no more ends by itself, unless it is frozen.
local function release(dir)
  for file, text in order.sorted {["cgroup.freeze"] = "0", ["freezer.state"] = "THAWED",
    ["cgroup.kill"] = "1"} do
    if core.stat(dir .. "/" .. file) then write(dir .. "/" .. file, text) end
  end
end

--- Remove the group of a caller that is no more, and what is in it; but in a leaf, children of the
--- caller may live on.
---@param dir string
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.remove_stale(dir)
  local ok, err, errno = M.remove(dir)
  if ok or errno ~= EBUSY or M.is_leaf(dir:match("[^/]*$")) then return ok, err, errno end
  release(dir)
  local deadline = core.clock() + PATIENCE
  repeat
    core.poll({}, 0.002)
    ok, err, errno = M.remove(dir)
  until ok or errno ~= EBUSY or core.clock() > deadline
  return ok, err, errno
end

--- Remove such groups.
---@param dir string
---@return string[] removed
function M.sweep(dir)
  local removed = {}
  for _, entry in ipairs(M.stale(dir)) do
    if M.remove_stale(dir .. "/" .. entry) then removed[#removed + 1] = entry end
  end
  return removed
end

local swept = {}

--- Sweep a directory, once in the life of this process.
---@param dir string
function M.once(dir)
  if swept[dir] then return end
  swept[dir] = true
  M.sweep(dir)
end

return M
