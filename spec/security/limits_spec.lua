-- What a program cannot take, and what is left of a limited sandbox: nothing.
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"
local sweep = require "moonsand.sandbox.sweep"

local function run(options)
  return sandbox.new(options):run()
end

local layout = cgroup.host(cgroup.world())

--- Do groups with these limits work here? Pending with the reason where they do not.
local function able(...)
  local limits = {}
  for _, name in ipairs {...} do limits[name] = name == "memory" and "1G" or 100 end
  local r = run {script = "true", limits = limits}
  if r.outcome ~= "setup_failed" then return true end
  pending(r.message)
  return false
end

--- Directories in which a limited sandbox of this caller has groups.
local function places()
  local list = {}
  for _, one in pairs(layout.v1) do list[#list + 1] = one.dir end
  list[#list + 1] = layout.v2 and layout.v2.dir and cgroup.without_leaf(layout.v2.dir)
  return list
end

--- Groups of a caller's own; not the leaf in which it is itself.
local function groups_of(pid)
  local found = {}
  for _, dir in ipairs(places()) do
    for _, name in ipairs(core.readdir(dir) or {}) do
      if name:find(("^moonsand%%-%d%%-"):format(pid)) and not sweep.is_leaf(name) then
        found[#found + 1] = dir .. "/" .. name
      end
    end
  end
  return found
end

--- Pending where groups can be had; else true.
local function unable()
  local r = run {script = "true", limits = {memory = "1G"}}
  if r.outcome == "setup_failed" then return true end
  pending "this caller can make groups"
  return false
end

local hog = {"perl", "-e", "my $x = 'a' x (400 << 20); print 'not reached'"}

describe("memory", function()
  it("has a bound: a program that asks for more is killed, which is told with the peak", function()
    if not able "memory" then return end
    local r = run {command = hog, limits = {memory = "64M"}}
    assert.are.equal("oom", r.outcome)
    assert.is_false(r.ok)
    assert.are.equal("KILL", r.signal)
    assert.are.same({"memory"}, r.limits_hit)
    assert.is_true(r.usage.memory_peak > 60 << 20 and r.usage.memory_peak <= 64 << 20)
    assert.are.equal("", r.stdout)
    assert.are.equal(137, r:code())
    assert.are.equal("out of memory, at 64M", tostring(r))
  end)

  it("has a bound for all processes together", function()
    if not able "memory" then return end
    local r = run {script = [[
      for i in 1 2 3 4 5 6 7 8; do
        perl -e '$x = "a" x (20 << 20); sleep 1' & pids="$pids $!"
      done
      for p in $pids; do wait $p; done
    ]], limits = {memory = "64M"}}
    assert.are.same({"memory"}, r.limits_hit)
    assert.are.equal("oom", r.outcome)
  end)

  it("has a bound that files in memory count for", function()
    if not able "memory" then return end
    local r = run {script = "head -c 400M /dev/zero >/tmp/x", limits = {memory = "64M"}}
    assert.are.same({"memory"}, r.limits_hit)
    assert.is_false(r.ok)
  end)

  it("that ran out for a child is no failure when the program goes on and ends well", function()
    if not able "memory" then return end
    local r = run {script = "perl -e '$x = \"a\" x (400 << 20)' || true; exit 0",
      limits = {memory = "64M"}}
    assert.is_true(r.ok)
    assert.are.equal("exit", r.outcome)
    assert.are.same({"memory"}, r.limits_hit)
  end)

  it("has a peak without a bound, too", function()
    if not able "memory" then return end
    local r = run {command = {"perl", "-e", "my $x = 'a' x (50 << 20)"},
      limits = {memory = "unlimited"}}
    assert.is_true(r.ok)
    assert.is_true(r.usage.memory_peak >= 50 << 20)
  end)

  for _, ids in ipairs {"self", "root", "range"} do
    it("of nearly nothing ends the sandbox, never its caller: ids = " .. ids, function()
      if not able "memory" then return end
      local out, ended = host.lua(([[
        local sandbox = require "moonsand.sandbox"
        for _, size in ipairs {4096, 65536, 262144, 1048576} do
          local r = sandbox.new({script = "true", ids = "%s", limits = {memory = size}}):run()
          assert(r.outcome == "oom" or r.outcome == "setup_failed" or r.ok, r.outcome)
        end
        io.write("alive")
      ]]):format(ids))
      assert.are.equal("alive", out)
      assert.are.equal(0, ended.exit_code)
    end)
  end
end)

describe("a fork bomb", function()
  it("is contained, and the result says by which limit", function()
    if not able "pids" then return end
    local r = run {command = {"sh", "-c", "f() { f | f & }; f; sleep 1; exit 3"}, timeout = 20,
      limits = {pids = 30}}
    assert.are.same({"pids"}, r.limits_hit)
    assert.is_true(r.usage.pids_peak <= 30)
    assert.are.equal(30, r.usage.pids_peak)
  end)

  it("by a loop is contained, too", function()
    if not able "pids" then return end
    local r = run {command = {"perl", "-e", "for (1..100) { fork // exit 9 or sleep 5 }"},
      limits = {pids = 30}}
    assert.are.equal(9, r.exit_code)
    assert.are.same({"pids"}, r.limits_hit)
  end)

  it("may have as many processes as the limit says, pid 1 of ours not counted", function()
    if not able "pids" then return end
    local r = run {command = {"perl", "-e",
      "for (1..4) { fork // exit 9 or do { sleep 5; exit } } exit 0"}, limits = {pids = 5}}
    assert.are.equal(0, r.exit_code)
    assert.are.same({}, r.limits_hit)
    assert.are.equal(5, r.usage.pids_peak)
  end)

  it("is contained by nproc without any group: each sandbox has its own count", function()
    if host.is_root() then return pending "the kernel does not count processes of root" end
    local r = run {command = {"sh", "-c", "f() { f | f & }; f; sleep 1; exit 3"}, timeout = 20,
      limits = {nproc = 30}}
    assert.matches("Cannot fork", r.stderr)
  end)
end)

describe("cpu time", function()
  it("that is used up ends the program with XCPU", function()
    local r = run {command = {"sh", "-c", "while :; do :; done"}, limits = {cpu_time = 1},
      timeout = 60}
    assert.are.equal("signal", r.outcome)
    assert.are.equal("XCPU", r.signal)
    assert.are.same({"cpu_time"}, r.limits_hit)
  end)

  it("is counted for all processes of a sandbox with a limit of cpu", function()
    if not able "cpu" then return end
    local r = run {limits = {cpu = 8}, script = [[
      for n in 1 2 3; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & done; wait]]}
    assert.is_true(r.ok)
    assert.is_true(r.usage.user > 0)
    assert.are.equal("number", type(r.usage.cpu_throttled))
  end)
end)

describe("files", function()
  it("that are too large end the program with XFSZ", function()
    local r = run {command = {"dd", "if=/dev/zero", "of=/tmp/x", "bs=3000", "count=1"},
      limits = {file_size = 2000}}
    assert.are.equal("XFSZ", r.signal)
    assert.are.same({"file_size"}, r.limits_hit)
  end)

  it("that are too many are refused with EMFILE", function()
    local r = run {command = {"perl", "-e",
      "my @f; for (1..20) { open($f[$_], '<', '/dev/null') or die $! }"}, limits = {files = 10}}
    assert.matches("Too many open files", r.stderr)
  end)

  it("cannot be allowed back by the program", function()
    local r = run {script = "ulimit -n 100 && echo raised", limits = {files = 10}, ids = "root"}
    assert.are.equal("", r.stdout)
    assert.is_false(r.ok)
  end)
end)

describe("a group that cannot be had", function()
  it("fails the run, with the path, the owner and what to do", function()
    if not unable() then return end
    local r = run {script = "echo not reached", limits = {memory = "64M"}}
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal(125, r:code())
    assert.are.equal("", r.stdout)
    assert.matches("^limit memory=64M cannot be applied: ", r.message)
    if layout.kind ~= "none" then assert.is_truthy(r.message:find("/", 1, true)) end
    assert.matches("root", r.hint)
    assert.matches("best_effort", r.hint)
  end)

  it("lets a best-effort run go on, and the result says what did not hold", function()
    if not unable() then return end
    local r = run {script = "echo ran", limits = {memory = "best_effort:64M",
      pids = {value = 5, best_effort = true}}}
    assert.is_true(r.ok)
    assert.are.equal("ran\n", r.stdout)
    assert.are.equal("limits.memory", r.not_enforced[1].option)
    assert.are.equal("limits.pids", r.not_enforced[2].option)
    assert.are.equal("string", type(r.not_enforced[1].reason))
  end)

  it("is not looked for when no limit needs one", function()
    local out = host.lua [[
      local sandbox = require "moonsand.sandbox"
      local cgroup = require "moonsand.sandbox.cgroup"
      cgroup.host = function() error "looked" end
      io.write(tostring(sandbox.new({script = "true", limits = {files = 9, disk = "1M", wall = 9}})
        :run().ok))
    ]]
    assert.are.equal("true", out)
  end)
end)

describe("the program in a group", function()
  it("sees it as the root of all groups, and has no file of it", function()
    if not able "memory" then return end
    local r = run {script = "cat /proc/self/cgroup; ls /sys/fs/cgroup",
      limits = {memory = "64M", pids = 20}}
    assert.is_nil(r.stdout:find("moonsand", 1, true))
    assert.matches(layout.v1.memory and "memory:/\n" or "^0::/\n$", r.stdout)
    assert.matches("No such file", r.stderr)
  end)

  it("is in it before its first instruction: what it forks is, too", function()
    if not able "pids" then return end
    for _ = 1, 20 do
      local r = run {command = {"perl", "-e", "fork // exit 9 for 1..3; exit 0"},
        limits = {pids = 1}}
      assert.are.equal(9, r.exit_code)
    end
  end)
end)

describe("nothing of a limited sandbox", function()
  local limits = {memory = "256M", pids = 50, cpu = 1, io = "best_effort:1G"}

  it("is left among the groups: not after an end, a failure, a kill or a close", function()
    if not able "memory" then return end
    run {script = "true", limits = limits}
    run {script = "sleep 100 & exit 3", limits = limits}
    run {script = "true", binds = {{source = "/nosuch"}}, limits = limits}
    run {command = {"/nosuch"}, limits = limits}
    run {command = hog, limits = {memory = "32M"}}
    run {script = "sleep 100", timeout = 0.1, limits = limits}
    local running = sandbox.new({script = "sleep 100", limits = limits}):start()
    assert.is_true(#groups_of(core.getpid()) > 0)
    running:close()
    assert.are.same({}, groups_of(core.getpid()))
  end)

  it("is left among the groups when it is forgotten", function()
    if not able "memory" then return end
    do sandbox.new({script = "sleep 100", limits = limits}):start() end
    collectgarbage()
    collectgarbage()
    assert.are.same({}, groups_of(core.getpid()))
  end)

  it("is open in the caller: descriptors are as before", function()
    if not able "memory" then return end
    run {script = "true", limits = limits}
    local before = host.count_fds()
    for _ = 1, 30 do run {script = "true", limits = limits} end
    for _ = 1, 5 do run {script = "true", limits = limits, binds = {{source = "/nosuch"}}} end
    assert.are.equal(before, host.count_fds())
    assert.are.same({}, groups_of(core.getpid()))
  end)

  for how, stop in pairs {killed = "", ["killed while all was frozen"] = "assert(r:stop())"} do
    it("is left when the caller was " .. how .. ": the next caller takes it away", function()
      if not able "memory" then return end
      local reader <close>, writer = core.pipe()
      local mark = ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
      local process <close> = host.start({"lua5.4", "-e", [[
        local sandbox = require "moonsand.sandbox"
        local r = sandbox.new({script = "sleep 1000; : ]] .. mark .. [[",
          limits = {memory = "256M", pids = 50}}):start()
        ]] .. stop .. [[ io.write("up\n") io.flush()
        require("moonsand.core").poll({}, 1000)
        print(r)
      ]]}, {[0] = 0, [1] = writer, [2] = 2})
      writer:close()
      assert.are.equal("up\n", reader:read())
      local pid = process:pid()
      assert.is_true(#groups_of(pid) > 0)
      process:kill("KILL")
      core.poll {{fd = process}}
      process:wait()
      -- its pid 1 dies with it, and all inside; then the groups are empty
      local function next_caller()
        host.lua [[require("moonsand.sandbox").new({script = "true", limits = {memory = "256M",
          pids = 50}}):run()]]
        return #groups_of(pid) == 0
      end
      assert.is_true(host.eventually(next_caller))
      assert.are.same({}, host.processes(mark))
    end)
  end

  it("is shared by others: two at once have a group each", function()
    if not able "memory" then return end
    local one <close> = sandbox.new({script = "sleep 100", limits = {pids = 5}}):start()
    local two <close> = sandbox.new({script = "sleep 100", limits = {pids = 5}}):start()
    assert.are_not.equal(one.options.groups.name, two.options.groups.name)
    assert.are.equal(one.options.groups.by_role.pids.parent, two.options.groups.by_role.pids.parent)
  end)
end)

describe("a limited sandbox", function()
  it("is frozen and thawed without its program's noticing", function()
    if not able "pids" then return end
    local pipe, writer <close> = core.pipe()
    local running <close> = sandbox.new({
      script = "echo up; read x; echo $x; exit 7", stdin = pipe, limits = {pids = 20}}):start()
    repeat running:step({}) until running.streams.kept.stdout:text() ~= ""
    assert(running:stop())
    assert.is_true(running.options.groups.frozen)
    writer:write("go\n")
    assert(running:continue())
    local r = running:wait()
    assert.are.equal("up\ngo\n", r.stdout)
    assert.are.equal(7, r.exit_code)
  end)

  it("can be stopped though its program is pid 1", function()
    if not able "pids" then return end
    local running <close> = sandbox.new({script = "exit 6", as_init = true,
      limits = {pids = 20}}):start()
    assert(running:stop())
    assert(running:continue())
    assert.are.equal(6, running:wait().exit_code)
  end)

  it("dies when it is closed while it is frozen", function()
    if not able "pids" then return end
    local mark = ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
    local running = sandbox.new({script = "sleep 1000; : " .. mark, limits = {pids = 20}}):start()
    assert(running:stop())
    running:close()
    assert.are.same({}, host.processes(mark))
    assert.are.same({}, groups_of(core.getpid()))
  end)

  it("may be prepared: its programs share the bound, each hears of its own misfortune", function()
    if not able "memory" then return end
    local box <close> = assert(sandbox.new({limits = {memory = "64M", pids = 10}}):prepare())
    assert.are.equal("oom", box:run({command = hog}).outcome)
    local r = box:run "cat /proc/self/cgroup"
    assert.is_true(r.ok)
    assert.are.same({}, r.limits_hit)
    assert.is_nil(r.stdout:find("moonsand", 1, true))
    box:close()
    assert.are.same({}, groups_of(core.getpid()))
  end)

  for what, script in pairs {
    ["forks without a pause"] = "while :; do (:) | (:); done & while :; do /bin/true; done",
    ["executes without a pause"] = [[exec perl -e 'exec $^X, "-e", $ENV{P}']],
    ["holds a parent in vfork, a stopped process, and one that waits for a file"] =
      "sh -c 'kill -STOP $$' & mkfifo /tmp/f; cat /tmp/f & perl -e 'syscall(58) or sleep 1000'",
  } do
    it("is frozen, each time, and goes on when it " .. what, function()
      if not able "pids" then return end
      local running <close> = sandbox.new({script = "echo up; " .. script, limits = {pids = 100},
        env = {P = 'exec $^X, "-e", $ENV{P}'}}):start()
      repeat running:step({}) until running.streams.kept.stdout:text() ~= ""
      core.poll({}, 0.1)
      for _ = 1, 50 do
        assert(running:stop())
        assert(running:continue())
      end
    end)
  end
end)
