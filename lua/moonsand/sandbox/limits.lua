--- The `limits` of a sandbox: which there are, what they may be, what holds them, and which were
--- hit.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local groups = require "moonsand.sandbox.groups"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Limit
---@field value number|"unlimited"
---@field best_effort? boolean    a run without it is better than none
---@field soft? integer|"unlimited"   resources only: instead of `value`
---@field hard? integer|"unlimited"

---@alias moonsand.sandbox.LimitValue number|string|moonsand.sandbox.Limit

---@class moonsand.sandbox.Limits
---@field memory? moonsand.sandbox.LimitValue     bytes of all processes together; no swap besides
---@field pids? moonsand.sandbox.LimitValue       processes and threads at once
---@field cpu? moonsand.sandbox.LimitValue        cores, such as 1.5
---@field io? moonsand.sandbox.LimitValue         bytes a second, of each disk, each way
---@field cpu_time? moonsand.sandbox.LimitValue   seconds of cpu time of one process: XCPU, KILL
---@field files? moonsand.sandbox.LimitValue      file descriptors of one process
---@field file_size? moonsand.sandbox.LimitValue  bytes of one file: XFSZ
---@field core? moonsand.sandbox.LimitValue       bytes of a core dump (default 0: none)
---@field stack? moonsand.sandbox.LimitValue      bytes of one stack
---@field disk? moonsand.sandbox.LimitValue       bytes of each file system that vanishes
---@field wall? moonsand.sandbox.LimitValue       seconds: the same as `timeout`
---@field as? moonsand.sandbox.LimitValue         these and the next: as in prlimit(1)
---@field data? moonsand.sandbox.LimitValue
---@field memlock? moonsand.sandbox.LimitValue
---@field msgqueue? moonsand.sandbox.LimitValue
---@field nice? moonsand.sandbox.LimitValue
---@field nproc? moonsand.sandbox.LimitValue
---@field rtprio? moonsand.sandbox.LimitValue
---@field sigpending? moonsand.sandbox.LimitValue

local known = {
  memory = {kind = "bytes", group = true}, pids = {kind = "count", group = true},
  cpu = {kind = "cores", group = true}, io = {kind = "bytes", group = true},
  cpu_time = {kind = "seconds", resource = "cpu"}, files = {kind = "count", resource = "nofile"},
  file_size = {kind = "bytes", resource = "fsize"}, core = {kind = "bytes", resource = "core"},
  stack = {kind = "bytes", resource = "stack"}, as = {kind = "bytes", resource = "as"},
  data = {kind = "bytes", resource = "data"}, memlock = {kind = "bytes", resource = "memlock"},
  msgqueue = {kind = "bytes", resource = "msgqueue"}, nice = {kind = "count", resource = "nice"},
  nproc = {kind = "count", resource = "nproc"}, rtprio = {kind = "count", resource = "rtprio"},
  sigpending = {kind = "count", resource = "sigpending"},
  disk = {kind = "bytes"}, wall = {kind = "time"},
}

local CPU_GRACE = 5 -- seconds of cpu time between XCPU and KILL

local function wrong(name, value, what, hint)
  fault.throw("usage", ("sandbox: limit %s=%s: %s"):format(name, tostring(value), what),
    {hint = hint})
end

local units = {[""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30, T = 1 << 40}

local function bytes(name, text)
  local digits, unit = tostring(text):match("^(%d+%.?%d*)([KMGT]?)$")
  local size = digits and tonumber(digits) * units[unit]
  if not size or size > 2 ^ 62 or (unit == "" and math.type(size) ~= "integer") then
    wrong(name, text, "it is not a size", "write bytes, or 64K, 64M, 1.5G")
  end
  return math.floor(size)
end

local function whole(name, value, what)
  local count = math.tointeger(tonumber(value))
  if not count or count < 0 then wrong(name, value, ("it is not a number of %s"):format(what)) end
  return count
end

local function positive(name, value, what)
  local amount = tonumber(value)
  if not amount or amount <= 0 or amount >= 2 ^ 53 then
    wrong(name, value, ("it is not a number of %s above 0"):format(what))
  end
  return amount
end

local parsers = {
  bytes = bytes,
  count = function(name, value)
    local things = known[name].resource == "nofile" and "files" or name == "pids" and "processes"
      or "things"
    return whole(name, value, things)
  end,
  seconds = function(name, value) return whole(name, value, "whole seconds") end,
  cores = function(name, value) return positive(name, value, "cores") end,
  time = function(name, value) return positive(name, value, "seconds") end,
}

local function parse(name, value)
  local limit = known[name]
  if value == "unlimited" and (limit.resource or limit.group) and name ~= "io" then return value end
  if type(value) ~= "number" and type(value) ~= "string" then
    wrong(name, value, "it must be a number or a text")
  end
  local amount = parsers[limit.kind](name, value)
  if amount == 0 and not limit.resource then wrong(name, value, "nothing can run with that") end
  return amount
end

local entry_keys = {value = true, best_effort = true, soft = true, hard = true}

local function check_entry(name, given)
  for key in order.sorted(given) do
    if not entry_keys[key] then
      wrong(name, "{...}", ("unknown key '%s'"):format(tostring(key)),
        "write {value = ..., best_effort = true}")
    end
  end
  if given.best_effort ~= nil and type(given.best_effort) ~= "boolean" then
    wrong(name, "{...}", "'best_effort' must be true or false")
  end
  if not known[name].resource and (given.soft or given.hard) then
    wrong(name, "{...}", "only a resource of a process has a soft and a hard limit")
  end
end

local function above(a, b)
  return b ~= "unlimited" and (a == "unlimited" or a > b)
end

--- One limit as {value =, best_effort =}, or {soft =, hard =, best_effort =} for a resource.
local function complete(name, given)
  if type(given) == "string" then
    local text = given:match("^best_effort:(.*)$")
    if text then given = {value = text, best_effort = true} end
  end
  if type(given) ~= "table" then given = {value = given} end
  check_entry(name, given)
  local own = {best_effort = given.best_effort or nil}
  local soft, hard = given.soft or given.value, given.hard
  if soft == nil and hard == nil then wrong(name, "{...}", "there is no value") end
  own.value = parse(name, soft == nil and hard or soft)
  if not known[name].resource then return own end
  own.soft = own.value
  own.hard = hard ~= nil and parse(name, hard) or own.soft
  if hard == nil and name == "cpu_time" and own.soft ~= "unlimited" then
    own.hard = own.soft + CPU_GRACE -- at a hard limit the kernel kills without a word
  end
  if above(own.soft, own.hard) then wrong(name, given.soft, "it is above the hard limit") end
  return own
end

--- Check the `limits` of an option table.
---@param given moonsand.sandbox.Limits
---@return table<string, moonsand.sandbox.Limit>
function M.check(given)
  local own = {}
  for name, value in order.sorted(given or {}) do
    if not known[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(known))
      fault.throw("usage", ("sandbox: unknown limit '%s'"):format(tostring(name)), {
        hint = near and ("did you mean '%s'?"):format(near)
          or "known: " .. table.concat(order.keys(known), " "),
      })
    end
    own[name] = complete(name, value)
  end
  return own
end

--- A number of bytes for a person.
---@param size integer
---@return string
function M.text(size)
  for _, unit in ipairs {"G", "M", "K"} do
    local amount = size / units[unit]
    if amount >= 1 then return ("%.4g%s"):format(amount, unit) end
  end
  return tostring(size)
end

--- A limit as on the command line: "memory=64M".
---@param name string
---@param value number|"unlimited"
---@return string
function M.shown(name, value)
  local size = known[name].kind == "bytes" and type(value) == "number"
  return ("%s=%s"):format(name, size and M.text(value) or value)
end

--- A best-effort limit above the caller's own hard limit becomes that.
local function lower(limit, hard)
  local function within(value)
    return above(value, hard) and hard or value
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
      own = own or assert(core.rlimits())
      local hard = own[resource].hard
      if above(limit.hard, hard) then
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
    if known[name].group then step[#step + 1] = M.shown(name, limit.value) end
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

local function merge_usage(usage, counters, pids)
  usage = usage or {}
  if counters.user_us then
    usage.user, usage.system = counters.user_us / 1e6, counters.system_us / 1e6
  end
  usage.memory_peak = counters.memory_peak
  usage.pids_peak = counters.pids_peak and math.max(1, counters.pids_peak - pids)
  usage.io_read, usage.io_written = counters.io_read, counters.io_written
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
      hit[#hit + 1] = "memory"
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
