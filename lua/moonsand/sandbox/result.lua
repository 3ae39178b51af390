--- One record of how a run ended.
local M = {}

---@class moonsand.sandbox.Result
---@field ok boolean            the program ran and exited with 0
---@field outcome "exit"|"signal"|"timeout"|"setup_failed"|"exec_failed"
---@field exit_code? integer    of the program
---@field signal? string        "KILL", "SEGV", ...
---@field timed_out boolean
---@field stdout string         what was captured
---@field stderr string
---@field wall number           seconds
---@field usage? {user: number, system: number, max_rss: integer}   seconds, bytes; all processes
---  inside
---@field leftovers? integer processes that were still there when the program ended, and were killed
---@field step? integer         setup_failed, exec_failed: number of the step in the plan
---@field verb? string          and its verb
---@field path? string          and its object
---@field errno? integer
---@field message? string
---@field log? string           the kernel's own text
local Result = {__name = "moonsand.sandbox.Result"}
Result.__index = Result

local ENOENT, ENOTDIR = 2, 20

-- signal(7), x86-64 and arm64
local numbers = {
  HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10,
  SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18,
  STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26,
  PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}

--- The exit code for a shell: the program's own, 128+n for a signal, 124 timeout, 125 the sandbox
--- could not be made,
--- 126 not executable, 127 not found.
---@return integer
function Result:code()
  if self.outcome == "timeout" then return 124 end
  if self.outcome == "setup_failed" then return 125 end
  if self.outcome == "exec_failed" then
    return (self.errno == ENOENT or self.errno == ENOTDIR) and 127 or 126
  end
  if self.signal then return 128 + (numbers[self.signal] or tonumber(self.signal) or 0) end
  return self.exit_code
end

--- One line for a person.
function Result:__tostring()
  if self.message then return self.message end
  if self.timed_out then return ("timed out after %.1fs"):format(self.wall) end
  if self.signal then return "killed by signal " .. self.signal end
  return ("exit %d"):format(self.exit_code)
end

--- The step at which the sandbox could not be made.
---@param message string
---@param errno integer
---@param details table
---@return moonsand.sandbox.Result
function M.failed(message, errno, details)
  details = details or {}
  local exec = details.verb == "exec" and details.call == "exec"
  return setmetatable({
    ok = false, outcome = exec and "exec_failed" or "setup_failed", timed_out = false,
    stdout = "", stderr = "", wall = 0, message = message, errno = errno, step = details.step,
    verb = details.verb, path = details.path, log = details.log,
  }, Result)
end

--- How the program ended.
---@param ended table       from process:wait()
---@param fields table      stdout, stderr, wall, timed_out
---@return moonsand.sandbox.Result
function M.ended(ended, fields)
  local outcome = fields.timed_out and "timeout" or ended.signal and "signal" or "exit"
  return setmetatable({
    ok = outcome == "exit" and ended.exit_code == 0, outcome = outcome,
    exit_code = ended.exit_code, signal = ended.signal, timed_out = fields.timed_out,
    stdout = fields.stdout, stderr = fields.stderr, wall = fields.wall, usage = ended.usage,
    leftovers = ended.leftovers,
  }, Result)
end

return M
