--- Commands in a build directory of OpenEmbedded-Core, measured with all their processes, servers
--- that stay behind too (reap.py). Root gives them the user that owns the directory.
local core = require "moonsand.core"

local M = {}

--- A word for a shell.
---@param text string
---@return string
function M.quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local quoted = M.quoted

local function command(build, words, output, report)
  local owner = core.stat(build)
  local drop = core.uid() == 0 and ("setpriv --reuid=%d --regid=%d --clear-groups "):format(
    owner.uid, owner.gid) or ""
  return ("cd %s && BB_SERVER_TIMEOUT=0 BBSERVER= %spython3 %s %s %s >%s 2>&1"):format(
    quoted(build), drop, quoted(assert(core.realpath "bench/support/reap.py")), quoted(report),
    words, quoted(output))
end

--- Run a command; an error when it fails.
---@param build string    the directory it runs in
---@param words string    for a shell, after variables of its own: `env NAME=VALUE ...`
---@param output string   a file for what it says
---@return number seconds
---@return number processor   seconds of all its processes
---@return number memory      MiB of the largest of them
function M.measure(build, words, output)
  local report = output .. ".report"
  assert(io.open(report, "w")):close()
  assert(core.chmod(report, 0x1b6)) -- everybody writes
  os.execute(command(build, words, output, report))
  local seconds, processor, memory, code
  do
    local result <close> = assert(io.open(report))
    seconds, processor, memory, code = result:read("n", "n", "n", "n")
  end
  os.remove(report)
  assert(code == 0, words .. " failed; see " .. output)
  return seconds, processor, memory / 1024
end

return M
