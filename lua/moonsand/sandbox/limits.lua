--- The `limits` of a sandbox (moonsand.sandbox.limit) put into force: what holds them, and which
--- were hit.
local lazy = require "moonsand.lazy"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local groups = lazy "moonsand.sandbox.groups"
local order = require "moonsand.order"
local vocabulary = require "moonsand.sandbox.limit"

local M = {}

local known = vocabulary.known

--- A best-effort limit above the caller's own hard limit becomes that.
local function lower(limit, hard)
  local function within(value)
    return vocabulary.above(value, hard) and hard or value
  end
  return {within(limit.soft), within(limit.hard)}
end

--- The step `rlimit` for checked limits, and what of them the caller's own limits refuse.
---@param limits table<string, moonsand.sandbox.Limit>
---@return table step
---@return {name: string, what: string, fix: string, best_effort?: boolean}[] refused
function M.resources(limits)
  local step, refused, own = {"rlimit", core = 0}, {}, nil
  for name, limit in order.sorted(limits) do
    local resource = known[name].resource
    if resource then
      own = own or fault.unless("sandbox", core.rlimits())
      local hard = own[resource].hard
      if vocabulary.above(limit.hard, hard) then
        refused[#refused + 1] = {name = name, best_effort = limit.best_effort,
          what = ("the caller's own hard limit is %s"):format(hard),
          fix = ("prlimit --pid $$ --%s=VALUE as root, or a lower limit"):format(resource)}
      end
      step[resource] = limit.best_effort and lower(limit, hard) or {limit.soft, limit.hard}
    end
  end
  return step, refused
end

--- Does any limit need a control group?
---@param limits table<string, moonsand.sandbox.Limit>
---@return boolean
function M.need_groups(limits)
  for name in pairs(limits) do
    if known[name].group then return true end
  end
  return false
end

--- The step `cgroup`: with groups, what the child starts in; without, what would be bounded.
---@param limits table<string, moonsand.sandbox.Limit>
---@param made? moonsand.sandbox.Groups
---@return table? step
function M.group_step(limits, made)
  if not M.need_groups(limits) then return nil end
  local step = {"cgroup"}
  for name, limit in order.sorted(limits) do
    if known[name].group then step[#step + 1] = vocabulary.shown(name, limit.value) end
  end
  if not made then return step end
  if not made.into and #made.join == 0 then return nil end -- nothing but best effort
  step.into, step.join = made.into, made.join
  return step
end

--- A bound for a file system that has none of its own and vanishes with the sandbox.
---@param limits table<string, moonsand.sandbox.Limit>
---@return integer? size
function M.disk(limits)
  return limits.disk and limits.disk.value
end

local function kept_uppers(options)
  local refused = {}
  for _, entry in ipairs(options.overlays) do
    if options.limits.disk and entry.upper then
      refused[#refused + 1] = {name = "disk", best_effort = options.limits.disk.best_effort,
        path = entry.upper,
        what = ("the upper directory %s is kept on its disk, and what a directory may take of one"
          .. " is not bounded"):format(entry.upper),
        fix = "let it vanish (no 'upper'), put it on a file system of that size, or set a"
          .. " project quota on it"}
    end
  end
  return refused
end

--- Processes of ours among those of the program: pid 1, and who waits for a program that joins.
local function own_processes(options)
  return options.as_init and 0 or options.holds and 2 or 1
end

local function wanted_groups(options)
  local wanted = {}
  for name, limit in pairs(options.limits) do
    if known[name].group then
      wanted[name] = {value = limit.value, best_effort = limit.best_effort}
    end
  end
  if wanted.pids and wanted.pids.value ~= "unlimited" then
    wanted.pids.value = wanted.pids.value + own_processes(options)
  end
  return wanted
end

---@class moonsand.sandbox.Unmet
---@field option string   "limits.memory"
---@field reason string
---@field hint? string

local function unmet(refused)
  return {option = "limits." .. refused.name, reason = refused.what, hint = refused.fix}
end

--- Put limits into force before a sandbox is made. Sets `options.groups` and
--- `options.not_enforced`; groups are closed by `undo`.
---@param options table   checked; changed
---@param undo moonsand.Scope
---@return moonsand.sandbox.WhyNot? why_not   a limit without best effort that cannot be applied
function M.apply(options, undo)
  options.not_enforced = options.not_enforced or {}
  local _, refused = M.resources(options.limits)
  for _, other in ipairs(kept_uppers(options)) do refused[#refused + 1] = other end
  for _, one in ipairs(refused) do
    if not one.best_effort then return one end
    table.insert(options.not_enforced, unmet(one))
  end
  if not M.need_groups(options.limits) then return nil end
  local made, why = groups.make(wanted_groups(options))
  if not made then return why end
  options.groups = made
  undo:defer(function() made:close() end)
  for _, one in ipairs(made.missing) do table.insert(options.not_enforced, unmet(one)) end
end

--- What a group has counted is of all that was in it; the rest was told by pid 1.
local function merge_usage(usage, counters, pids)
  usage = usage or {}
  if counters.user_us then
    usage.user, usage.system = counters.user_us / 1e6, counters.system_us / 1e6
  end
  usage.memory_peak = counters.memory_peak
  usage.pids_peak = counters.pids_peak and math.max(1, counters.pids_peak - pids)
  usage.io_read = counters.io_read or usage.io_read
  usage.io_written = counters.io_written or usage.io_written
  usage.cpu_throttled = counters.throttled_us and counters.throttled_us / 1e6
  return usage
end

--- 128 + n is what a shell makes of a child that a signal has ended.
local function ended_by(ended, signal, number)
  return ended.signal == signal or ended.exit_code == 128 + number
end

--- What the limits have to say about a program that has ended.
---@param options table     checked; with `groups` where there are some
---@param ended table       from process:wait(); its usage is completed
---@param timed_out? "wall"|"idle"
---@return {limits_hit: string[], oom: boolean}
function M.judge(options, ended, timed_out)
  local limits, hit, oom = options.limits or {}, {}, false
  if options.groups then
    local counters = options.groups:since()
    ended.usage = merge_usage(ended.usage, counters, own_processes(options))
    if (counters.oom_kills or 0) > 0 then
      -- version 2 tells whose bound it was; 0: of a group above, or of the host
      if counters.memory_refused ~= 0 then hit[#hit + 1] = "memory" end
      oom = ended.exit_code ~= 0
    end
    if (counters.pids_refused or 0) > 0 then hit[#hit + 1] = "pids" end
  end
  if limits.cpu_time and ended_by(ended, "XCPU", 24) then hit[#hit + 1] = "cpu_time" end
  if limits.file_size and ended_by(ended, "XFSZ", 25) then hit[#hit + 1] = "file_size" end
  hit[#hit + 1] = timed_out
  return {limits_hit = hit, oom = oom}
end

return M
