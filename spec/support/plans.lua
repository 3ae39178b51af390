-- Plans in which every verb occurs, for the specs that let each of their system calls fail.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local groups = require "moonsand.sandbox.groups"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local M = {}

-- What the program tells about the world that it was started in; the same words in the same world.
local program = [=[
echo "$(pwd) $A"
while read -r id parent device root place options rest; do
  rest=${rest#*- }
  case $rest in overlay*) rest=overlay ;; esac # the rest of it are numbers of descriptors
  echo "$place $options $rest"
done </proc/self/mountinfo
while read -r line; do
  case $line in Cap*|NoNewPrivs*|Seccomp*|Uid*|Gid*|Groups*|Umask*|Sig[BI]*) echo "$line" ;; esac
done </proc/self/status
while read -r line; do echo "$line"; done </proc/self/limits
for fd in /proc/self/fd/*; do echo "${fd##*/}"; done
read -r line </proc/sys/kernel/hostname; echo "$line"
while read -r line; do echo "$line"; done </proc/net/fib_trie
read -r line </proc/uptime; [ "${line%%.*}" -ge 1000000000 ] && echo later
[ -d /made ] && [ -h /link ] && read -r line </file && echo "$line"
for place in /free /rw /over /; do
  { echo x >"$place/written"; } 2>/dev/null && echo "$place is writable"
done
for name in /rw/* /over/* /made/*; do echo "$name"; done
exit 0
]=]

--- Marks in the log of system calls: before each step one "no_new_privileges", which changes
--- nothing that a step needs.
local function marked(steps)
  local out = {}
  for i, step in ipairs(steps) do
    if i > 1 then out[#out + 1] = {"no_new_privileges"} end
    out[#out + 1] = step
  end
  return out
end

local function root_steps(ids)
  local steps = {
    {"namespaces", "user", "mount", "pid", "net", "ipc", "uts", "cgroup"},
    ids,
    {"no_new_namespaces", "cgroup"},
    {"propagation", target = "/", mode = "private"},
    {"tmpfs", target = "/", mode = 493},
    {"bind", source = "/usr", target = "/usr"},
  }
  for _, name in ipairs {"bin", "lib", "lib64"} do
    steps[#steps + 1] = {"symlink", target = "/" .. name, text = "usr/" .. name}
  end
  return steps
end

local function own_ids()
  local uid, gid = core.uid(), core.gid()
  return {"ids", uid = {{0, uid, 1}}, gid = {{0, gid, 1}}}
end

local function add(steps, more)
  return table.move(more, 1, #more, #steps + 1, steps)
end

local function every_mount(dir, queue)
  return {
    {"bind", source = dir .. "/rw", target = "/rw", read_only = false},
    {"bind", source = dir .. "/none", target = "/none", optional = true},
    {"overlay", target = "/over", lower = {dir .. "/a", dir .. "/b"}, upper = dir .. "/upper",
      work = dir .. "/work", options = {"userxattr", "xino=off"}},
    {"overlay", target = "/deep/er/over", lower = {dir .. "/a"}, tmpfs_upper = true, size = 65536},
    {"overlay", target = "/old", lower = {dir .. "/a", dir .. "/b"}, legacy = true,
      read_only = true},
    {"proc", target = "/proc"},
    {"proc", target = "/callers", from = "bind"},
    {"mask", paths = {"/proc/timer_list", "/proc/acpi"}, optional = true},
    {"protect", paths = {"/proc/sys", "/proc/bus"}, optional = true},
    {"sysfs", target = "/sys"},
    {"dev", target = "/dev", terminals = true},
    {"tmpfs", target = "/free", size = 65536},
    {"mkdir", target = "/made/deep", mode = 448},
    {"symlink", target = "/link", text = "file"},
    {"symlink", target = "/link", text = "file"},
    {"file", target = "/file", text = "words\n"},
    {"remount", target = "/"},
    {"hostname", name = "faults"},
    {"loopback"},
    {"time", boottime = 1000000000},
    {"pivot"},
    {"watch", paths = {"/over", "/deep/er"}, queue = queue},
  }
end

local function every_bound()
  local abi = core.landlock_abi()
  local steps = {
    {"chdir", target = "/free"},
    {"umask", mode = 18},
    {"no_new_privileges"},
    {"capabilities", keep = {}},
    {"rlimit", nofile = {100, 200}, core = 0},
    {"seccomp", rules = {{"ENOSYS", "keyctl", "add_key"}}},
    {"seccomp", rules = {{"EPERM", "ptrace", "seccomp"}}},
  }
  if abi then
    table.insert(steps, 5, {"landlock", read = {"/"}, execute = {"/"}, write = {"/dev", "/rw"},
      connect = {80}, scope = {"signal"}, optional = true, abi = abi})
  end
  return steps
end

local function last(writer, null, options)
  local exec = {"exec", argv = {"sh", "-c", program}, env = {A = "b"}, path = "/nowhere:/usr/bin"}
  for key, value in pairs(options or {}) do exec[key] = value end
  return {
    {"fds", map = {[0] = null, [1] = writer, [2] = writer, [writer:number()] = null}}, exec,
  }
end

-- Calls that belong to a step but are made when the program is about to start.
local late = {prlimit64 = "rlimit", seccomp = "seccomp", dup2 = "fds", dup3 = "fds", fcntl = "fds"}

local World = {}
World.__index = World
function World:__close()
  if self.dir then self.dir:__close() end
  if self.holder then self.holder:close() end
  if self.groups then self.groups:close() end
end

--- Calls that are made for the specs, not by what they try.
function World.is_ours() return false end

--- Which verb a failure of this call must name; nil: none, it is the caller's own.
function World:verb_of(call)
  if call.role == 0 then return call.cloned and "ids" or nil end
  local verb = call.role == 1 and self.plan[call.step][1] or "exec"
  local becomes_program = call.role == 2 or not self.init
  return verb == "exec" and becomes_program and late[call.name] or verb
end

--- The place of the next mark, from a place on.
function World:next_mark(place)
  while self.plan[place][1] ~= "no_new_privileges" do place = place + 1 end
  return place
end

--- Start the program; `begin` and `stop` are called right before and after.
function World:start(begin, stop)
  local reader, writer = assert(core.pipe())
  local null <close> = assert(core.open("/dev/null", "r+"))
  self.plan = marked(self.make(writer, null))
  begin()
  local process, message, errno, details = core.spawn(self.plan)
  stop()
  writer:close()
  if process then
    self.process, self.reader = process, reader
    return true
  end
  reader:close()
  details = details or {}
  if details.step then assert(self.plan[details.step][1] == details.verb, message) end
  return false, {message = message, errno = errno, verb = details.verb}
end

--- Wait for the program; what it said.
function World:finish()
  local process <close> = self.process
  local reader <close> = self.reader
  if self.plan[#self.plan][1] == "hold" then return "held" end
  local text = host.drain(reader)
  core.poll {{fd = process}}
  -- a process that is traced can be waited for when its tracer has done so
  local ended = host.eventually(function() return process:wait() end)
  return ("%sexit %s signal %s\n"):format(text, ended.exit_code, ended.signal)
end

local function world(make, more)
  local self = setmetatable(more or {}, World)
  self.make, self.init, self.others = make, self.init ~= false, self.others or 0
  return self
end

--- Every step there is, but for ids in ranges, hold and join.
function M.everything()
  local dir = host.scratch()
  dir:file("a/one", "1")
  dir:file("b/two", "2")
  for _, name in ipairs {"rw", "upper", "work"} do dir:dir(name) end
  local queue
  return world(function(writer, null)
    if queue then queue:close() end
    queue = assert(core.watch_queue())
    local steps = root_steps(own_ids())
    add(steps, every_mount(dir.path, queue))
    add(steps, every_bound())
    return add(steps, last(writer, null))
  end, {dir = dir})
end

local function small(ids)
  local steps = root_steps(ids)
  return add(steps, {{"proc", target = "/proc"}, {"tmpfs", target = "/free"}, {"pivot"}})
end

--- Ids in ranges, which the caller writes while the child waits.
function M.ranges()
  local ids = {"ids", uid = {{0, 0, 1000}, {1000, 1000, 1}}, gid = {{0, 0, 1001}}}
  return world(function(writer, null) return add(small(ids), last(writer, null)) end)
end

--- A sandbox without a program.
function M.hold()
  return world(function() return add(small(own_ids()), {{"no_new_privileges"}, {"hold"}}) end)
end

--- A program in such a sandbox.
function M.join()
  local holder = assert(core.spawn(add(small(own_ids()), {{"hold"}})))
  return world(function(writer, null)
    local steps = {{"namespaces", join = holder}}
    add(steps, every_bound())
    return add(steps, last(writer, null))
  end, {holder = holder, others = 1})
end

--- A program without namespaces and without our pid 1.
function M.bare()
  return world(function(writer, null)
    local steps = {{"umask", mode = 18}}
    add(steps, every_bound())
    steps[2] = {"chdir", target = "/"}
    return add(steps, last(writer, null, {init = false}))
  end, {init = false})
end

--- A program in control groups, those of version 1 among them; nil where none can be made.
function M.grouped()
  local made = groups.make {memory = {value = 256 << 20}, pids = {value = 100}}
  if not made then return nil end
  return world(function(writer, null)
    local steps = small(own_ids())
    table.insert(steps, 2, {"cgroup", "memory=256M", into = made.into, join = made.join})
    return add(steps, last(writer, null))
  end, {groups = made})
end

M.World, M.marked, M.own_ids = World, marked, own_ids

local Box = setmetatable({__close = World.__close}, {__index = World})
Box.__index = Box

--- Only that it names a step at all.
function Box.verb_of(_, _, failure) return failure and failure.verb end

function Box.next_mark(_, place) return place end

function Box:start(begin, stop)
  begin()
  local ok, running, failure = pcall(self.box.start, self.box)
  stop()
  self.running = ok and running
  if self.running then return true end
  if ok then return false, failure end
  if not fault.is(running) then running = {message = "no fault: " .. tostring(running)} end
  return false, {message = running.message, errno = running.errno}
end

function Box:finish()
  local result = self.running:wait()
  return result.stdout .. result.stderr .. tostring(result)
end

--- A whole sandbox from options: what the library does around a plan fails, too.
function M.box()
  local dir = host.scratch()
  dir:file("a/one", "1")
  dir:file("b/two", "2")
  for _, name in ipairs {"rw", "upper", "work"} do dir:dir(name) end
  local box = sandbox.new {
    script = program, env = {A = "b"}, stdin = "null", limits = {files = 100},
    overlays = {{target = "/over", lower = {dir.path .. "/a", dir.path .. "/b"},
      upper = dir.path .. "/upper"}},
    binds = {{source = dir.path .. "/rw", target = "/rw", read_only = false}},
    files = {{target = "/file", text = "words\n"}},
  }
  return setmetatable({box = box, dir = dir, others = 0}, Box)
end

--- The same with control groups around the program.
function M.group()
  local box = sandbox.new {script = program, env = {A = "b"}, stdin = "null",
    limits = {pids = 50}}
  return setmetatable({box = box, others = 0}, Box)
end

return M
