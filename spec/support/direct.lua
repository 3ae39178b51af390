-- Verbs that Lua calls by themselves, in a process of its own, for the specs that let each of their
-- system calls fail.
local core = require "moonsand.core"
local host = require "spec.support.host"
local plans = require "spec.support.plans"

local M = {}

--- The verbs that Lua can call by themselves, one after the other in a process of its own.
local function direct_steps(dir)
  local steps = {
    {"fork"}, -- what is done before it is ours, and after "end"
    {"namespaces", "user", "mount", "net", "ipc", "uts", "cgroup"},
    plans.own_ids(),
    {"propagation", target = "/", mode = "private"},
    {"bind", source = dir .. "/a", target = dir .. "/rw"},
    {"tmpfs", target = dir .. "/free", size = 65536},
    {"overlay", target = dir .. "/over", lower = {dir .. "/a", dir .. "/b"}, tmpfs_upper = true},
    {"overlay", target = dir .. "/old", lower = {dir .. "/a", dir .. "/b"}, legacy = true,
      read_only = true},
    {"proc", target = dir .. "/proc", from = "bind"},
    {"sysfs", target = dir .. "/sys"},
    {"dev", target = dir .. "/dev", terminals = true},
    {"mask", paths = {dir .. "/over/one", dir .. "/b"}},
    {"protect", paths = {dir .. "/free"}},
    {"watch", paths = {dir .. "/over", dir .. "/free"}, queue = assert(core.watch_queue())},
    {"file", target = dir .. "/over/file", text = "words\n"},
    {"remount", target = dir .. "/over"},
    {"no_new_namespaces", "cgroup"},
    {"hostname", name = "faults"},
    {"loopback"},
    {"time", boottime = 1000000000},
    {"chdir", target = dir .. "/free"},
    {"umask", mode = 18},
    {"rlimit", nofile = {100, 200}, core = 0},
    {"capabilities", keep = {}},
  }
  if core.landlock_abi() then
    steps[#steps + 1] = {"landlock", write = {"/dev"}, connect = {80}, optional = true,
      abi = core.landlock_abi()}
  end
  steps[#steps + 1] = {"seccomp", rules = {{"ENOSYS", "keyctl", "add_key"}}}
  steps[#steps + 1] = {"end"}
  return plans.marked(steps)
end

local Direct = setmetatable({__close = plans.World.__close}, {__index = plans.World})
Direct.__index = Direct

Direct.harmless = {mkdirat = "what is mounted on is there"}

function Direct:verb_of(call) return self.plan[call.step][1] end

--- What the caller does is not tried, nor how the process begins and ends.
function Direct:is_ours(call)
  return call.role ~= 1 or call.step == 1 or self.plan[call.step][1] == "end"
end

--- What a verb has left behind in this process: "" or words. Nobody looks before one has failed, or
--- all have gone well: to look is made of calls, too.
local function left_by(fds, directory)
  local now = host.count_fds()
  if now ~= fds then return ("%d descriptors were %d"):format(now, fds) end
  local place = core.readlink("/proc/self/cwd")
  return place == directory and "" or "its directory is " .. place
end

--- `core.NAME` takes a step without its name.
local function arguments(step)
  local own = {table.unpack(step, 2)}
  for key, value in pairs(step) do
    if type(key) == "string" then own[key] = value end
  end
  return own
end

--- In the copy: one verb after the other. The words on the pipe are the answer.
local function call_all(steps, writer)
  local fds, directory = host.count_fds(), core.readlink("/proc/self/cwd")
  for i = 2, #steps - 1 do
    local step = steps[i]
    local ok, message, errno, details = core[step[1]](arguments(step))
    if not ok then
      writer:write(("%s\t%d\t%s\t%s"):format(details.verb, errno, message,
        left_by(fds, directory)))
      return
    end
    if step[1] == "chdir" then directory = step.target end
  end
  local left = left_by(fds, directory)
  if left ~= "" then error(left) end
  local words = {host.read("/proc/self/mountinfo"):gsub("%f[%d]%d+ %d+ %d+:%d+ ", "")
    :gsub("lowerdir=[^ \n]*", "")}
  for line in host.read("/proc/self/status"):gmatch("[^\n]+") do
    if line:find "^Cap" or line:find "^NoNew" or line:find "^Seccomp" or line:find "^Umask" then
      words[#words + 1] = line
    end
  end
  writer:write(table.concat(words, "\n"))
end

function Direct:start(begin, stop)
  local reader, writer = assert(core.pipe())
  begin()
  local process, problem = core.fork()
  if process == false then
    local ok, bug = pcall(call_all, self.plan, writer)
    if not ok then writer:write("bug\t0\t" .. tostring(bug) .. "\t") end
    os.exit(0, false)
  end
  assert(process, problem)
  writer:close()
  local text = host.drain(reader)
  reader:close()
  core.poll {{fd = process}}
  host.eventually(function() return process:wait() end)
  stop()
  local verb, errno, message, left = text:match("^(%S+)\t(%d+)\t(.*)\t(.*)$")
  if not verb then
    self.text = text
    return true
  end
  return false, {verb = verb, errno = math.tointeger(tonumber(errno)), message = message,
    left = left ~= "" and left or nil}
end

function Direct:finish() return self.text end

--- A world of the kind of those in spec/support/plans.lua.
function M.new()
  local dir = host.scratch()
  dir:file("a/one", "1")
  dir:file("b/two", "2")
  for _, name in ipairs {"rw", "free", "over", "old", "proc", "sys", "dev"} do dir:dir(name) end
  return setmetatable({dir = dir, others = 0, plan = direct_steps(dir.path), kept = {"a", "b", "rw",
    "free", "over", "old", "proc", "sys", "dev"}}, Direct)
end

return M
