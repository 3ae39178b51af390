--- The scripts around a run script: the one that starts it, and what its trace says afterwards.
--- bash writes every command of the run script to a trace, so a failure can show the command as it
--- ran, and the directory.
local jobserver = require "moonsand.build.jobserver"

local M = {}

M.DIRECTORY = "/run/moonsand"
local TRACE <const> = M.DIRECTORY .. "/trace"
local TRACE_FD <const> = 18

-- Functions of the run script that only report, and calls of them: not what failed.
local function reports(name, command)
  return name:find "^moonsand_" or command:find "^moonsand_"
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "%S+" do list[#list + 1] = word end
  return list
end

--- The start script: directories, the job pool, the trace, then one run script after the other.
---@param options {names: string[], dirs?: string, cleandirs?: string, jobs?: boolean}
---  names: run scripts, as they are called in the sandbox's directory
---@return string
function M.start(options)
  local lines = {"set -e"}
  for _, directory in ipairs(words(options.cleandirs)) do
    lines[#lines + 1] = ("rm -rf -- %s"):format(quote(directory))
    lines[#lines + 1] = ("mkdir -p -- %s"):format(quote(directory))
  end
  for _, directory in ipairs(words(options.dirs)) do
    lines[#lines + 1] = ("mkdir -p -- %s"):format(quote(directory))
  end
  if options.jobs then
    lines[#lines + 1] = ("exec %d<>%s"):format(jobserver.FD, jobserver.TARGET)
  end
  lines[#lines + 1] = ("exec %d>>%s"):format(TRACE_FD, TRACE)
  lines[#lines + 1] = ("BASH_XTRACEFD=%d"):format(TRACE_FD)
  lines[#lines + 1] = [[PS4=$'\x1e\x1f${LINENO}\x1f${FUNCNAME[0]-}\x1f${PWD}\x1f']]
  for i, name in ipairs(options.names) do
    local run = ("(set -x; . %s/%s)"):format(M.DIRECTORY, name)
    if i == #options.names then run = ("set -x; . %s/%s"):format(M.DIRECTORY, name) end
    lines[#lines + 1] = run
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The command that runs a start script called `name` in the sandbox's directory.
---@param name string
---@return string[]
function M.command(name)
  return {"/bin/bash", "--noprofile", "--norc", M.DIRECTORY .. "/" .. name}
end

--- The last command that a trace saw, as the shell ran it: with its variables replaced.
---@param trace string
---@return {line: integer, name: string, cwd: string, command: string}?
function M.last(trace)
  local found
  for line, name, cwd, command in
    trace:gmatch "\30\31(%d+)\31([^\31]*)\31([^\31]*)\31([^\30]*)" do
    if not reports(name, command) then
      found = {
        line = tonumber(line), name = name, cwd = cwd,
        command = (command:gsub("[\30\n]+$", "")),
      }
    end
  end
  return found
end

---@class moonsand.build.Output
---@field marks string   the lines that were taken out
local Output = {}
Output.__index = Output

--- Take some bytes: whole lines are passed on, and the rest of the last one as soon as it is clear
--- that it is no mark.
---@param bytes string
function Output:take(bytes)
  local text, pass, from = self.pending .. bytes, {}, 1
  for line, after in text:gmatch "([^\n]*\n)()" do
    if self.is_mark(line) then
      self.marks = self.marks .. line
    else
      pass[#pass + 1] = line
    end
    from = after
  end
  local rest = text:sub(from)
  self.pending = rest:find "^moonsand" and rest or ("moonsand"):find(rest, 1, true) == 1 and rest or ""
  if self.pending == "" then pass[#pass + 1] = rest end
  local out = table.concat(pass)
  if out ~= "" then self.emit(out) end
end

--- The end: what was held back is passed on.
function Output:finish()
  if self.pending ~= "" then self.emit(self.pending) end
  self.pending = ""
end

--- Output of a script without the lines that only we read.
---@param emit fun(text: string)
---@param is_mark fun(line: string): boolean
---@return moonsand.build.Output
function M.output(emit, is_mark)
  return setmetatable({emit = emit, is_mark = is_mark, pending = "", marks = ""}, Output)
end

return M
