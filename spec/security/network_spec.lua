local core = require "moonsand.core"
local host = require "spec.support.host"
local pasta = require "moonsand.sandbox.pasta"
local sandbox = require "moonsand.sandbox"

local function run(options) return sandbox.new(options):run() end

-- Listens on an address, tells its port, and greets everybody who comes.
local SERVER = [[
  socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
  bind($s, pack_sockaddr_in(0, inet_aton($ARGV[0]))) or die "$!"; listen($s, 5);
  syswrite(STDOUT, (sockaddr_in(getsockname($s)))[0] . "\n");
  while (accept(my $c, $s)) { syswrite($c, "hello"); close $c }
]]

-- Connects, and tells what it heard, or why not.
local CLIENT = [[
  socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
  alarm 10;
  connect($s, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) or print("$!"), exit 1;
  sysread($s, my $text, 99); print $text;
]]

local Server = {}
Server.__index = Server

local function serve(address)
  local reader <close>, writer = assert(core.pipe())
  local process = host.start({"perl", "-MSocket", "-e", SERVER, address},
    {[0] = 0, [1] = writer, [2] = 2})
  writer:close()
  return setmetatable({process = process, port = assert(reader:read(16)):match("%d+")}, Server)
end

function Server:__close()
  self.process:close()
end

local function connect(options, address, port)
  options.command = {"perl", "-MSocket", "-e", CLIENT, address, port}
  local r = run(options)
  assert.is_nil(r.message)
  return r.stdout, r
end

describe("a sandbox without a network", function()
  it("does not reach the host's loopback", function()
    local server <close> = serve "127.0.0.1"
    assert.are.equal("hello", (connect({network = "host"}, "127.0.0.1", server.port)))
    assert.are.equal("Connection refused", (connect({}, "127.0.0.1", server.port)))
  end)

  it("is told at once that there is nothing outside", function()
    local text = connect({}, "198.51.100.1", "80")
    assert.are.equal("Network is unreachable", text)
  end)

  it("does not reach abstract sockets, which have no file to protect them", function()
    local name = "moonsand-spec-net-" .. core.getpid()
    local reader <close>, writer = core.pipe()
    local server <close> = host.start({"perl", "-MSocket", "-e", [[
      socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
      bind($s, pack("Sa*", AF_UNIX, "\0$ARGV[0]")) or die "$!"; listen($s, 5);
      syswrite(STDOUT, "x"); sleep 30]], name}, {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    reader:read(1)
    local function reach(network)
      return run({network = network, command = {"perl", "-MSocket", "-e", [[
        socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
        connect($s, pack("Sa*", AF_UNIX, "\0$ARGV[0]")) or print("$!"), exit 1;
        print "reached"]], name}}).stdout
    end
    assert.are.same({"reached", "Connection refused"}, {reach "host", reach "none"})
    server:kill("KILL")
  end)
end)

describe("the network of the kind 'user'", function()
  local function refused(options)
    local ok, err = pcall(sandbox.new, options)
    assert.is_false(ok)
    return tostring(err)
  end

  it("is refused where there is nobody to hold the sandbox for it", function()
    for _, options in ipairs {{as_init = true}, {time = {}}, {share = {"pid"}}} do
      options.network = "user"
      assert.matches("cannot be had with network = \"user\"", refused(options))
    end
    assert.matches("needs namespaces", refused {network = "user", isolation = "filters"})
    assert.matches("'network' is 'usr'; it may be host or none or user, or a path\n  did you "
      .. "mean 'user'%?",
      refused {network = "usr"})
  end)

  --- A held sandbox, and what becomes of it with a program named pasta.
  local function with_pasta(script)
    local dir <close> = host.scratch()
    if script then assert(core.chmod(dir:file("pasta", "#!/bin/sh\n" .. script), 493)) end
    local held <close> = assert(sandbox.new({}):prepare())
    local before = host.count_fds()
    local link, failure = pasta.connect(held.holder, dir.path)
    assert.is_nil(link)
    assert.are.equal(before, host.count_fds())
    return failure
  end

  it("says what to install where pasta is not", function()
    local failure = with_pasta(nil)
    assert.are.equal("setup_failed", failure.outcome)
    assert.are.equal(125, failure:code())
    assert.are.equal("network: pasta is not installed, and network = \"user\" needs it",
      failure.message)
    assert.are.equal("as root: apt-get install passt; or network = \"host\" shares the host's",
      failure.hint)
  end)

  it("fails with pasta's own words when it ends", function()
    local failure = with_pasta(
      "echo noise\necho 'Failed to open tun socket in namespace' >&2\nexit 3")
    assert.are.equal("network: pasta ended with exit 3: noise; Failed to open tun socket in "
      .. "namespace", failure.message)
    assert.are.equal("it needs /dev/net/tun; as root: modprobe tun; chmod 666 /dev/net/tun",
      failure.hint)
    assert.are.equal("network: pasta ended with signal KILL: it said nothing",
      with_pasta("kill -KILL $$").message)
  end)

  describe("where there is pasta,", function()
    local function outside()
      local reader <close>, writer = assert(core.pipe())
      local process <close> = host.start({"perl", "-MSocket", "-e", [[
        socket(my $s, AF_INET, SOCK_DGRAM, 0) or die;
        connect($s, pack_sockaddr_in(9, inet_aton("198.51.100.1"))) or exit;
        print inet_ntoa((sockaddr_in(getsockname($s)))[1])]]}, {[0] = 0, [1] = writer, [2] = 2})
      writer:close()
      local text = host.drain(reader)
      core.poll {{fd = process}}
      return text
    end

    local address
    local function where_possible(what, fn)
      it(what, function()
        address = address or outside()
        local why = not core.stat("/usr/bin/pasta") and "pasta is not installed"
          or address == "" and "this host has no network"
          or not os.execute("test -w /dev/net/tun") and "this user may not open /dev/net/tun"
        if why then
          pending(why)
          return
        end
        fn()
      end)
    end

    where_possible("reaches the host by its address, not by its loopback", function()
      local server <close> = serve "0.0.0.0"
      assert.are.equal("hello", (connect({network = "user"}, address, server.port)))
      assert.are.equal("Connection refused", (connect({network = "user"}, "127.0.0.1",
        server.port)))
    end)

    where_possible("has the same address, gateway and name server on every host", function()
      local r = run {network = "user", script = "cat /proc/net/route /proc/net/fib_trie; "
        .. "cat /etc/resolv.conf /etc/hosts"}
      assert.matches("\n%w+\t00000000\t0202000A\t", r.stdout)
      assert.is_truthy(r.stdout:find("10.0.2.15", 1, true))
      assert.is_nil(r.stdout:find(address, 1, true))
      assert.matches("nameserver", r.stdout)
      assert.matches("127%.0%.0%.1 localhost", r.stdout)
    end)

    where_possible("gives the program no privilege over it", function()
      local r = run {network = "user", script = "grep Cap /proc/self/status"}
      assert.is_nil(r.stdout:find("Cap%w+:%s+0*[1-9a-f]"))
    end)

    where_possible("ends with the program, and leaves nothing", function()
      local fds, mounts = host.count_fds(), host.mountinfo()
      local box = sandbox.new {network = "user", script = "sleep 60 & exit 3"}
      local running <close> = assert(box:start())
      local pid = running.options.link.process:pid()
      assert.is_truthy(core.stat("/proc/" .. pid))
      local r = running:wait()
      assert.are.equal(3, r.exit_code)
      assert.are.same({}, r.not_enforced)
      assert.is_nil(r.leftovers) -- nobody counted them
      assert.is_nil(core.stat("/proc/" .. pid))
      assert.are.equal(fds, host.count_fds())
      assert.are.equal(mounts, host.mountinfo())
    end)

    where_possible("leaves nothing when there is no program, or none that starts", function()
      local function pids() return #host.processes("\0--gateway\00010.0.2.2\0") end
      local before, fds = pids(), host.count_fds()
      local r = run {network = "user", command = {"nosuch-program"}}
      assert.are.equal("exec_failed", r.outcome)
      assert.are.equal(127, r:code())
      local ok, err = pcall(run, {network = "user"})
      assert.is_false(ok)
      assert.matches("there is no program to run", tostring(err))
      assert.are.equal(fds, host.count_fds())
      -- others on this machine may have one for a while
      assert.is_true(host.eventually(function() return pids() <= before end))
    end)

    where_possible("is bounded, stopped at its time and killed like any other", function()
      local r = run {network = "user", script = "trap '' TERM; sleep 60 & wait; sleep 60",
        timeout = 0.3, grace = 0.2}
      assert.are.equal("timeout", r.outcome)
      assert.are.equal(124, r:code())
    end)

    where_possible("ends with a caller that is killed", function()
      local text = host.lua [[
        local sandbox = require "moonsand.sandbox"
        local running = assert(sandbox.new({network = "user", script = "sleep 60"}):start())
        io.write(running.options.link.process:pid())
        io.flush()
        os.execute("kill -KILL $PPID")
      ]]
      assert.matches("^%d+$", text)
      assert.is_truthy(host.eventually(function() return not core.stat("/proc/" .. text) end))
    end)

    where_possible("that is gone before the program is told in the result", function()
      local box = sandbox.new {network = "user", script = "read line; echo $line",
        stdin = {text = "x\n"}}
      local running <close> = assert(box:start())
      running.options.link.process:kill("KILL")
      core.poll {{fd = running.options.link.process}}
      local r = running:wait()
      assert.are.equal("network", r.not_enforced[1].option)
      assert.matches("pasta ended before the program, with signal KILL", r.not_enforced[1].reason)
    end)

    where_possible("serves all programs of a prepared sandbox", function()
      local server <close> = serve "0.0.0.0"
      local held <close> = assert(sandbox.new({network = "user"}):prepare())
      for _ = 1, 2 do
        assert.are.equal("hello", held:run({command = {"perl", "-MSocket", "-e", CLIENT, address,
          server.port}}).stdout)
      end
    end)
  end)
end)

describe("a network that is there already", function()
  --- Another sandbox's, which somebody holds.
  local function with_network(fn)
    local held <close> = assert(sandbox.new({}):prepare())
    fn(("/proc/%d/ns/net"):format(held.holder:pid()), held)
  end

  local function refused(options)
    local ok, err = pcall(sandbox.new, options)
    assert.is_false(ok)
    return tostring(err)
  end

  local look = "readlink /proc/self/ns/net"

  it("is joined by who has made it, by its file or an open handle", function()
    with_network(function(path, held)
      local wanted = core.readlink(path) .. "\n"
      assert.are.equal(wanted, held:run(look).stdout)
      assert.are.equal(wanted, run({script = look, network = path}).stdout)
      local handle <close> = assert(core.open(path, "r"))
      assert.are.equal(wanted, run({script = look, join = {net = handle}}).stdout)
      assert.are.equal(wanted, run({script = look, network = path, ids = "root"}).stdout)
      if not host.is_root() then return end
      assert.are.equal(wanted, run({script = look, network = path, ids = {
        uid = {{0, 0, 1}, {1, 100000, 5}}}}).stdout)
    end)
  end)

  it("is that of the programs of a prepared sandbox, too", function()
    with_network(function(path)
      local held <close> = assert(sandbox.new({network = path}):prepare())
      assert.are.equal(core.readlink(path) .. "\n", held:run(look).stdout)
    end)
  end)

  it("leaves the caller where it was, and no process or descriptor", function()
    with_network(function(path)
      local before, fds = core.readlink("/proc/self/ns/net"), host.count_fds()
      for _ = 1, 5 do run {script = "true", network = path} end
      assert.are.equal(before, core.readlink("/proc/self/ns/net"))
      assert.are.equal(fds, host.count_fds())
      local children = host.read(("/proc/self/task/%d/children"):format(core.getpid()))
      assert.is_true(select(2, (children or ""):gsub("%d+", "")) <= 1) -- the one that is held
    end)
  end)

  it("leaves an ordinary user who he is: his files are his, inside and on the disk", function()
    local dir <close> = host.scratch()
    with_network(function(path)
      local r = run {script = "id -u; id -g; touch /x/made", network = path,
        binds = {{source = dir.path, target = "/x", read_only = false}}}
      local there = assert(core.stat(dir.path .. "/made"))
      assert.are.equal(("%d\n%d\n"):format(core.uid(), core.gid()), r.stdout)
      assert.are.same({core.uid(), core.gid()}, {there.uid, there.gid})
    end)
  end)

  it("is refused to others by the kernel; what it takes is said", function()
    if host.is_root() then
      pending("root may")
      return
    end
    local path = "/proc/self/ns/net" -- the host's root has made it
    local r = run {script = "true", network = path}
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal(("namespaces: setns %s: Operation not permitted"):format(path), r.message)
    assert.matches("takes CAP_SYS_ADMIN over it", r.hint)
  end)

  it("must be one", function()
    local dir <close> = host.scratch()
    local file = dir:file("plain", "x")
    assert.are.equal(("sandbox: 'network', '%s', is no namespace\n  ip netns add NAME makes "
      .. "/run/netns/NAME; a process has /proc/PID/ns/net"):format(file), refused {network = file})
    assert.matches("'network', '/proc/self/ns/uts', is a namespace of the kind 'uts'",
      refused {network = "/proc/self/ns/uts"})
    assert.matches("'join.net', '/nosuch', cannot be opened: /nosuch: No such file",
      refused {join = {net = "/nosuch"}})
    assert.matches("is both in 'share' and in 'join'", refused {share = {"ipc"},
      join = {ipc = "/proc/self/ns/ipc"}})
    assert.matches("a namespace 'pid' cannot be joined\n  its pid 1 would be another's child",
      refused {join = {pid = "/proc/self/ns/pid"}})
    assert.matches("a namespace 'nte' cannot be joined\n  did you mean 'net'%?",
      refused {join = {nte = "/proc/self/ns/net"}})
    assert.matches("'network' is given, and 'join' has a net",
      refused {network = "none", join = {net = "/proc/self/ns/net"}})
  end)

  it("may be a pipe that nobody writes to: the wrong kind, and nobody waits", function()
    local dir <close> = host.scratch()
    assert(os.execute("mkfifo " .. dir.path .. "/fifo"))
    assert.matches("is no namespace", refused {network = dir.path .. "/fifo"})
  end)
end)

describe("a step of namespaces", function()
  local function refused(step, message)
    local ok, err = pcall(core.check_plan, {step, {"exec", argv = {"true"}, init = false}})
    assert.is_false(ok)
    assert.matches(message, err)
  end

  it("enters what can be entered, by a path or a handle", function()
    refused({"namespaces", "user", enter = {mount = "/x"}}, "'mount' cannot be entered")
    refused({"namespaces", "user", enter = {net = 5}}, "must hold paths or handles")
    refused({"namespaces", "user", "net", enter = {net = "/x"}}, "'net' is both new and to be")
    refused({"namespaces", "user", enter = "/x"}, "field 'enter' must be a table")
  end)

  it("says in the plan what it enters", function()
    assert.matches("^  1  namespaces +user mount pid ipc uts cgroup, net of /proc/self/ns/net\n",
      sandbox.new({script = "true", network = "/proc/self/ns/net"}):plan():describe())
  end)
end)
