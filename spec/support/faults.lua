-- Under spec/support/inject.c: every system call that sets a sandbox up fails once, and what comes
-- of it is told. `inject LOG lua5.4 spec/support/faults.lua LOG KIND ERROR...`, mark.so beside LOG.
-- A line of output: "calls", "hit", "wrong" or "left", a tab, and words for a person.
local core = require "moonsand.core"
local direct = require "spec.support.direct"
local host = require "spec.support.host"
local plans = require "spec.support.plans"

io.stdout:setvbuf("line")
local log, kind = arg[1], arg[2]
local SET_NO_NEW_PRIVS, EPERM = 38, 1

-- Calls that are not made to fail, as they do not: the reason.
local never = {
  close = "the descriptor is closed in any case (close(2), on Linux)",
  umask = "always succeeds", getpid = "always succeeds", geteuid = "always succeeds",
  getegid = "always succeeds", getuid = "always succeeds", getgid = "always succeeds",
  uname = "fails for a bad address only",
  rt_sigaction = "fails for what is no signal only",
  rt_sigprocmask = "fails for a bad address only",
}

-- Calls whose failure may go unnoticed, as the sandbox is the same without them.
local harmless = {
  newfstatat = "of an open descriptor: says only on what a mount point was made",
  open_tree_attr = "newer than Linux 6.14: two older calls do the same",
}

-- The same for those that matter elsewhere: in which steps.
local elsewhere = {
  openat = {namespaces = "which signals are ignored: all are reset when that is unknown",
    exec = "the same, and what an exec that failed has said"},
  read = {namespaces = "the same"},
  fcntl = {caller = "which flags a directory has that is read"},
  mkdir = {caller = "a directory that is there"},
}

-- Around a sandbox with control groups the caller reads what it may do without: the leftovers of
-- others, counters. What it needs to bound the program is written and made.
local readings = {openat = true, read = true, readlink = true, newfstatat = true}

-- What a kernel may say for a reason that is none to stop.
local answers = {
  [EPERM] = {prctl = "a caller who may not lock what is given up gives up all (capabilities(7))"},
}

local named = {
  "access", "capset", "chdir", "clone3", "close", "close_range", "dup2", "dup3", "execve",
  "execveat", "exit_group", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fcntl", "fsconfig",
  "fsmount", "fsopen", "fstat", "fstatfs", "getdents64", "getegid", "geteuid", "getgid",
  "getpid", "getuid", "inotify_add_watch",
  "ioctl", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lseek",
  "memfd_create", "mkdir", "mkdirat", "mknod", "mknodat", "mmap", "mount", "mount_setattr",
  "move_mount", "newfstatat", "open", "open_tree", "open_tree_attr", "openat", "openat2",
  "pidfd_open", "pidfd_send_signal", "pipe2", "pivot_root", "poll", "ppoll", "prctl", "prlimit64",
  "read", "readlink", "readlinkat", "rt_sigaction", "rt_sigprocmask", "seccomp", "setgroups",
  "sethostname", "setns", "setresgid", "setresuid", "setsid", "socket", "stat", "statx",
  "symlinkat", "umask", "umount2", "uname", "unshare", "wait4", "waitid", "write",
}

local names = {}
for _, name in ipairs(named) do
  local number = (core.syscall_number(name) or {})[core.abis()[1]]
  if number then names[number] = name end
end

local function name_of(number) return names[number] or "call " .. number end

local function say(...) io.write(table.concat({...}, "\t"), "\n") end

local mark, words = assert(package.loadlib(log:match("^.*/") .. "mark.so", "luaopen_mark"))()

--- How many processes are left; those that a signal is on its way to are waited for.
local function left(world)
  host.eventually(function() return mark(words.END) >> 1 == world.others end)
  return mark(words.END) >> 1
end

--- The calls of the run before, in their order, each with its step: its place in the plan.
local function calls(world)
  local list, count, place, cloned = {}, {}, 1
  for line in io.lines(log) do
    local role, number, first = line:match("^(%d+) (%d+) (%-?%d+)$")
    role = tonumber(role)
    local name = name_of(tonumber(number))
    local marked = role == 1 and name == "prctl" and tonumber(first) == SET_NO_NEW_PRIVS
    if marked then place = world:next_mark(place) end
    count[role] = (count[role] or 0) + 1
    list[#list + 1] = {role = role, n = count[role], name = name, step = place, cloned = cloned}
    if marked then place = place + 1 end
    cloned = cloned or name == "clone3"
  end
  return list
end

local function files(world)
  local list = {}
  for _, name in ipairs(world.dir and (world.kept or {"rw", "upper", "work"}) or {}) do
    for _, entry in ipairs(assert(core.readdir(world.dir.path .. "/" .. name))) do
      list[#list + 1] = name .. "/" .. entry
    end
  end
  table.sort(list)
  return table.concat(list, " ")
end

--- Let the next run be like the first one: the memfd of pid 1 and the pidfd are made anew.
local function forget()
  local registry = debug.getregistry()
  registry["moonsand.init"], registry["moonsand.self"] = nil, nil
  collectgarbage()
end

--- What a failure must leave as it was.
local function surroundings(world)
  forget()
  local members = {}
  for i, group in ipairs(world.groups and world.groups.made or {}) do
    members[i] = host.read(group.inner .. "/cgroup.procs")
  end
  return {
    members = table.concat(members),
    fds = host.count_fds(), mounts = host.mountinfo(), files = files(world),
    ["directory"] = core.readlink("/proc/self/cwd"), groups = host.read("/proc/self/cgroup"),
    ["groups of ours"] = host.groups(),
    privileges = host.read("/proc/self/status"):match("Uid:.*Gid:[^\n]*")
      .. host.read("/proc/self/status"):match("Sig[BI].*NoNewPrivs:[^\n]*"),
  }
end

--- One run, in which call `n` of a role fails: what the program said, or the failure; how many
--- processes were left, and the name of the call that failed.
local function run(world, role, n)
  local told
  forget()
  collectgarbage("stop") -- what it closes would move the numbers of the calls
  local ok, failure = world:start(function() mark(words.BEGIN | role << 16 | n) end,
    function() told = mark(words.END) end)
  local hit = name_of(mark(words.WHICH))
  collectgarbage("restart")
  return ok and world:finish(), failure, told & 1 == 1 and hit
end

--- The first line that differs.
local function difference(said, usual)
  local other = usual:gmatch("[^\n]*")
  for line in said:gmatch("[^\n]*") do
    local expected = other()
    if line ~= expected then return ("'%s' instead of '%s'"):format(line, expected) end
  end
  return "less is said"
end

--- Why it is all right that a run went well in which this call failed.
local function excuse(world, call, verb, errno)
  local stage = call.role == 0 and "caller" or call.role == 2 and "exec"
    or call.step == 1 and "namespaces" or verb
  if kind == "group" and call.role == 0 and readings[call.name] then return "a reading" end
  return harmless[call.name] or (world.harmless or {})[call.name]
    or (elsewhere[call.name] or {})[stage] or (answers[errno] or {})[call.name]
end

local function check(world, call, errno, usual)
  local what = ("%s, call %d of role %d in step %d, error %d"):format(call.name, call.n, call.role,
    call.step, errno)
  local function wrong(...) say("wrong", what .. ": " .. string.format(...)) end
  local before = surroundings(world)
  mark(words.ERROR | errno)
  local said, failure, hit = run(world, call.role, call.n)
  if hit ~= call.name then return wrong("it was not reached, but %s was", hit) end
  say("hit", call.name)
  local verb = world:verb_of(call, failure)
  if failure then
    if failure.verb ~= verb then
      wrong("step '%s', not '%s': %s", failure.verb, verb, failure.message)
    end
    if failure.errno ~= errno then wrong("error %s: %s", failure.errno, failure.message) end
    if left(world) ~= world.others then say("left", what .. ": a process") end
    local way_back = call.name == "fchdir" -- the failure is that the directory is another one
    if failure.left and not way_back then say("left", what .. ": " .. failure.left) end
    for key, value in pairs(surroundings(world)) do
      if before[key] ~= value then
        say("left", ("%s: %s was %s, is %s"):format(what, key, before[key], value))
      end
    end
  elseif not excuse(world, call, verb, errno) then
    wrong("nobody noticed")
  elseif said ~= usual and not answers[errno] then
    wrong("another sandbox: %s", difference(said, usual))
  end
end

plans.direct = direct.new
local world <close> = plans[kind]()
if not world then
  say("missing", "nothing of the kind can be made here")
  os.exit(0, true)
end
run(world, 0, 0)
local usual, why = run(world, 0, 0)
assert(usual, why and why.message)
local all = calls(world)
say("calls", tostring(#all), usual)
for i = 3, #arg do
  for _, call in ipairs(all) do
    -- whether the caller is dumpable, and its own limits: such questions are always answered
    local asks = call.role == 0 and (call.name == "prctl" or call.name == "prlimit64")
    local is_tried = not never[call.name] and not asks and not world:is_ours(call)
    if is_tried then check(world, call, math.tointeger(arg[i]), usual) end
  end
end
