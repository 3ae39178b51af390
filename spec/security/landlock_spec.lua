local core = require "moonsand.core"
local host = require "spec.support.host"
local landlock = require "moonsand.sandbox.landlock"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

local abi = landlock.abi()

local function needs(least)
  if abi >= least then return false end
  pending(("this kernel has Landlock ABI %d, this needs %d"):format(abi, least))
  return true
end

-- A script in a sandbox with a writable /w; /w/a and /w/b are there, /w/a/file holds "text".
local function run(rules, script)
  local options = {script = script, tmpfs = {{target = "/w"}}, dirs = {"/w/a", "/w/b"},
    files = {{target = "/w/a/file", text = "text", mode = 420}}, landlock = rules}
  local r = sandbox.new(options):run()
  assert.is_nil(r.message)
  return r
end

local function refused(rules, script, more)
  local r = run(rules, script)
  assert.is_false(r.ok, script)
  assert.matches(more and more.wanted or "Permission denied", r.stderr)
end

local function allowed(rules, script)
  local r = run(rules, script)
  assert.is_true(r.ok, r.stderr)
end

describe("landlock", function()
  local base = {"/usr", "/dev", "/proc", "/etc"}

  it("reads what is in the set, and nothing else", function()
    if needs(1) then return end
    allowed({read = {"/usr", "/etc", "/w/a"}}, "read x </w/a/file || true; ls /w/a")
    refused({read = {"/usr", "/etc", "/w/b"}}, "cat /w/a/file")
    refused({read = {"/usr", "/etc", "/w/b"}}, "ls /w/a")
  end)

  it("executes what is in the set, and nothing else", function()
    if needs(1) then return end
    local script = "cp /usr/bin/true /w/b/true; /w/b/true"
    allowed({execute = {"/usr", "/w/b"}}, script)
    refused({execute = {"/usr", "/w/a"}}, script)
  end)

  it("writes, makes, removes and moves below the set only", function()
    if needs(3) then return end
    local rules = {write = {"/w/b", "/dev"}}
    allowed(rules, [[cd /w/b; echo x >f; mkdir d; mv f d/; ln d/f g; rm g; ln -s x s; mkfifo p
      rm -r d]])
    for _, script in ipairs {"echo x >/w/a/file", ": >/w/a/new", "mkdir /w/a/d", "rm /w/a/file",
      "mv /w/a/file /w/a/name", "ln -s x /w/a/s", "mkfifo /w/a/p", "mv /w/a/file /w/b/file",
      "truncate -s 0 /w/a/file"} do
      refused(rules, script)
    end
    refused(rules, "ln /w/a/file /w/b/x", {wanted = "Invalid cross%-device link"})
  end)

  it("leaves a right alone whose set is not given", function()
    if needs(3) then return end
    allowed({read = base}, "echo x >/w/a/new; mv /w/a/new /w/b/; /usr/bin/true")
    allowed({write = {"/w"}}, "ls / >/w/list; cat /w/a/file")
  end)

  it("leaves nothing of a right whose set is empty", function()
    if needs(3) then return end
    refused({write = {}}, ": >/w/a/new")
  end)

  it("can allow truncation alone", function()
    if needs(3) then return end
    local text = [[perl -e 'exit(truncate("%s", 1) ? 0 : print STDERR "Permission denied")']]
    allowed({truncate = {"/w/a/file"}}, text:format("/w/a/file") .. "; test $(cat /w/a/file) = t")
    refused({truncate = {"/w/b"}}, text:format("/w/a/file") .. "; false")
  end)

  it("can allow moves to another directory alone", function()
    if needs(3) then return end
    refused({refer = {"/w/a"}}, [[perl -e 'rename("/w/a/file", "/w/b/file") or die "$!\n"']],
      {wanted = "Invalid cross%-device link"})
    allowed({refer = {"/w/a", "/w/b"}},
      [[perl -e 'rename("/w/a/file", "/w/b/file") or die "$!\n"']])
  end)

  it("takes paths of the new world, not of the caller's", function()
    if needs(3) then return end
    local dir <close> = host.scratch()
    assert(core.chmod(dir.path, 511)) -- 0777
    local box = {script = "echo x >/out/f", landlock = {write = {"/out"}},
      binds = {{source = dir.path, target = "/out", read_only = false}}}
    assert.is_true(sandbox.new(box):run().ok)
    assert.are.equal("x\n", dir:read("f"))
  end)

  it("names a path that is not there, unless it is optional", function()
    if needs(1) then return end
    local r = sandbox.new({script = "true", landlock = {read = {"/", "/gone"}}}):run()
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("landlock: open /gone: No such file", r.message)
    assert.is_true(sandbox.new(
      {script = "true", landlock = {read = {"/", "/gone"}, optional = true}}):run().ok)
  end)

  it("connects to the ports in the set, and to no other", function()
    if needs(4) then return end
    local script = [[perl -MSocket -e '
      socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
      connect($s, sockaddr_in(%d, INADDR_LOOPBACK)) or die "$!\n"']]
    refused({connect = {81}}, script:format(81), {wanted = "Connection refused"})
    refused({connect = {81}}, script:format(80))
    refused({connect = {}}, script:format(81))
  end)

  it("binds the ports in the set, and no other", function()
    if needs(4) then return end
    local script = [[perl -MSocket -e '
      socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
      bind($s, sockaddr_in(%d, INADDR_LOOPBACK)) or die "$!\n"']]
    allowed({bind = {2080}}, script:format(2080))
    refused({bind = {2080}}, script:format(2081))
  end)

  it("controls the devices in the set only", function()
    if needs(5) then return end
    local text = [[perl -e 'open(my $f, "<", "/dev/full") or die;
      ioctl($f, 0x5401, my $x = "x" x 64); print STDERR "$!\n"; exit 1']]
    refused({ioctl = {}}, text)
    refused({ioctl = {"/dev/full"}}, text, {wanted = "Inappropriate ioctl"})
  end)

  it("keeps the host's abstract sockets out of reach where the network is shared", function()
    if needs(6) then return end
    local name = "moonsand-spec-" .. core.getpid()
    local reader <close>, writer = core.pipe()
    local server <close> = host.start({"perl", "-MSocket", "-e", [[
      socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
      bind($s, pack("Sa*", AF_UNIX, "\0$ARGV[0]")) or die "$!"; listen($s, 5);
      syswrite(STDOUT, "x"); sleep 30]], name}, {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    reader:read(1)
    local function connect(rules)
      local options = {network = "host", landlock = rules}
      options.command = {"perl", "-MSocket", "-e", [[
        socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
        connect($s, pack("Sa*", AF_UNIX, "\0$ARGV[0]")) or die "$!\n"]], name}
      return sandbox.new(options):run()
    end
    assert.is_true(connect(nil).ok)
    assert.matches("not permitted", connect({scope = {"abstract"}}).stderr)
    server:kill("KILL")
  end)

  it("cannot be taken back, and holds for all that the program starts", function()
    if needs(3) then return end
    refused({write = {"/w/b"}}, "sh -c 'sh -c \": >/w/a/new\"'")
  end)

  it("holds for every program of a prepared sandbox", function()
    if needs(3) then return end
    local rules = {write = {"/dev"}}
    local box <close> = assert(sandbox.new({script = "true", landlock = rules}):prepare())
    assert.matches("Permission denied", box:run(": >/tmp/new").stderr)
    assert.matches("Permission denied", box:run(": >/tmp/new").stderr)
  end)

  it("refuses what is no set, no path, no port and no scope", function()
    local function wrong(rules, message)
      local ok, problem = pcall(sandbox.new, {script = "true", landlock = rules})
      assert.is_false(ok)
      assert.are.equal("usage", problem.kind)
      assert.matches(message, tostring(problem), 1, true)
    end
    wrong({reads = {}}, "unknown key 'reads' in 'landlock'\n  did you mean 'read'?")
    wrong({read = {"usr"}}, "'usr' is not an absolute path")
    wrong({read = "/usr"}, "landlock.read must be a list")
    wrong({connect = {65536}}, "not a port from 0 to 65535")
    wrong({bind = {"80"}}, "not a port from 0 to 65535")
    wrong({scope = {"signals"}}, "is not 'abstract' or 'signal'")
    wrong({best_effort = 1}, "must be true or false")
  end)
end)

describe("landlock on an older kernel", function()
  it("fails where something cannot be enforced, and says what and why", function()
    local ok, problem = pcall(landlock.step, {write = {"/w"}}, 1)
    assert.is_false(ok)
    assert.are.equal("host", problem.kind)
    assert.are.equal("sandbox: landlock.write cannot be enforced: Landlock ABI 1 of this kernel "
      .. "does not see truncation of files\n  ABI 3 came with Linux 6.2; 'best_effort = true' goes "
      .. "on without it", tostring(problem))
  end)

  it("goes on with best effort, and says what was dropped", function()
    local rules = {read = {"/"}, write = {"/w"}, connect = {80}, scope = {"signal"},
      best_effort = true}
    local step, unmet = landlock.step(rules, 3)
    assert.are.equal(3, step.abi)
    local names = {}
    for i, one in ipairs(unmet) do names[i] = one.option end
    assert.are.same({"landlock.connect", "landlock.scope"}, names)
  end)

  it("asks an old kernel for what it knows only", function()
    if abi < 1 then return pending "no Landlock here" end
    local text = host.lua [[
      local core = require "moonsand.core"
      assert(core.no_new_privileges())
      assert(core.landlock {write = {"/tmp"}, scope = {"signal"}, connect = {}, abi = 1})
      io.write(tostring(core.mkdir("/var/moonsand-never")))]]
    assert.are.equal("nil", text)
  end)

  it("without any Landlock has no step, with best effort", function()
    local step, unmet = landlock.step({read = {"/"}, best_effort = true}, 0)
    assert.is_nil(step)
    assert.matches("this kernel has no Landlock", unmet[1].reason)
  end)
end)

-- A second process of the same user, and what the program may do to it.
local SIGNAL = [[
int main(int argc, char **argv)
{
  int pid = atoi(argv[1]);
  printf("%d %d\n", kill(pid, 0) == 0, ptrace(PTRACE_ATTACH, pid, 0, 0) == 0);
  return 0;
}
]]

describe("isolation = 'filters'", function()
  local function box(options)
    options.isolation = "filters"
    return sandbox.new(options):run()
  end

  it("enforces the declared write set, and leaves a scratch directory that vanishes", function()
    if needs(3) then return end
    local dir <close> = host.scratch()
    local out, other = dir:dir("out"), dir:dir("other")
    local r = box {script = [[
      echo x >$TMPDIR/f; cat $TMPDIR/f; echo $TMPDIR; echo y >]] .. out .. [[/f
      for d in ]] .. other .. [[ /tmp /var/tmp /usr /etc /dev/shm $HOME/../..; do
        if : 2>/dev/null >$d/moonsand-never; then echo "wrote $d"; fi
      done]], binds = {{source = out, read_only = false}}}
    assert.are.equal("", r.stderr)
    local scratch = r.stdout:match("^x\n(/tmp/moonsand%-box%-[^\n]+)\n$")
    assert.is_not_nil(scratch, r.stdout)
    assert.is_nil(core.stat(scratch))
    assert.are.equal("y\n", host.read(out .. "/f"))
    assert.are.same({}, core.readdir(other))
  end)

  it("reads what was declared, and programs; nothing private", function()
    if needs(3) then return end
    local dir <close> = host.scratch()
    local input, secret = dir:file("in/f", "declared"), dir:file("secret", "secret")
    local r = box {script = "cat " .. input .. "; cat " .. secret, binds = {{source = input}}}
    assert.are.equal("declared", r.stdout)
    assert.matches("Permission denied", r.stderr)
    assert.matches("Permission denied", box({script = "ls " .. dir.path}).stderr)
  end)

  it("builds a program", function()
    if needs(3) then return end
    local r = box {script = [[cd $TMPDIR; printf 'int main(void){return 0;}' >m.c
      printf 'm: m.c\n\tcc -o $@ $<\n' >Makefile; make -s; ./m && echo built]]}
    assert.are.equal("built\n", r.stdout, r.stderr)
  end)

  it("has no privileges, and the preset of system calls", function()
    if needs(3) then return end
    local text = box({script = "grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status"}).stdout
    assert.are.equal("CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n", text)
  end)

  it("without a network makes no socket but a pair", function()
    if needs(3) then return end
    local r = box {script = [[perl -MSocket -e '
      for my $f (AF_UNIX, AF_INET, AF_INET6) {
        print socket(my $s, $f, SOCK_STREAM, 0) ? "socket" : "none", "\n";
      }
      print socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) ? "pair" : "none", "\n"']]}
    assert.are.equal("none\nnone\nnone\npair\n", r.stdout)
  end)

  it("signals and traces no process of the caller's", function()
    if needs(6) then return end
    local tool <close> = probe.new {signal = SIGNAL}
    local time = ("30.%d"):format(core.time_ns())
    local victim <close> = host.start {"sleep", time}
    local pid
    host.eventually(function()
      for _, found in ipairs(host.processes("sleep\0" .. time)) do pid = found end
      return pid
    end)
    local r = box {command = {tool.dir.path .. "/signal", tostring(pid)},
      binds = {{source = tool.dir.path}}}
    assert.are.equal("0 0\n", r.stdout, r.stderr)
    assert.are.equal("", box({script = "cat /proc/" .. pid .. "/environ || true"}).stdout)
    victim:kill("KILL")
  end)

  it("says which guarantees are missing", function()
    if needs(3) then return end
    local names = {}
    for _, one in ipairs(box({script = "true"}).not_enforced) do names[one.option] = one.reason end
    for _, name in ipairs {"processes", "leftovers", "mounts", "metadata", "ipc", "host"} do
      assert.is_string(names["isolation." .. name])
    end
    assert.are.equal(host.is_root(), names["isolation.root"] ~= nil)
  end)

  it("makes no promise of that kind where there are namespaces", function()
    assert.are.same({}, sandbox.new({script = "true"}):run().not_enforced)
  end)

  it("refuses options that need namespaces, by name", function()
    local function wrong(options, message)
      options.script, options.isolation = "true", "filters"
      local ok, problem = pcall(sandbox.new, options)
      assert.is_false(ok)
      assert.are.equal("usage", problem.kind)
      assert.matches(message, tostring(problem), 1, true)
    end
    wrong({overlays = {{target = "/x", lower = {"/usr"}}}}, "'overlays' needs namespaces")
    wrong({lower = {"/usr"}}, "'lower' needs namespaces")
    wrong({tmpfs = {{target = "/x"}}}, "'tmpfs' needs namespaces")
    wrong({files = {{target = "/x", text = ""}}}, "'files' needs namespaces")
    wrong({binds = {{source = "/usr", target = "/x"}}}, "binds[1] (/usr at another place, /x)")
    wrong({root = "empty"}, "'root' needs namespaces")
    wrong({hostname = "x"}, "'hostname' needs namespaces")
    wrong({ids = "root"}, "'ids' needs namespaces")
  end)

  it("prepares nothing, as there is nothing to prepare", function()
    if needs(3) then return end
    local one = sandbox.new {script = "true", isolation = "filters"}
    local ok, problem = pcall(one.prepare, one)
    assert.is_false(ok)
    assert.matches("nothing to prepare", tostring(problem))
  end)

  it("needs no user namespace: it works inside of a sandbox that refuses them", function()
    if needs(3) then return end
    local tree = assert(core.realpath("."))
    local r = sandbox.new({
      command = {"lua5.4", "-e", [[
        local r = require("moonsand.sandbox").new(
          {script = "echo inner; : >/tmp/never", isolation = "filters"}):run()
        io.write(r.stdout, r.stderr, r.message or "")]]},
      binds = {{source = tree, target = tree}}, cwd = tree,
      seccomp = {allow = {"clone3"}}, -- ours; what it makes no namespace with
      env = host.environment {LD_PRELOAD = os.getenv("LD_PRELOAD") or ""},
    }):run()
    assert.matches("^inner\n.*Permission denied", r.stdout)
  end)
end)
