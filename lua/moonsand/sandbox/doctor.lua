--- What this host can do for sandboxes: each answer was tried, not read off a version.
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local filter = require "moonsand.sandbox.filter"
local gates = require "moonsand.sandbox.gates"
local hint = require "moonsand.sandbox.hint"
local ids = require "moonsand.sandbox.ids"
local landlock = require "moonsand.sandbox.landlock"
local leftovers = require "moonsand.sandbox.leftovers"
local scope = require "moonsand.scope"

local M = {}

---@class moonsand.sandbox.Finding
---@field name string      "user-namespaces", ...
---@field ok boolean
---@field needed boolean   without it there is no sandbox as it is by default
---@field what string      one line
---@field cost? string     when not ok: what cannot be done
---@field fix? string      what to do
---@field lasts? string    and for how long it helps

local function base(own)
  return {
    {"namespaces", "user", "mount", "pid", "ipc", "uts", "net"},
    own or (ids.step {ids = "self"}),
    {"tmpfs", target = "/"},
    {"bind", source = "/usr", target = "/usr"},
    {"symlink", target = "/lib", text = "usr/lib"},
    {"symlink", target = "/lib64", text = "usr/lib64"},
  }
end

--- Try a plan with some more steps; nil and the reason when it cannot be carried out.
local function try(own, steps)
  local plan = base(own)
  for _, step in ipairs(steps) do plan[#plan + 1] = step end
  plan[#plan + 1] = {"pivot"}
  plan[#plan + 1] = {"exec", argv = {"/usr/bin/true"}}
  local process, message, errno, details = core.spawn(plan)
  if not process then return nil, message, errno, details or {verb = "clone3"} end
  process:close()
  return true
end

local function refused(what, message, errno, details)
  local gate, advice = gates.behind(details.verb or "clone3", errno, gates.host()),
    ids.hint(details)
  if advice then return {ok = false, what = ("%s: %s"):format(what, message), fix = advice} end
  return {ok = false, what = ("%s: %s%s"):format(what, message, gate and "; " .. gate.what or ""),
    fix = gate and gate.fix or "strace -f moonsand run -- true shows the call that is refused",
    lasts = gate and gate.lasts}
end

local function tried(what, ...)
  local ok, message, errno, details = try(nil, {...})
  return ok and {ok = true, what = what} or refused(what, message, errno, details)
end

local function kernel()
  local gate = gates.kernel(gates.host())
  local release = (gates.host().read("/proc/sys/kernel/osrelease") or "?"):match("%S+")
  if gate then return {ok = false, what = gate.what, fix = gate.fix} end
  return {ok = true, what = "Linux " .. release}
end

local function namespaces()
  return tried("user, mount, pid, ipc, uts, cgroup and net namespaces")
end

local function proc() return tried("a fresh /proc", {"proc", target = "/proc"}) end

local function dev() return tried("a /dev of its own", {"dev", target = "/dev"}) end

local function seccomp() return tried("system call filters (seccomp)", filter.step {}) end

-- Is its observer told of the call that executes the program, and heard when it says "go on"?
local function observed(what)
  local observer <close>, socket, memory = core.observer {"/"}
  if not observer then
    return {ok = false, what = ("%s: %s"):format(what, socket), fix = "end other programs"}
  end
  local undo <close> = scope.new()
  undo:defer(function() memory:close() end)
  undo:defer(function() socket:close() end)
  local ok, message, errno, details = try(nil, {{"no_new_privileges"}, {"observe", to = socket}})
  if ok then return {ok = true, what = what} end
  local finding = refused(what, message, errno, details)
  if details.verb == "observe" then
    finding.fix = select(2, hint.of({[details.step] = {"observe"}}, errno, details)) or finding.fix
  end
  return finding
end

local function observing() return observed "observing programs (seccomp user notification)" end

local function overlay()
  return tried("overlay mounts in a user namespace", {"overlay", target = "/o",
    lower = {"/usr/bin", "/usr/lib"}, tmpfs_upper = true, options = {"userxattr"}})
end

local LAYERS <const> = 500 -- what the kernel takes, old or new (core/overlay.c)

local function layers()
  local what = ("an overlay of %d layers"):format(LAYERS)
  local dir, message = core.mkdtemp("/tmp/moonsand-doctor.")
  if not dir then return {ok = false, what = what .. ": " .. message, fix = "make room in /tmp"} end
  local lower = {}
  for i = 1, LAYERS do
    lower[i] = ("%s/%d"):format(dir, i)
    assert(core.mkdir(lower[i]))
  end
  local finding = tried(what, {"overlay", target = "/o", lower = lower, tmpfs_upper = true,
    options = {"userxattr"}})
  core.remove_tree(dir)
  if not finding.ok then -- before Linux 6.7 each layer is an open directory
    finding.fix, finding.lasts = "ulimit -n 1024", "for this shell"
  end
  return finding
end

local function ranges()
  local what = "a range of ids (ids = \"range\")"
  local ok, own = pcall(ids.step, {ids = "range"})
  if not ok then
    if type(own) ~= "table" then error(own, 0) end
    local place = own.where and own.where .. ": " or ""
    return {ok = false, what = ("%s: %s%s"):format(what, place, own.message), fix = own.hint,
      lasts = "for good"}
  end
  local done, message, errno, details = try(own, {})
  if done then return {ok = true, what = what} end
  local finding = refused(what, message, errno, details)
  finding.lasts = finding.lasts or "for good"
  return finding
end

local function landlock_abi()
  local abi = landlock.abi()
  local unmet = landlock.unmet({read = {}, execute = {}, write = {}, refer = {}, truncate = {},
    bind = {}, connect = {}, ioctl = {}, scope = {}}, abi)
  if #unmet == 0 then return {ok = true, what = ("Landlock, ABI %d"):format(abi)} end
  local reasons, seen, last = {}, {}, unmet[#unmet]
  for _, one in ipairs(unmet) do
    if not seen[one.reason] then reasons[#reasons + 1] = one.reason end
    seen[one.reason] = true
  end
  local lsm = gates.host().read("/sys/kernel/security/lsm")
  local off = abi == 0 and lsm and not lsm:find("landlock", 1, true)
  return {ok = false, what = "Landlock: " .. table.concat(reasons, "; "),
    fix = off and ("boot with lsm=landlock,%s"):format(lsm:match("[^\n]*"))
      or "boot a newer kernel: " .. last.hint,
    lasts = off and "for good, in the boot loader's configuration" or nil}
end

--- Can groups be made where a limit needs them? One is made, and removed.
local function group(limit, layout, world)
  local place, why = cgroup.place(layout, limit, world)
  if not place then return why end
  local dir = ("%s/moonsand-doctor-%d"):format(place.dir, core.getpid())
  local ok, message, errno = core.mkdir(dir)
  if not ok then return cgroup.refused(place.dir, place.version, message, errno, world) end
  core.rmdir(dir)
end

local function limits()
  local world = cgroup.world()
  local layout = cgroup.host(world)
  local can, cannot, first = {}, {}, nil
  for _, limit in ipairs {"memory", "pids", "cpu", "io"} do
    local why = group(limit, layout, world)
    first = first or why
    table.insert(why and cannot or can, limit)
  end
  local what = "limits by control groups"
  if not first then
    return {ok = true, what = ("%s: %s"):format(what, table.concat(can, " "))}
  end
  return {ok = false, what = ("%s: none of %s: %s"):format(what, table.concat(cannot, " "),
    first.what), fix = first.fix}
end

--- Where a program is in a list of directories.
local function found(name, path)
  for dir in path:gmatch("[^:]+") do
    local st = core.stat(dir .. "/" .. name, "follow")
    if st and st.type == "file" and st.mode & 73 ~= 0 then return dir .. "/" .. name end -- 0111
  end
end

local function pasta(path)
  local place = found("pasta", path)
  if place then return {ok = true, what = "user-mode network: " .. place} end
  return {ok = false, what = "user-mode network: 'pasta' is not in PATH",
    fix = "as root: apt-get install passt", lasts = "for good"}
end

local function nothing_left()
  local list = leftovers.find()
  if #list == 0 then return {ok = true, what = "no leftovers of killed callers"} end
  local names = {}
  for i = 1, math.min(3, #list) do names[i] = list[i].path end
  return {ok = false, what = ("%d leftovers of killed callers: %s%s"):format(#list,
    table.concat(names, " "), #list > 3 and " ..." or ""), fix = "moonsand doctor --fix",
    lasts = "until the next caller is killed"}
end

local none = "no sandbox but with isolation = \"filters\", which holds less"

--- name, cost, look, needed for a sandbox as it is by default
local checks = {
  {"kernel", "nothing is promised there", kernel, true},
  {"user-namespaces", none, namespaces, true},
  {"proc", "proc = \"bind\" shows the caller's, with all processes of the host", proc, true},
  {"dev", "no sandbox has /dev/null", dev, true},
  {"seccomp", "seccomp = \"none\" only: every system call is open", seccomp, true},
  {"observe", "'observe' (--observe) and build --audit=full fail; --audit works", observing},
  {"overlay", "no overlays: 'lower', builds on layers", overlay},
  {"layers", "overlays of fewer layers than 500", layers},
  {"id-ranges", "one id inside: 'chown' to others fails, or chown = \"ignore\"", ranges},
  {"landlock", "sets of 'landlock' that need it fail without best_effort", landlock_abi},
  {"limits", "those limits fail, or best_effort runs without them", limits},
  {"user-network", "network = \"user\" fails; there is \"none\", and \"host\"", pasta},
  {"leftovers", "room, and names in lists", nothing_left},
}

local function looked(check, path)
  local finding = check[3](path or defaults.path)
  finding.name, finding.needed = check[1], check[4] == true
  if not finding.ok then finding.cost = check[2] end
  return finding
end

--- Look at one thing.
---@param name string     of a finding
---@param path? string   where programs are looked for, as PATH
---@return moonsand.sandbox.Finding
function M.look(name, path)
  for _, check in ipairs(checks) do
    if check[1] == name then return looked(check, path) end
  end
  error(("there is nothing called '%s' to look at"):format(name), 2)
end

--- Look at everything.
---@param path? string   where programs are looked for, as PATH
---@return moonsand.sandbox.Finding[]
function M.check(path)
  local findings = {}
  for i, check in ipairs(checks) do findings[i] = looked(check, path) end
  return findings
end

--- Remove what killed callers left behind.
---@return string[] removed   paths
---@return string[] stuck     what could not be removed, and why
function M.fix()
  return leftovers.remove()
end

--- The same text for a run that failed: what is closed, and what opens it.
---@param result moonsand.sandbox.Result
---@return string[] lines   empty when nothing is known
function M.explain(result)
  local gate = result.gate
  if not gate then return {} end
  local lines = {gate.what, "to open it: " .. gate.fix}
  if gate.lasts then lines[3] = "this holds " .. gate.lasts end
  return lines
end

return M
