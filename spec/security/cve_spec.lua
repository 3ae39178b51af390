-- What other sandboxes have been broken by, tried on this one. CVE-2014-8989, CVE-2016-8659,
-- CVE-2017-5226, CVE-2019-5736 and CVE-2025-31133 are where their subjects are.
local core = require "moonsand.core"
local host = require "spec.support.host"
local probes = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

local ENOENT = 2

--- The number of a system call here.
local function number(name) return core.syscall_number(name)[core.abis()[1]] end

local function run(options) return sandbox.new(options):run() end

--- A directory of the caller's that nothing inside may reach, and one that is bound for writing.
local function places(dir)
  return dir:dir "victim", dir:dir "shared"
end

local function untouched(victim)
  assert.are.same({}, core.readdir(victim))
end

describe("CVE-2021-30465: a mount point swapped for a link while the mounts are made", function()
  it("is found inside of the sandbox or not at all, in 60 runs against a swapper", function()
    local dir <close> = host.scratch()
    local victim, shared = places(dir)
    dir:dir "shared/place"
    assert(core.symlink(victim, shared .. "/link"))
    local swapper <close> = host.start({"perl", "-e", ([[
      chdir $ARGV[0] or die;
      my ($place, $link) = ("place", "link");
      while (getppid() == $ARGV[1]) { # RENAME_EXCHANGE
        syscall(%d, -100, $place, -100, $link, 2) == 0 or die;
      }]]):format(number "renameat2"), shared, tostring(core.getpid())})
    local before = host.mountinfo()
    for _ = 1, 60 do
      run {command = {"true"}, binds = {{source = shared, target = "/shared", read_only = false}},
        tmpfs = {{target = "/shared/place"}},
        files = {{target = "/shared/place/pwned", text = "x", order = 1}}}
    end
    assert.is_falsy(swapper:wait()) -- it has not given up
    untouched(victim)
    assert.are.equal(before, host.mountinfo())
  end)
end)

describe("CVE-2026-87766: a link in a writable bind", function()
  for what, key in pairs {directory = "dirs", file = "files", link = "symlinks"} do
    it(("takes no %s that the setup makes to the caller's disk"):format(what), function()
      local dir <close> = host.scratch()
      local victim, shared = places(dir)
      for name, text in pairs {absolute = victim, up = ("../"):rep(12) .. victim:sub(2),
        scaffold = "/oldroot" .. victim} do
        assert(core.symlink(text, shared .. "/" .. name))
        run {command = {"true"}, binds = {{source = shared, target = "/shared", read_only = false}},
          [key] = {{target = ("/shared/%s/pwned"):format(name),
            text = key ~= "dirs" and "x" or nil}}}
      end
      untouched(victim)
      assert.are.equal(3, #core.readdir(shared)) -- nothing beside the links
    end)
  end
end)

describe("CVE-2024-21626: a link of /proc to what the caller has open", function()
  it("is no working directory, by its own name or by a link of the build's", function()
    local dir <close> = host.scratch()
    local handle <close> = assert(core.open("/", "dir"))
    assert(core.symlink(("/proc/self/fd/%d"):format(handle:number()), dir.path .. "/way"))
    local ways = {"/shared/way"}
    for fd = 3, 40 do ways[#ways + 1] = "/proc/self/fd/" .. fd end
    for _, place in ipairs(ways) do
      local r = run {script = "ls ../../..", cwd = place,
        binds = {{source = dir.path, target = "/shared"}}}
      assert.are.same({"setup_failed", "chdir"}, {r.outcome, r.verb}, place .. ": " .. r.stdout)
    end
  end)

  it("is no program", function()
    local dir <close> = host.scratch()
    local secret = dir:file("secret", "#!/bin/sh\necho escaped\n")
    assert(core.chmod(secret, 493)) -- 0755
    local handle <close> = assert(core.open(secret))
    assert(core.symlink(("/proc/self/fd/%d"):format(handle:number()), dir:dir "bin" .. "/way"))
    for _, as_init in ipairs {false, true} do
      local r = run {command = {"/shared/way"}, as_init = as_init,
        binds = {{source = dir.path .. "/bin", target = "/shared"}}}
      assert.are.same({"exec_failed", ""}, {r.outcome, r.stdout})
    end
  end)
end)

describe("CVE-2025-52565: a root whose /dev or console is a link", function()
  it("gets no device or mount where the link leads", function()
    local dir <close> = host.scratch()
    local victim = places(dir)
    dir:dir "root/usr"
    assert(core.symlink(victim, dir.path .. "/root/dev"))
    for _, name in ipairs {"bin", "lib", "lib64"} do
      assert(core.symlink("usr/" .. name, ("%s/root/%s"):format(dir.path, name)))
    end
    local r = run {script = "echo made", root = dir.path .. "/root",
      binds = {{source = "/usr", target = "/usr"}}, pty = true}
    untouched(victim)
    assert.are.same({"dev", "setup_failed"}, {r.verb, r.outcome})
  end)
end)

describe("CVE-2024-27297, CVE-2025-46416: two builds that help each other", function()
  local function perl(text) return {"perl", "-MSocket", "-e", text} end

  --- What a second sandbox hears from a first one that listens.
  local function answer(network)
    local dir <close> = host.scratch()
    local name = "moonsand-cve-" .. core.getpid()
    local listener <close> = assert(sandbox.new {network = network,
      binds = {{source = dir.path, target = "/shared", read_only = false}}, command = perl(([[
        socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
        bind($s, pack_sockaddr_un("\0%s")) or die; listen($s, 1);
        open my $f, ">", "/shared/ready"; close $f; sleep 100]]):format(name))}:start())
    assert(host.eventually(function() return core.stat(dir.path .. "/ready") end))
    return run {network = network, command = perl(([[
      socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
      print connect($s, pack_sockaddr_un("\0%s")) ? "connected" : "$!"]]):format(name))}.stdout,
      listener
  end

  it("cannot pass a descriptor through an abstract socket, unless they share a network", function()
    assert.are.equal("Connection refused", (answer "none"))
    assert.are.equal("connected", (answer "host"))
  end)
end)

describe("CVE-2021-26910: an upper directory that is a link to somebody else's", function()
  it("gives no right that the caller does not have", function()
    if host.is_root() then return pending "to root no directory is somebody else's" end
    local dir <close> = host.scratch()
    local lower = dir:dir "lower"
    assert(core.symlink("/usr/lib", dir.path .. "/upper"))
    local r = run {script = "echo x >/over/pwned", overlays = {{target = "/over", lower = {lower},
      upper = dir.path .. "/upper", work = dir:dir "work"}}}
    assert.is_false(r.ok)
    assert.is_nil(core.stat("/usr/lib/pwned"))
  end)
end)

describe("a chmod that a filter forgets (fchmodat2, as Nix had it)", function()
  it("leaves no setuid file behind, whichever call is tried", function()
    local dir <close> = host.scratch()
    local rw = dir:dir "rw"
    local r = run {binds = {{source = rw, target = "/rw", read_only = false}},
      command = {"perl", "-e", ([[
        my @names = map { "/rw/$_" } 0 .. 4;
        for (@names[0 .. 3]) { open my $f, ">", $_ or die }
        chmod 04755, $names[0];
        syscall(%d, -100, $names[1], 04755, 0);
        syscall(%d, -100, $names[2], 04755);
        open my $g, "<", $names[3]; syscall(%d, fileno $g, 04755);
        syscall(%d, -100, $names[4], 0101, 04755);
        print "tried";]]):format(number "fchmodat2", number "fchmodat", number "fchmod",
        number "openat")}}
    assert.are.equal("tried", r.stdout)
    assert.is_true(#core.readdir(rw) >= 4)
    for _, name in ipairs(core.readdir(rw)) do
      assert.are.equal(0, core.stat(rw .. "/" .. name).mode & 3072, name) -- 06000
    end
  end)
end)

describe("System V queues and semaphores", function()
  it("of the host are not there, and those of a sandbox vanish with it", function()
    local key = 0x6d6f6f00 + core.getpid() % 256
    local function perl(text) return {"perl", "-e", text, tostring(key)} end
    local make = perl [[
      print defined(msgget($ARGV[0], 01600)) && defined(semget($ARGV[0], 1, 01600))]]
    local find = perl "print defined(msgget($ARGV[0], 0)) || defined(semget($ARGV[0], 1, 0)) || 0"
    local remove = perl [[
      msgctl(msgget($ARGV[0], 0), 0, 0) && semctl(semget($ARGV[0], 1, 0), 0, 0, 0) || exit 1]]
    assert.are.equal("1", run {command = make}.stdout)
    assert.are.equal("0", run {command = find}.stdout)
    local maker <close> = host.start(make, {})
    core.poll {{fd = maker}}
    assert.are.equal("0", run {command = find}.stdout)
    local cleaner <close> = host.start(remove, {})
    core.poll {{fd = cleaner}}
    assert.are.equal(0, cleaner:wait().exit_code) -- they were there
  end)
end)

describe("a POSIX message queue", function()
  it("is its own namespace's: neither side sees the other's, unless it is shared", function()
    local probe <close> = probes.new {queue = [[
      int main(int n, char **a) {
        int make = a[1][0] == 'm', flags = make ? 0102 /* O_CREAT|O_RDWR */ : 0;
        if (a[1][0] == 'r') return syscall(SYS_mq_unlink, a[2]) < 0 ? errno : 0;
        return syscall(SYS_mq_open, a[2], flags, 0600, 0) < 0 ? errno : 0;
      }]]}
    local name = "moonsand-spec-" .. core.getpid()
    local function inside(what, share)
      return probe:run({command = {"/probe/queue", what, name}, share = share}).exit_code
    end
    local function outside(what)
      local process <close> = host.start({probe.dir.path .. "/queue", what, name}, {})
      core.poll {{fd = process}}
      return process:wait().exit_code
    end
    assert.are.equal(0, inside "make")
    assert.are.equal(ENOENT, outside "look")
    assert.are.equal(0, outside "make")
    assert.are.equal(ENOENT, inside "look")
    assert.are.equal(0, inside("look", {"ipc"}))
    assert.are.equal(0, outside "remove")
  end)
end)
