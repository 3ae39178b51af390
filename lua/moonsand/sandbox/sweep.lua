--- Whose control group is it? The name tells, so that those of callers that are no more can be
--- removed by the next one.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

--- moonsand-PID-START-PIDNAMESPACE-N; number 0 is the leaf that the caller itself has moved into.
M.pattern = "^moonsand%-(%d+)%-(%d+)%-(%d+)%-(%d+)$"

--- The time at which a process started, in ticks since boot; nil when there is no such process.
local function started(pid)
  local text = read(("/proc/%d/stat"):format(pid))
  local rest = text and text:match("^.*%) (.*)$")
  if not rest then return nil end
  local i = 2
  for word in rest:gmatch("%S+") do
    i = i + 1
    if i == 22 then return word end
  end
end

local function namespace()
  return (core.readlink("/proc/self/ns/pid") or ""):match("%d+") or "0"
end

--- The name of this caller's n-th group.
---@param n integer
---@return string
function M.name(n)
  local pid = core.getpid()
  return ("moonsand-%d-%s-%s-%d"):format(pid, started(pid) or "0", namespace(), n)
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

--- Remove groups of callers that are no more, such as those that were killed. Only empty groups
--- with our kind of name, and of a process that this one could see.
---@param dir string
---@return string[] removed
function M.sweep(dir)
  local removed, here = {}, namespace()
  for _, entry in ipairs(core.readdir(dir) or {}) do
    local pid, start, ns = entry:match(M.pattern)
    if pid and ns == here and started(tonumber(pid)) ~= start and M.remove(dir .. "/" .. entry) then
      removed[#removed + 1] = entry
    end
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
