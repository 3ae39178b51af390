-- Every system call between the decision to make a sandbox and the first instruction of its
-- program fails once, in turn (spec/support/inject.c, faults.lua). The calls are those of a clean
-- run, not a list of ours.
local core = require "moonsand.core"
local direct = require "spec.support.direct"
local host = require "spec.support.host"
local plans = require "spec.support.plans"
local sandbox = require "moonsand.sandbox"

local ENOTRECOVERABLE = 131 -- an answer that nothing here has a meaning for
local EPERM = 1

local bounded = {command = {"/bin/true"}, limits = {pids = 50}}

local dir

--- {calls =, hit = {name = times}, wrong = {...}, left = {...}}
local function try(kind, errno)
  local log = ("%s/%s.log"):format(dir.path, kind)
  local reader <close>, writer = assert(core.pipe())
  local process <close> = host.start({dir.path .. "/inject", log, "lua5.4",
    "spec/support/faults.lua", log, kind, tostring(errno)}, {[0] = 0, [1] = writer, [2] = 2})
  writer:close()
  local report = {hit = {}, wrong = {}, left = {}, hits = 0}
  for line in host.drain(reader):gmatch("[^\n]+") do
    local what, words = line:match("^(%l+)\t(.*)$")
    if what == "hit" then
      report.hit[words] = (report.hit[words] or 0) + 1
      report.hits = report.hits + 1
    elseif what == "missing" then
      report.missing = words
    elseif what == "wrong" or what == "left" then
      table.insert(report[what], words)
    end
  end
  core.poll {{fd = process}}
  assert(process:wait().exit_code == 0, "the runs did not come to their end: " .. kind)
  return report
end

setup(function()
  dir = host.scratch()
  local compile = "cc -O1 -w %s -o %s/%s spec/support/%s.c"
  assert(os.execute(compile:format("", dir.path, "inject", "inject")))
  assert(os.execute(compile:format("-shared -fPIC", dir.path, "mark.so", "mark")))
end)

teardown(function() dir:__close() end)

-- What is tried, the calls that cannot but be among those hit, and at least how many there are.
local tries = {
  everything = {"a plan with every step", 200, "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fstatfs", "mkdirat", "mknodat", "symlinkat", "pivot_root", "umount2", "sethostname",
    "unshare", "capset", "prlimit64", "seccomp", "dup2", "execve", "execveat",
    "clone3", "close_range", "pipe2", "memfd_create", "mount"},
  hold = {"a sandbox that waits for programs", 40, "execveat", "pivot_root"},
  join = {"a program that joins such a sandbox", 50, "setns", "execve", "execveat"},
  bare = {"a program without namespaces and without our pid 1", 40, "poll", "seccomp", "execve"},
  ranges = {"a plan with ranges of ids", 40, "setresuid", "setgroups", "write", "read"},
  grouped = {"a program in control groups", 50, "write", "clone3", "unshare", "execve"},
  direct = {"a verb by itself, in a process of its own", 120, "unshare", "open_tree",
    "move_mount", "fsopen", "fsconfig", "mount", "mount_setattr", "sethostname", "capset",
    "prlimit64", "seccomp", "fchdir"},
  box = {"a sandbox from options", 150, "pipe2", "clone3", "execve"},
  group = {"a sandbox in control groups", 150, "mkdir", "write", "clone3"},
}

local function describe_failures(kind, errno, name)
  local what, least = tries[kind][1], tries[kind][2]
  local report

  local function run()
    if kind == "ranges" and not host.is_root() then
      pending("newuidmap has no privileges when it is traced")
      return nil
    end
    local refused = kind == "group" and sandbox.new(bounded):run().message
    if refused then
      pending(refused)
      return nil
    end
    report = report or try(kind, errno)
    if report.missing then pending(report.missing) end
    return not report.missing and report
  end

  it(("%s: %s stops at the call, names its step, and the kernel's error"):format(name, what),
    function()
      if not run() then return end
      assert.are.same({}, report.wrong)
      assert.is_true(report.hits >= least, report.hits .. " calls were tried")
      for i = 3, #tries[kind] do assert.is_number(report.hit[tries[kind][i]], tries[kind][i]) end
    end)

  it(("%s: %s leaves no process, mount, descriptor or file"):format(name, what), function()
    if not run() then return end
    assert.are.same({}, report.left)
  end)
end

describe("when a system call of the setup fails,", function()
  for _, kind in ipairs {"everything", "hold", "join", "bare", "ranges", "grouped", "direct",
    "box", "group"} do
    describe_failures(kind, ENOTRECOVERABLE, "for no known reason")
  end
  describe_failures("everything", EPERM, "as it is not permitted")
end)

describe("the plans whose calls are made to fail", function()
  it("call every verb by itself that Lua can call so", function()
    local world <close> = direct.new()
    local there = {}
    for _, step in ipairs(world.plan) do there[step[1]] = true end
    for verb in pairs(core.verbs()) do
      local is_direct = type(core[verb]) == "function" and verb ~= "mkdir" and verb ~= "symlink"
      if is_direct then assert.is_true(there[verb], verb) end
    end
  end)

  it("have every verb among them", function()
    local there = {}
    for _, kind in ipairs {"everything", "hold", "join"} do
      local world <close> = plans[kind]()
      local steps = world.make(setmetatable({number = function() return 3 end}, {}), 0)
      for _, step in ipairs(steps) do there[step[1]] = true end
    end
    there.cgroup = true -- in the plan "grouped", which there is where groups can be made
    there.observe = true -- who answers would be made to fail as well: spec/sandbox/observe_spec.lua
    for verb in pairs(core.verbs()) do assert.is_true(there[verb], verb) end
  end)
end)
