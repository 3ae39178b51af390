--- This process among all that were and will be: what it leaves behind when it is killed can be
--- told from what a living one uses.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

--- The time at which a process started, in ticks since boot; nil when there is no such process.
local function started(pid)
  local text = read(("/proc/%s/stat"):format(pid))
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

--- PID-START-PIDNAMESPACE, for names.
---@return string
function M.mark()
  local pid = core.getpid()
  return ("%d-%s-%s"):format(pid, started(pid) or "0", namespace())
end

--- Is the process with this mark no more? Of another namespace's nobody here can say.
---@param pid string
---@param start string
---@param ns string
---@return boolean
function M.is_gone(pid, start, ns)
  return ns == namespace() and started(pid) ~= start
end

return M
