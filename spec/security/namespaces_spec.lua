local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

local function run(options) return sandbox.new(options):run() end

local function out(options)
  local r = run(options)
  assert.is_nil(r.message)
  return r.stdout
end

local function own_namespace(name) return core.readlink("/proc/self/ns/" .. name) end

local function links(options)
  options.script = "cd /proc/self/ns; readlink cgroup ipc mnt net pid time user uts"
  local found = {}
  for link in out(options):gmatch("[^\n]+") do found[link:match("^%w+")] = link end
  return found
end

describe("a sandbox", function()
  it("has every namespace of its own but the clocks'", function()
    for name, link in pairs(links {}) do
      assert.are.equal(name == "time", link == own_namespace(name), name)
    end
  end)

  it("leaves those to the host that are named, and no other", function()
    for _, shared in ipairs {"cgroup", "ipc", "net", "pid", "uts"} do
      for name, link in pairs(links {share = {shared}}) do
        assert.are.equal(name == "time" or name == shared, link == own_namespace(name),
          ("%s with %s shared"):format(name, shared))
      end
    end
  end)

  it("never shares users and mounts, and takes no other word", function()
    local function refused(options)
      local ok, err = pcall(sandbox.new, options)
      assert.is_false(ok)
      return tostring(err)
    end
    assert.matches("'user' cannot be shared: without it there is no sandbox\n  isolation = ",
      refused {share = {"user"}})
    assert.matches("'share' has 'icp'; there are cgroup, ipc, net, pid, uts\n  did you mean "
      .. "'ipc'%?",
      refused {share = {"uts", "icp"}})
    assert.matches("'share' has \"net\", and 'network' is 'none'",
      refused {share = {"net"}, network = "none"})
    assert.matches("'hostname' would be the host's own name",
      refused {share = {"uts"}, hostname = "x"})
    assert.matches("'proc' is 'fresh'", refused {share = {"pid"}, proc = "fresh"})
    assert.matches("'share' needs namespaces", refused {share = {"ipc"}, isolation = "filters"})
  end)
end)

-- A queue's name is no path: only the namespace of interprocess communication keeps it apart.
describe("a POSIX message queue", function()
  local name = ("/moonsand-spec-%d"):format(core.getpid())
  local tools

  lazy_setup(function()
    tools = probe.new {queue = [[
#include <mqueue.h>
int main(int argc, char **argv) {
  int flags = argv[1][0] == 'c' ? O_CREAT | O_EXCL | O_RDWR : O_RDWR;
  if (argv[1][0] == 'u') return mq_unlink(argv[2]) == 0 ? 0 : errno;
  mqd_t queue = mq_open(argv[2], flags, 0666, (struct mq_attr *)0);
  return queue != (mqd_t)-1 ? 0 : errno;
}
]]}
  end)
  lazy_teardown(function()
    os.execute(("%s/queue u %s"):format(tools.dir.path, name))
    tools:close()
  end)

  local function there(verb)
    local _, _, code = os.execute(("%s/queue %s %s"):format(tools.dir.path, verb, name))
    return code
  end

  local function inside(verb, options)
    options = options or {}
    options.command = {probe.place .. "/queue", verb, name}
    return tools:run(options).exit_code
  end

  it("of the host is not there inside, and one that is made inside is not on the host", function()
    local made = there "create"
    if made == 38 then pending "this kernel has no POSIX message queues" return end
    assert.are.equal(0, made)
    assert.are.equal(2, inside "open", "ENOENT")
    assert.are.equal(0, inside "create", "the name is free inside")
    assert.are.equal(0, inside("open", {share = {"ipc"}}), "the control: the host's own namespace")
    assert.are.equal(0, there "unlink")
    assert.are.equal(0, inside "create")
    assert.are.equal(2, there "open")
  end)
end)

describe("System V memory", function()
  local key = 0x6d6f0000 + core.getpid() % 65536

  local function perl(text)
    return {command = {"perl", "-e", text, tostring(key)}}
  end

  local function look(share)
    local options = perl [[print defined(shmget($ARGV[0], 0, 0)) ? "there" : "$!"]]
    options.share = share
    return out(options)
  end

  it("of the host is not there, unless it is shared", function()
    local made <close> = host.start(perl("exit !defined(shmget($ARGV[0], 64, 01600))").command)
    core.poll {{fd = made}}
    assert.are.equal(0, made:wait().exit_code)
    local hidden, shown = look(nil), look {"ipc"}
    local gone <close> = host.start(
      perl("exit !shmctl(shmget($ARGV[0], 0, 0), 0, 0)").command) -- IPC_RMID
    core.poll {{fd = gone}}
    assert.are.equal(0, gone:wait().exit_code)
    assert.are.same({"No such file or directory", "there"}, {hidden, shown})
  end)

  it("that is made inside vanishes with the sandbox", function()
    assert.are.equal("made", out(perl
      [[print "made" if defined shmget($ARGV[0], 64, 01600)]]))
    local look_outside <close> = host.start(perl("exit defined(shmget($ARGV[0], 0, 0))").command)
    core.poll {{fd = look_outside}}
    assert.are.equal(0, look_outside:wait().exit_code)
  end)
end)

describe("a host name", function()
  it("of the sandbox's own is found by name", function()
    assert.matches("^127%.0%.0%.1 ", out {script = "getent hosts $(uname -n)",
      hostname = "luna"})
  end)
end)

describe("a host name that is shared", function()
  it("is the host's, and cannot be changed", function()
    local name = host.read("/proc/sys/kernel/hostname")
    local r = run {script = "uname -n; hostname changed", share = {"uts"}, seccomp = "none",
      cap_add = {"sys_admin"}}
    assert.are.equal(name, r.stdout)
    assert.is_false(r.ok)
    assert.are.equal(name, host.read("/proc/sys/kernel/hostname"))
  end)
end)

describe("processes that are shared", function()
  it("are seen, and nobody's /proc can be written to", function()
    local text = out {share = {"pid"}, env = {CALLER = tostring(core.getpid())}, script =
      "test -d /proc/$CALLER && echo seen\necho x >/proc/sys/kernel/domainname || true"}
    assert.are.equal("seen\n", text)
  end)

  it("can be signalled where they are the caller's, and never be looked into", function()
    local other <close> = host.start {"sleep", "60"}
    local r = run {share = {"pid"}, env = {PID = tostring(other:pid())},
      script = "cat /proc/$PID/environ || readlink /proc/$PID/cwd || kill -TERM $PID"}
    assert.is_true(r.ok)
    assert.are.equal("", r.stdout)
    core.poll {{fd = other}}
    assert.are.equal("TERM", other:wait().signal)
  end)

  it("outlive the program, which is told", function()
    local r = run {script = "sleep 60 >/dev/null 2>&1 & echo $!", share = {"pid"}}
    local pid = r.stdout:match("%d+")
    assert.is_true(core.stat("/proc/" .. pid) ~= nil)
    assert(os.execute("kill -KILL " .. pid))
    assert.are.equal("share.pid", r.not_enforced[1].option)
    assert.matches("processes that it leaves behind go on running", r.not_enforced[1].reason)
    assert.are.same({}, run({script = "true", share = {"ipc"}}).not_enforced)
  end)

  it("end with the caller all the same: the program dies with it", function()
    local text = host.lua [[
      local sandbox = require "moonsand.sandbox"
      local box = sandbox.new {script = "echo $$; exec sleep 60", share = {"pid"}}
      local running = assert(box:start())
      while not running.seen do
        running.streams.pipes[1].handle:read(1)
        running.seen = true
      end
      io.write(running.process:pid())
      io.flush()
      os.execute("kill -KILL $PPID")
    ]]
    assert.matches("^%d+$", text)
    assert.is_truthy(host.eventually(function() return not core.stat("/proc/" .. text) end))
  end)

  it("cannot be had in a sandbox that waits for programs", function()
    local ok, err = pcall(function() return sandbox.new({share = {"pid"}}):prepare() end)
    assert.is_false(ok)
    assert.matches("a prepared sandbox needs processes of its own", tostring(err))
  end)
end)

describe("a clock", function()
  local probes
  setup(function()
    probes = probe.new {clocks = [[
      #include <time.h>
      int main(void)
      {
        struct timespec monotonic, boottime;
        clock_gettime(CLOCK_MONOTONIC, &monotonic);
        clock_gettime(CLOCK_BOOTTIME, &boottime);
        printf("%ld %ld", (long)monotonic.tv_sec, (long)boottime.tv_sec);
      }]]}
  end)
  teardown(function() probes:close() end)

  local function clocks(time)
    local r = probes:run {command = {"/probe/clocks"}, time = time}
    local monotonic, boottime = r.stdout:match("^(%d+) (%d+)$")
    return tonumber(monotonic), tonumber(boottime)
  end

  it("is the host's, unless it is said to be ahead", function()
    local monotonic, boottime = clocks(nil)
    local later, long_after = clocks {monotonic = 1000000, boottime = 2000000}
    assert.is_true(later - monotonic >= 1000000 and later - monotonic < 2000000)
    assert.is_true(long_after - boottime >= 2000000 and long_after - boottime < 3000000)
  end)

  it("of its own may show the host's time", function()
    assert.are_not.equal(own_namespace "time", links({time = {}}).time)
    local before = clocks(nil)
    assert.is_true(clocks {} >= before)
  end)

  it("is boottime or monotonic, in whole seconds", function()
    local function refused(time)
      local ok, err = pcall(sandbox.new, {time = time})
      assert.is_false(ok)
      return tostring(err)
    end
    assert.matches("unknown clock 'boottme' in 'time'\n  did you mean 'boottime'%?",
      refused {boottme = 1})
    assert.matches("time.monotonic must be a whole number of seconds", refused {monotonic = 1.5})
    assert.matches("at most 4000000000", refused {monotonic = 4000000001})
  end)

  it("needs a pid 1 of ours, whose child enters it", function()
    for _, options in ipairs {{as_init = true}, {share = {"pid"}}} do
      options.time = {}
      local ok, err = pcall(sandbox.new, options)
      assert.is_false(ok)
      assert.matches("'time' needs a pid 1 of ours", tostring(err))
    end
  end)

  it("does not hide what went wrong at the program's start", function()
    local r = run {command = {"nosuch-program"}, time = {}}
    assert.are.equal("exec nosuch-program: No such file or directory", r.message)
    assert.are.equal(127, r:code())
    r = run {script = "true", cwd = "/nosuch", time = {}}
    assert.are.equal("chdir /nosuch: No such file or directory", r.message)
    assert.are.equal(3, run({script = "sleep 60 & exit 3", time = {}}).exit_code)
  end)

  it("cannot be joined by the programs of a prepared sandbox", function()
    local ok, err = pcall(function() return sandbox.new({time = {}}):prepare() end)
    assert.is_false(ok)
    assert.matches("programs cannot join the clocks", tostring(err))
  end)
end)
