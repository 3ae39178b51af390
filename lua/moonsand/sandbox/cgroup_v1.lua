--- Version 1 control groups: a hierarchy for each controller. What is written for a limit, what
--- the counters say, how a group is stopped (Documentation/admin-guide/cgroup-v1).
local core = require "moonsand.core"
local groupfile = require "moonsand.sandbox.groupfile"
local machine = require "moonsand.sandbox.machine"
local read = require("moonsand.text").read

local M = {}

--- The file of a group that says whether it is frozen, and how it is written and read.
M.freezer = {file = "freezer.state", on = "FROZEN", off = "THAWED",
  state = "freezer.state", is_on = "FROZEN", is_off = "THAWED", again = true}

local settings = {}

function settings.memory(value, dir)
  local list = {{"memory.limit_in_bytes", value}, {"memory.memsw.limit_in_bytes", value}}
  if core.stat(dir .. "/memory.memsw.limit_in_bytes") then return list end
  if machine.has_swap() then return machine.no_swap_bound(dir) end
  return {list[1]}
end

function settings.pids(value) return {{"pids.max", value}} end

function settings.cpu(value)
  return {{"cpu.cfs_period_us", machine.PERIOD}, {"cpu.cfs_quota_us", machine.quota(value)}}
end

function settings.io(value)
  return machine.each_disk(function(disk, list)
    for _, way in ipairs {"read", "write"} do
      if value[way] then
        list[#list + 1] = {("blkio.throttle.%s_bps_device"):format(way),
          ("%s %d"):format(disk, value[way]), inner = true} -- not inherited on version 1
      end
    end
  end)
end

--- What is written into a group for a limit.
---@param limit "memory"|"pids"|"cpu"|"io"
---@param value any
---@param dir string
---@return table[]? list   {file, text, inner}; inner: for the group that the program is in
---@return moonsand.sandbox.WhyNot? why_not
function M.settings(limit, value, dir)
  return settings[limit](value, dir)
end

--- Cpu time in microseconds. The total is exact, its parts are sampled at each tick of the clock.
local function cpu_time(value)
  local total, user, system = value "cpuacct.usage", value "cpuacct.usage_user",
    value "cpuacct.usage_sys"
  if not (total and user and system) then return nil end
  local part = user + system > 0 and user / (user + system) or 1
  local user_us = math.floor(total * part) // 1000
  return user_us, total // 1000 - user_us
end

--- What the files of a group say; those it has. Events are counted where the processes are.
---@param dir string
---@param inner string   the group below it that the program is in
---@return table<string, integer>
function M.read(dir, inner)
  local function value(file) return groupfile.number(dir .. "/" .. file) end
  local function events(file, key) return groupfile.line(read(inner .. "/" .. file), key) end
  local bytes = read(dir .. "/blkio.throttle.io_service_bytes_recursive")
  local user_us, system_us = cpu_time(value)
  local throttled = groupfile.line(read(dir .. "/cpu.stat"), "throttled_time")
  return { -- memory.failcnt is no longer counted (Linux 6.15)
    memory_peak = value "memory.max_usage_in_bytes",
    oom_kills = events("memory.oom_control", "oom_kill"),
    pids_peak = value "pids.peak", pids_refused = events("pids.events", "max"),
    user_us = user_us, system_us = system_us,
    throttled_us = throttled and throttled // 1000,
    io_read = groupfile.sum(bytes, "Read (%d+)"), io_written = groupfile.sum(bytes, "Write (%d+)"),
  }
end

return M
