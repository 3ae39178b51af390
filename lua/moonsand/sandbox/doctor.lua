--- What this host can do for sandboxes: each answer was tried, not read off a version.
local core = require "moonsand.core"
local gates = require "moonsand.sandbox.gates"
local ids = require "moonsand.sandbox.ids"

local M = {}

---@class moonsand.sandbox.Finding
---@field ok boolean
---@field what string      one line
---@field fix? string      when not ok: what to do
---@field lasts? string    and for how long it helps

local function base()
  return {
    {"namespaces", "user", "mount", "pid", "ipc", "uts", "cgroup", "net"},
    (ids.step {ids = "self"}),
    {"tmpfs", target = "/"},
    {"bind", source = "/usr", target = "/usr"},
    {"symlink", target = "/lib", text = "usr/lib"},
    {"symlink", target = "/lib64", text = "usr/lib64"},
  }
end

--- Try a plan with some more steps; nil and the reason when it cannot be carried out.
local function try(...)
  local steps = base()
  for _, step in ipairs {...} do steps[#steps + 1] = step end
  steps[#steps + 1] = {"pivot"}
  steps[#steps + 1] = {"exec", argv = {"/usr/bin/true"}}
  local process, message, errno, details = core.spawn(steps)
  if not process then return nil, message, errno, details and details.verb or "clone3" end
  process:close()
  return true
end

local function tried(what, ...)
  local ok, message, errno, verb = try(...)
  if ok then return {ok = true, what = what} end
  local gate = gates.behind(verb, errno, gates.host())
  return {ok = false, what = ("%s: %s%s"):format(what, message, gate and "; " .. gate.what or ""),
    fix = gate and gate.fix or "strace -f moonsand run -- true shows the call that is refused",
    lasts = gate and gate.lasts}
end

local function kernel()
  local gate = gates.kernel(gates.host())
  local release = (gates.host().read("/proc/sys/kernel/osrelease") or "?"):match("%S+")
  if gate then return {ok = false, what = gate.what, fix = gate.fix} end
  return {ok = true, what = "Linux " .. release}
end

local function overlay()
  return tried("overlay mounts in a user namespace", {"overlay", target = "/o",
    lower = {"/usr/bin", "/usr/lib"}, tmpfs_upper = true, options = {"userxattr"}})
end

local function ranges()
  local ok, err = pcall(ids.step, {ids = "range"})
  if not ok then
    return {ok = false, what = "a range of ids: " .. err.message, fix = err.hint,
      lasts = "for good"}
  end
  if core.uid() ~= 0 and not core.stat("/usr/bin/newuidmap") then
    return {ok = false, what = "a range of ids: newuidmap is not installed",
      fix = "as root: apt-get install uidmap", lasts = "for good"}
  end
  return {ok = true, what = "a range of ids (ids = \"range\")"}
end

--- Look at everything.
---@return moonsand.sandbox.Finding[]
function M.check()
  return {
    kernel(),
    tried("user, mount, pid, ipc, uts, cgroup and net namespaces"),
    tried("a fresh /proc", {"proc", target = "/proc"}),
    tried("a /dev of its own", {"dev", target = "/dev"}),
    overlay(),
    ranges(),
  }
end

--- The same text for a run that failed: what is closed, and what opens it.
---@param result moonsand.sandbox.Result
---@return string[] lines   empty when nothing is known
function M.explain(result)
  if result.outcome ~= "setup_failed" or not result.errno then return {} end
  local gate = gates.behind(result.verb or "clone3", result.errno, gates.host())
  if not gate then return {} end
  local lines = {gate.what, "to open it: " .. gate.fix}
  if gate.lasts then lines[3] = "this holds " .. gate.lasts end
  return lines
end

return M
