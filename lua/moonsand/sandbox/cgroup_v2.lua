--- Version 2 control groups: one hierarchy for all controllers. What is written for a limit, what
--- the counters say, how a group is stopped and killed (Documentation/admin-guide/cgroup-v2.rst).
local core = require "moonsand.core"
local groupfile = require "moonsand.sandbox.groupfile"
local machine = require "moonsand.sandbox.machine"
local read = require("moonsand.text").read

local M = {}

--- The file of a group that says whether it is frozen, and how it is written and read.
M.freezer = {file = "cgroup.freeze", on = "1", off = "0",
  state = "cgroup.events", is_on = "frozen 1", is_off = "frozen 0"}

local settings = {}

function settings.memory(value, dir)
  local list = {{"memory.max", value}, {"memory.swap.max", 0}}
  if core.stat(dir .. "/memory.swap.max") then return list end
  if machine.has_swap() then return machine.no_swap_bound(dir) end
  return {list[1]}
end

function settings.pids(value) return {{"pids.max", value}} end

function settings.cpu(value)
  return {{"cpu.max", ("%d %d"):format(machine.quota(value), machine.PERIOD)}}
end

function settings.io(value)
  local words = {}
  if value.read then words[1] = ("rbps=%d"):format(value.read) end
  if value.write then words[#words + 1] = ("wbps=%d"):format(value.write) end
  local text = table.concat(words, " ")
  return machine.each_disk(function(disk, list)
    list[#list + 1] = {"io.max", ("%s %s"):format(disk, text)}
  end)
end

--- What is written into a group for a limit.
---@param limit "memory"|"pids"|"cpu"|"io"
---@param value any
---@param dir string
---@return table[]? list   {file, text}
---@return moonsand.sandbox.WhyNot? why_not
function M.settings(limit, value, dir)
  return settings[limit](value, dir)
end

--- What the files of one group say; those it has.
---@param dir string
---@return table<string, integer>
function M.read(dir)
  local function value(file) return groupfile.number(dir .. "/" .. file) end
  local function text(file) return read(dir .. "/" .. file) end
  local cpu, io_stat, memory = text "cpu.stat", text "io.stat", text "memory.events"
  return {
    memory_peak = value "memory.peak", memory_refused = groupfile.line(memory, "oom"),
    oom_kills = groupfile.line(memory, "oom_kill"),
    pids_peak = value "pids.peak", pids_refused = groupfile.line(text "pids.events", "max"),
    user_us = groupfile.line(cpu, "user_usec"), system_us = groupfile.line(cpu, "system_usec"),
    throttled_us = groupfile.line(cpu, "throttled_usec"),
    io_read = groupfile.sum(io_stat, "rbytes=(%d+)"),
    io_written = groupfile.sum(io_stat, "wbytes=(%d+)"),
  }
end

return M
