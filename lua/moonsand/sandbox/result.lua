--- One record of how a run ended.
local lazy = require "moonsand.lazy"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local gates = lazy "moonsand.sandbox.gates"
local hint = lazy "moonsand.sandbox.hint"
local names = lazy "moonsand.sandbox.names"
local vocabulary = require "moonsand.sandbox.limit"

local M = {}

---@class moonsand.sandbox.Result
---@field ok boolean            the program ran and exited with 0
---@field outcome "exit"|"signal"|"timeout"|"oom"|"setup_failed"|"exec_failed"
---@field exit_code? integer    of the program
---@field signal? string        "KILL", "SEGV", ...
---@field timed_out boolean
---@field timed_out_by? "wall"|"idle"
---@field limits_hit string[]   names of limits, and "wall" or "idle"
---@field not_enforced moonsand.sandbox.Unmet[]   what was asked for with best effort, in vain
---@field mount_points string[]   paths inside that were made on the caller's disk, to mount there
---@field opened? string[]      paths inside: the files of directories in 'watch' that were opened
---@field observed? moonsand.sandbox.Sight[]   what of the paths in 'observe' was asked for
---@field stdout string         what was captured, all of it
---@field stderr string
---@field wall number           seconds
---@field usage? moonsand.sandbox.Usage
---@field leftovers? integer processes that were still there when the program ended, and were killed
---@field step? integer         setup_failed, exec_failed: number of the step in the plan
---@field step_name? string     and its name: "bind /usr"
---@field verb? string          and its verb
---@field path? string          and its object
---@field errno? integer
---@field message? string
---@field log? string           the kernel's own text
---@field hint? string          what to do about it
---@field gate? moonsand.sandbox.Gate   what of this host is closed, and how it is opened

---@class moonsand.sandbox.Usage   of all processes inside
---@field user number             seconds of cpu time
---@field system number
---@field max_rss integer         bytes, of the largest process
---@field io_read integer         bytes from disks
---@field io_written integer      bytes to disks; with a limit 'io': what got there by now
---@field memory_peak? integer    bytes; this and the next with a limit of that kind
---@field pids_peak? integer
---@field cpu_throttled? number   seconds
local Result = {__name = "moonsand.sandbox.Result"}

--- What was more than 'capture_limit' is read from its file when it is asked for.
function Result:__index(key)
  local file = rawget(self, "files")[key]
  if not file then return Result[key] end
  local size = assert(file:seek("end", 0))
  assert(file:seek("set", 0))
  local parts = {}
  while size > 0 do
    local bytes = assert(file:read(math.min(size, 1 << 20)))
    parts[#parts + 1], size = bytes, size - #bytes
  end
  return table.concat(parts)
end

--- What was captured of a stream as a file, from its start; close it. For output that should not be
--- in memory as a whole.
---@param name "stdout"|"stderr"
---@return moonsand.Fd
function Result:output(name)
  local file = self.files[name]
  if not file then return fault.unless("sandbox", core.memfd(name, self[name])) end
  local again, err, errno = core.open("/proc/self/fd/" .. file:number(), "r")
  if not again then fault.throw("sandbox", ("%s: %s"):format(name, err), {errno = errno}) end
  return again
end

local ENOENT, ENOTDIR = 2, 20

-- signal(7), x86-64 and arm64
local numbers = {
  HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10,
  SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18,
  STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26,
  PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}

--- The exit code for a shell: the program's own, 128+n for a signal, 124 timeout, 125 the sandbox
--- could not be made, 126 not executable, 127 not found.
---@return integer
function Result:code()
  if self.outcome == "timeout" then return 124 end
  if self.outcome == "setup_failed" then return 125 end
  if self.outcome == "exec_failed" then
    local is_missing = self.errno == ENOENT or self.errno == ENOTDIR
    return is_missing and not self.log and 127 or 126 -- the log: an interpreter is, not the file
  end
  if self.signal then return 128 + (numbers[self.signal] or tonumber(self.signal) or 0) end
  return self.exit_code
end

--- One line for a person.
function Result:__tostring()
  if self.message then return self.message end
  if self.timed_out then
    local text = self.timed_out_by == "idle" and "no output for too long: stopped" or "timed out"
    return ("%s after %.1fs"):format(text, self.wall)
  end
  if self.outcome == "oom" then
    local peak = self.usage and self.usage.memory_peak
    return "out of memory" .. (peak and ", at " .. vocabulary.text(peak) or "")
  end
  if self.signal then return "killed by signal " .. self.signal end
  return ("exit %d"):format(self.exit_code)
end

--- docs/result.md: the fields of a record, in their order. The version changes when a field means
--- something else.
M.version = 1
M.fields = {
  "moonsand_result", "ok", "outcome", "code", "exit_code", "signal", "timed_out", "timed_out_by",
  "limits_hit", "not_enforced", "mount_points", "opened", "observed", "message", "hint", "gate",
  "step", "step_name", "verb", "path", "errno", "log", "wall", "usage", "leftovers",
}

--- The order of all keys of the JSON form, each once: after a record's own what only the objects in
--- it have.
M.key_order = table.move(M.fields, 1, #M.fields, 1, {})
for _, name in ipairs {"stdout", "stderr", "user", "system", "max_rss", "io_read", "io_written",
  "memory_peak", "pids_peak", "cpu_throttled", "real", "state", "executed"} do
  table.insert(M.key_order, name)
end

--- The result as plain data, without what was captured: what `moonsand run --json` writes.
---@return table
function Result:record()
  local record = {}
  for _, name in ipairs(M.fields) do record[name] = rawget(self, name) end
  record.moonsand_result, record.code = M.version, self:code()
  return record
end

local function gate_of(outcome, errno, details)
  if outcome ~= "setup_failed" or not errno then return nil end
  return gates.behind(details.verb or "clone3", errno, gates.host())
end

--- The step at which the sandbox could not be made.
---@param message string
---@param errno integer
---@param details table
---@param plan? moonsand.sandbox.Plan
---@return moonsand.sandbox.Result
function M.failed(message, errno, details, plan)
  details = details or {}
  local why, what_to_do = hint.of(plan, errno, details)
  local exec = details.verb == "exec" and details.call == "exec"
  local outcome = exec and "exec_failed" or "setup_failed"
  return setmetatable({
    ok = false, outcome = outcome, timed_out = false, gate = gate_of(outcome, errno, details),
    step_name = plan and details.step and names.of(plan)[details.step],
    limits_hit = {}, not_enforced = {}, mount_points = details.mount_points or {},
    stdout = "", stderr = "", files = {}, wall = 0, message = why or message, errno = errno,
    step = details.step, verb = details.verb, path = details.path, log = details.log,
    hint = what_to_do,
  }, Result)
end

--- A limit that cannot be applied.
---@param why moonsand.sandbox.WhyNot
---@param limit moonsand.sandbox.Limit
---@return moonsand.sandbox.Result
function M.unlimited(why, limit)
  local message = ("limit %s cannot be applied: %s"):format(vocabulary.shown(why.name, limit.value),
    why.what)
  local self = M.failed(message, why.errno, {verb = "limit", path = why.path})
  self.hint = ("%s; or 'best_effort' for this limit: a run without it"):format(why.fix)
  return self
end

--- What the program asked for was to be told, and is not: what it did then may be anything, as its
--- calls had no answer.
---@param why string
---@return moonsand.sandbox.Result
function M.unobserved(why)
  local self = M.failed(("the observer of this run was gone before the program (%s), so its calls "
    .. "were not answered"):format(why), nil, {verb = "observe"})
  self.hint = "run it again; without 'observe' there is no observer that could go"
  return self
end

--- What was found out before there was a step: this host lacks something.
---@param problem moonsand.Fault
---@return moonsand.sandbox.Result
function M.refused(problem)
  local self = M.failed(problem.message, nil)
  self.errno, self.hint = problem.errno, problem.hint
  if problem.where then self.message = problem.where .. ": " .. self.message end
  return self
end

local function outcome_of(ended, fields)
  if fields.timed_out then return "timeout" end
  if fields.oom then return "oom" end
  return ended.signal and "signal" or "exit"
end

--- How the program ended.
---@param ended table       from process:wait()
---@param fields table      kept (captures by stream), wall, timed_out ("wall" or "idle"), oom,
---  limits_hit, not_enforced, opened, observed
---@return moonsand.sandbox.Result
function M.ended(ended, fields)
  local outcome = outcome_of(ended, fields)
  local self = setmetatable({
    ok = outcome == "exit" and ended.exit_code == 0, outcome = outcome,
    exit_code = ended.exit_code, signal = ended.signal,
    timed_out = fields.timed_out ~= nil, timed_out_by = fields.timed_out,
    limits_hit = fields.limits_hit or {}, not_enforced = fields.not_enforced or {},
    mount_points = fields.mount_points or {}, opened = fields.opened,
    observed = fields.observed,
    files = {}, wall = fields.wall, usage = ended.usage, leftovers = ended.leftovers,
  }, Result)
  for _, name in ipairs {"stdout", "stderr"} do
    local kept = fields.kept[name]
    self.files[name] = kept and kept.file
    if not self.files[name] then self[name] = kept and kept:text() or "" end
  end
  return self
end

return M
