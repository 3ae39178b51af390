local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function run(options)
  if type(options) == "string" then options = {script = options} end
  return sandbox.new(options):run()
end

local function out(options)
  local r = run(options)
  assert.is_nil(r.message)
  return r.stdout
end

describe("what is inside of a sandbox", function()
  it("sees its own processes only", function()
    local pids = {}
    for pid in out("cd /proc; ls -d [0-9]*"):gmatch("%d+") do pids[#pids + 1] = tonumber(pid) end
    assert.is_true(#pids <= 3) -- pid 1, the shell, ls
    for _, pid in ipairs(pids) do assert.is_true(pid < 10) end
  end)

  it("cannot signal a process of the host", function()
    local r = run(("kill -0 %d"):format(core.getpid()))
    assert.matches("No such process", r.stderr)
  end)

  it("sees nothing of the host's homes, /run and /tmp", function()
    local dir <close> = host.scratch()
    dir:file("secret", "x")
    assert.are.equal("gone\n", out(("test -e %s || echo gone"):format(dir.path)))
    assert.are.equal("bin dev etc lib lib64 proc sbin tmp usr ",
      (out("ls / | tr '\\n' ' '"):gsub("libx?32 ", ""):gsub("lib32 ", "")))
    assert.are.equal("", out("ls -A /tmp"))
  end)

  it("has no way back to the old root", function()
    assert.are.equal("same\n", out [[
      cd /../../..; test "$(ls)" = "$(ls /)" && echo same
      ls /proc/1/root/work 2>/dev/null || true]])
    assert.is_nil(out("cat /proc/self/mountinfo"):find("/oldroot", 1, true))
  end)

  it("cannot look into pid 1, which has nothing of the caller", function()
    local r = run "cat /proc/1/environ; ls -l /proc/1/fd; readlink /proc/1/exe; true"
    assert.is_nil(r.stdout:find("=", 1, true))
    assert.is_nil(r.stdout:find("/", 1, true))
  end)

  it("cannot write to the program of pid 1 (CVE-2019-5736)", function()
    local r = run {script = "echo x >/proc/1/exe", ids = "root"}
    assert.is_false(r.ok)
    assert.matches("cannot create /proc/1/exe", r.stderr)
    assert.is_true(run("true").ok)
  end)

  it("has only a loopback, and it is up", function()
    local text = out "cat /proc/net/dev"
    local count = select(2, text:gsub(":", ""))
    assert.are.equal(1, count)
    local r = run "exec 3<>/dev/tcp/127.0.0.1/1"
    assert.is_false(r.ok)
    r = run {command = {"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/1"}}
    assert.matches("Connection refused", r.stderr)
    r = run {command = {"bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80"}}
    assert.matches("Network is unreachable", r.stderr)
  end)

  it("shares the host's network only when it is asked to", function()
    local function count(text) return select(2, text:gsub(":", "")) end
    assert.are.equal(count(host.read("/proc/net/dev")),
      count(out {script = "cat /proc/net/dev", network = "host"}))
  end)

  it("has a host name of its own", function()
    local before = host.read("/proc/sys/kernel/hostname")
    assert.are.equal("moonsand\n", out "uname -n")
    assert.are.equal(before, host.read("/proc/sys/kernel/hostname"))
  end)

  it("sees the root of its control groups", function()
    for path in out("cat /proc/self/cgroup"):gmatch("%d+:[^:]*:([^\n]*)") do
      assert.are.equal("/", path)
    end
  end)

  it("has no capabilities, not as fake root either, and can gain none", function()
    for _, ids in ipairs {"self", "root"} do
      local text = out {script = "grep -E 'Cap[^B]|NoNewPrivs' /proc/self/status", ids = ids}
      for name, value in text:gmatch("(Cap%w+):%s+(%x+)") do
        assert.are.equal("0000000000000000", value, name)
      end
      assert.matches("NoNewPrivs:%s+1", text)
    end
  end)

  it("has no capabilities in pid 1 either", function()
    for value in out("grep 'Cap[^B]' /proc/1/status"):gmatch("Cap%w+:%s+(%x+)") do
      assert.are.equal("0000000000000000", value)
    end
  end)

  it("cannot mount, and cannot undo what is mounted", function()
    for _, ids in ipairs {"self", "root"} do
      local r = run {script = "umount /usr || mount -t tmpfs x /tmp || true", ids = ids}
      assert.is_true(r.ok)
      assert.matches("must be superuser", r.stderr)
    end
  end)

  it("finds a set of devices that is small and works", function()
    local names = out "ls /dev | tr '\\n' ' '"
    assert.are.equal("fd full null random shm stderr stdin stdout tty urandom zero ", names)
    assert.are.equal("4\n", out "echo x >/dev/null; head -c 4 /dev/urandom | wc -c; : >/dev/shm/x")
    assert.matches("No space left", run("echo x | cat >/dev/full").stderr)
  end)

  it("cannot write to the kernel's settings", function()
    for _, path in ipairs {"/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
      "/proc/sys/kernel/core_pattern", "/proc/irq/default_smp_affinity"} do
      for _, ids in ipairs {"self", "root"} do
        local r = run {script = ("echo x >%s"):format(path), ids = ids}
        assert.is_false(r.ok, path)
      end
    end
  end)

  it("denies setgroups where the group map is the caller's own (CVE-2014-8989)", function()
    assert.are.equal("deny\n", out {script = "cat /proc/self/setgroups", ids = "root"})
  end)

  it("leaves no mark on the host's mounts", function()
    local before = host.mountinfo()
    run {script = "true", lower = {"/usr", "/etc"}, tmpfs = {{target = "/x"}}}
    assert.are.equal(before, host.mountinfo())
  end)
end)

describe("a bind", function()
  it("that is read-only is so below, too: a writable submount refuses writes", function()
    local dir <close> = host.scratch()
    dir:dir("tree/sub")
    local out_text = host.lua(([[
      local core = require "moonsand.core"
      local sandbox = require "moonsand.sandbox"
      local uid, gid = core.uid(), core.gid()
      assert(core.namespaces {"user", "mount"})
      assert(core.ids {uid = {{uid, uid, 1}}, gid = {{gid, gid, 1}}})
      assert(core.propagation {target = "/", mode = "private"})
      assert(core.tmpfs {target = %q})
      local r = sandbox.new({script = "grep -c ' /t[ /]' /proc/self/mountinfo; echo x >/t/sub/file",
        binds = {{source = %q, target = "/t"}}}):run()
      io.write(r.stdout, r.stderr, r.message or "")
    ]]):format(dir.path .. "/tree/sub", dir.path .. "/tree"))
    assert.matches("^2\n", out_text)
    assert.matches("Read%-only file system", out_text)
  end)

  it("that may be written to has inert setuid bits and devices", function()
    local dir <close> = host.scratch()
    local text = out {script = "grep ' /d ' /proc/self/mountinfo",
      binds = {{source = dir.path, target = "/d", read_only = false}}}
    assert.matches("nosuid", text)
    assert.matches("nodev", text)
    assert.matches("rw", text)
  end)

  it("works for files, sockets, pipes and devices", function()
    local dir <close> = host.scratch()
    local file = dir:file("file", "text")
    os.execute(("mkfifo %s/fifo"):format(dir.path))
    local text = out {script = "cat /f; test -p /p && echo pipe; test -c /n && echo device",
      binds = {{source = file, target = "/f"}, {source = dir.path .. "/fifo", target = "/p"},
        {source = "/dev/null", target = "/n", devices = true}}}
    assert.are.equal("textpipe\ndevice\n", text)
  end)

  it("of a directory on a file, and of a file on a directory, is an error that says so", function()
    local dir <close> = host.scratch()
    local file = dir:file("file", "text")
    local r = run {script = "true", binds = {{source = "/usr", target = "/f", order = 2}},
      files = {{target = "/f", text = "x", order = 1}}}
    assert.matches("/f: make the mount point: Not a directory", r.message)
    r = run {script = "true", binds = {{source = file, target = "/d", order = 2}},
      dirs = {{target = "/d", order = 1}}}
    assert.matches("bind /d: move_mount: ", r.message)
  end)

  it("whose destination runs through a link stays inside of the sandbox", function()
    local dir <close> = host.scratch()
    local tree = dir:dir("tree")
    local outside = dir:dir("outside")
    assert(core.symlink(outside, tree .. "/absolute"))
    assert(core.symlink("../../../../../../../../../.." .. outside, tree .. "/relative"))
    for _, link in ipairs {"absolute", "relative"} do
      run {script = "true",
        binds = {{source = tree, target = "/t", read_only = false, order = 1},
          {source = "/usr", target = "/t/" .. link .. "/usr", order = 2}}}
      run {script = "true", binds = {{source = tree, target = "/t", read_only = false}},
        dirs = {"/t/" .. link .. "/made"}}
      run {script = "true", binds = {{source = tree, target = "/t", read_only = false}},
        files = {{target = "/t/" .. link .. "/made", text = "x"}}}
    end
    assert.are.same({}, core.readdir(outside))
  end)

  it("shadows what an earlier one put there, and is itself shadowed by a later one", function()
    local dir <close> = host.scratch()
    dir:file("a/name", "a")
    dir:file("b/name", "b")
    local binds = {{source = dir.path .. "/a", target = "/x"},
      {source = dir.path .. "/b", target = "/x"}}
    assert.are.equal("b", out {script = "cat /x/name", binds = binds})
    binds[1].order = 1
    assert.are.equal("a", out {script = "cat /x/name", binds = binds})
  end)
end)

describe("a tmpfs", function()
  it("holds no more than its size", function()
    local r = run {script = "head -c 200000 /dev/zero >/x/f",
      tmpfs = {{target = "/x", size = "64K"}}}
    assert.matches("No space left on device", r.stderr)
  end)

  it("has the mode that was given", function()
    assert.are.equal("1777\n", out {script = "stat -c %a /x",
      tmpfs = {{target = "/x", mode = 1023}}})
  end)
end)
