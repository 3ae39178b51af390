-- What the specs of core and sandbox need of the machine they run on.
local core = require "moonsand.core"

local M = {}

local Scratch = {}
Scratch.__index = Scratch

--- A directory of one's own: `local dir <close> = host.scratch()`.
function M.scratch()
  return setmetatable({path = assert(core.mkdtemp("/tmp/moonsand-spec."))}, Scratch)
end

--- Make a file, and the directories above it; returns its path.
function Scratch:file(name, text)
  local path = self.path .. "/" .. name
  assert(core.mkdirs(path:match("^(.*)/")))
  local file = assert(io.open(path, "w"))
  file:write(text or "")
  file:close()
  return path
end

function Scratch:dir(name)
  local path = self.path .. "/" .. name
  assert(core.mkdirs(path))
  return path
end

function Scratch:read(name)
  return M.read(self.path .. "/" .. name)
end

function Scratch:close()
  assert(core.remove_tree(self.path))
end
Scratch.__close = Scratch.close

function M.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

function M.uid() return core.uid() end

function M.is_root() return core.uid() == 0 end

--- How many file descriptors this process has.
function M.count_fds()
  return #assert(core.readdir("/proc/self/fd"))
end

--- Is this kernel older than a version?
function M.kernel_before(major, minor)
  local have_major, have_minor = M.read("/proc/sys/kernel/osrelease"):match("^(%d+)%.(%d+)")
  return tonumber(have_major) * 1000 + tonumber(have_minor) < major * 1000 + minor
end

function M.mountinfo() return M.read("/proc/self/mountinfo") end

--- Pids of the processes whose command line holds a text.
function M.processes(marker)
  local found = {}
  for _, pid in ipairs(assert(core.readdir("/proc"))) do
    if pid:find("^%d+$") then
      local line = M.read("/proc/" .. pid .. "/cmdline")
      if line and line:find(marker, 1, true) then found[#found + 1] = tonumber(pid) end
    end
  end
  return found
end

--- Wait until a condition holds; the answer of the last try.
function M.eventually(condition, seconds)
  local deadline = core.clock() + (seconds or 10)
  repeat
    local value = condition()
    if value then return value end
    core.poll({}, 0.02)
  until core.clock() > deadline
  return condition()
end

--- The environment in which a Lua of ours finds what this one finds.
function M.environment(more)
  local env = {
    LUA_PATH = package.path, LUA_CPATH = package.cpath, PATH = os.getenv("PATH"),
    HOME = "/tmp", LD_PRELOAD = os.getenv("LD_PRELOAD"), ASAN_OPTIONS = os.getenv("ASAN_OPTIONS"),
  }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

--- Start a program on this host, without any sandbox; close or wait for it as for any process.
function M.start(argv, fds, env)
  return assert(core.spawn {
    {"fds", map = fds or {[0] = 0, [1] = 1, [2] = 2}},
    {"exec", argv = argv, env = M.environment(env), path = os.getenv("PATH"), init = false},
  })
end

--- Run Lua text in a process of its own; its standard output, and how it ended.
function M.lua(text, env)
  local reader <close>, writer = assert(core.pipe())
  local process <close> = M.start({"lua5.4", "-e", text}, {[0] = 0, [1] = writer, [2] = 2}, env)
  writer:close()
  local parts = {}
  repeat
    local bytes = assert(reader:read())
    parts[#parts + 1] = bytes
  until bytes == ""
  core.poll {{fd = process}}
  return table.concat(parts), process:wait()
end

--- Collect what a process writes until it closes its end.
function M.drain(reader)
  local parts = {}
  repeat
    local bytes = assert(reader:read())
    parts[#parts + 1] = bytes
  until bytes == ""
  return table.concat(parts)
end

--- Why `isolation = "filters"` is refused on this kernel; nil: it is not.
function M.no_filters()
  local abi = core.landlock_abi() or 0
  return abi < 3 and ("this kernel has Landlock ABI %d, filters need 3"):format(abi) or nil
end

--- Control groups of this process that are still there.
function M.groups()
  local list, mine = {}, ("moonsand-%d-"):format(core.getpid())
  for place, kind in M.mountinfo():gmatch("(/sys/fs/cgroup%S*) [^\n]- %- (cgroup2?) ") do
    for path in M.read("/proc/self/cgroup"):gmatch("%d+:[^:]*:([^\n]*)") do
      for _, name in ipairs(core.readdir(place .. path) or {}) do
        if name:sub(1, #mine) == mine then list[#list + 1] = kind .. " " .. path .. "/" .. name end
      end
    end
  end
  return table.concat(list, "\n")
end

return M
