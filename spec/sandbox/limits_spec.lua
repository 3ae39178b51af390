local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local limit = require "moonsand.sandbox.limit"
local sandbox = require "moonsand.sandbox"

local function run(options)
  return sandbox.new(options):run()
end

local function refused(given)
  local ok, problem = pcall(limit.check, given)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  return tostring(problem)
end

local function marker()
  return ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
end

describe("the limits of an option table", function()
  it("take sizes with suffixes, whole and broken", function()
    local own = limit.check {memory = "64M", file_size = "1.5K", stack = 4096, disk = "2G"}
    assert.are.equal(64 << 20, own.memory.value)
    assert.are.equal(1536, own.file_size.value)
    assert.are.equal(4096, own.stack.value)
    assert.are.equal(2 << 30, own.disk.value)
  end)

  it("may be best effort, as a table or as a text", function()
    assert.are.same({value = 1 << 31, best_effort = true},
      limit.check({memory = "best_effort:2G"}).memory)
    assert.are.same({value = 7, best_effort = true},
      limit.check({pids = {value = 7, best_effort = true}}).pids)
  end)

  it("have a soft and a hard one for a resource", function()
    local files = limit.check({files = {soft = 10, hard = "unlimited"}}).files
    assert.are.equal(10, files.soft)
    assert.are.equal("unlimited", files.hard)
  end)

  it("have a rate for each way for io: one for both, or one for each", function()
    assert.are.same({read = 1 << 20, write = 1 << 20}, limit.check({io = "1M"}).io.value)
    assert.are.same({read = 1 << 20}, limit.check({io = "read=1M"}).io.value)
    local both = {value = {read = 1 << 20, write = 5}, best_effort = true}
    assert.are.same(both, limit.check({io = "best_effort:read=1M,write=5"}).io)
    assert.are.same(both, limit.check({io = {read = "1M", write = 5, best_effort = true}}).io)
    assert.are.equal("unlimited", limit.check({io = "unlimited"}).io.value)
    assert.are.equal("io=read=1M,write=5", limit.shown("io", both.value))
  end)

  it("leave a program five seconds between XCPU and KILL", function()
    local time = limit.check({cpu_time = 3}).cpu_time
    assert.are.equal(3, time.soft)
    assert.are.equal(8, time.hard)
  end)

  it("are known by name; the nearest one is told", function()
    assert.matches("unknown limit 'memroy'\n  did you mean 'memory'", refused {memroy = 1})
    assert.matches("known: as core cpu", refused {xyzzyxyzzy = 1})
  end)

  for _, case in ipairs {
    {{memory = "12x"}, "memory=12x: it is not a size"}, {{memory = "-1"}, "not a size"},
    {{memory = 0}, "nothing can run"}, {{memory = "1e3"}, "not a size"},
    {{disk = ""}, "not a size"},
    {{memory = "99999999999999999999"}, "not a size"}, {{pids = 1.5}, "not a number of processes"},
    {{pids = 0}, "nothing can run"}, {{cpu = 0}, "above 0"}, {{cpu = "two"}, "number of cores"},
    {{cpu_time = 0.5}, "whole seconds"}, {{io = "fast"}, "not a size"},
    {{io = "read=1M,right=2M"}, "not a rate"}, {{io = {read = 0}}, "nothing can run"},
    {{pids = {read = 1}}, "only 'io' has"},
    {{files = {soft = 3, hard = 2}}, "above the hard limit"}, {{files = {}}, "there is no value"},
    {{memory = {soft = 1}}, "only a resource"}, {{files = {value = 1, best = true}}, "unknown key"},
    {{files = true}, "a number or a text"}, {{wall = -1}, "above 0"},
  } do
    local name = next(case[1])
    it(("refuse %s because %s"):format(name, case[2]), function()
      assert.is_truthy(refused(case[1]):find(case[2], 1, true), refused(case[1]))
    end)
  end

  it("print their sizes as they are written", function()
    assert.are.equal("64M", limit.text(64 << 20))
    assert.are.equal("1.5K", limit.text(1536))
    assert.are.equal("7", limit.text(7))
  end)
end)

describe("the step rlimit", function()
  it("is checked: names, values, soft above hard", function()
    assert.has_error(function() core.rlimit {nofiles = 1} end, "rlimit: unknown field 'nofiles'")
    assert.has_error(function() core.rlimit {} end, "rlimit: no limit is named")
    assert.has_error(function() core.rlimit {nofile = {3, 2}} end,
      "rlimit: the soft limit of 'nofile' is above its hard limit")
    assert.has_error(function() core.rlimit {nofile = -1} end)
    assert.has_error(function() core.rlimit {nofile = "much"} end)
  end)

  it("limits the current process when it is called directly", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      assert(core.rlimit {nofile = {20, 30}, core = 0, cpu = "unlimited"})
      io.write(core.rlimits().nofile.soft, " ", core.rlimits().nofile.hard, " ",
        core.rlimits().core.hard)
    ]]
    assert.are.equal("20 30 0", out)
  end)

  it("says which resource the kernel refuses", function()
    local process, message, errno, details = core.spawn {
      {"rlimit", nofile = 1 << 40}, {"exec", argv = {"true"}, init = false},
    }
    assert.is_nil(process)
    assert.matches("rlimit: setrlimit nofile: Operation not permitted", message)
    assert.are.equal(1, errno)
    assert.are.equal("rlimit", details.verb)
  end)

  it("holds for the program, not for its pid 1", function()
    local r = run {script = "cat /proc/self/limits; cat /proc/1/limits", limits = {files = 9},
      ids = "root"}
    local program, init = r.stdout:match("Max open files +(%d+).*Max open files +(%d+)")
    assert.are.equal("9", program)
    assert.are_not.equal("9", init)
  end)
end)

describe("a resource", function()
  for _, case in ipairs {
    {"files", 77, "Max open files", 77}, {"file_size", "1M", "Max file size", 1 << 20},
    {"cpu_time", 9, "Max cpu time", 9}, {"stack", "1M", "Max stack size", 1 << 20},
    {"as", "1G", "Max address space", 1 << 30}, {"data", "1G", "Max data size", 1 << 30},
    {"memlock", "4K", "Max locked memory", 4096}, {"nproc", 50, "Max processes", 50},
    {"sigpending", 60, "Max pending signals", 60}, {"msgqueue", "8K", "Max msgqueue size", 8192},
  } do
    it(("'%s' is what the program sees in /proc/self/limits"):format(case[1]), function()
      local r = run {script = "cat /proc/self/limits", limits = {[case[1]] = case[2]}}
      assert.are.equal(tostring(case[4]), r.stdout:match(case[3] .. " +(%d+)"), r.message)
    end)
  end

  it("has no core dumps unless asked for", function()
    local r = run {script = "cat /proc/self/limits"}
    assert.matches("Max core file size +0 +0 ", r.stdout, 1, false, r.message or r.stderr)
    assert.matches("Max core file size +4096 +4096 ",
      run({script = "cat /proc/self/limits", limits = {core = 4096}}).stdout)
  end)

  it("above the caller's own is a failure that names it, and what to do", function()
    local r = run {script = "true", limits = {files = 1 << 40}}
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal("limit", r.verb)
    assert.matches("limit files=1099511627776 cannot be applied: the caller's own hard limit is %d",
      r.message)
    assert.matches("prlimit .*best_effort", r.hint)
    assert.are.equal(125, r:code())
  end)

  it("above the caller's own is as near as possible with best effort, and told", function()
    local r = run {script = "ulimit -n", limits = {files = {value = 1 << 40, best_effort = true}}}
    assert.are.equal(core.rlimits().nofile.hard .. "\n", r.stdout)
    assert.are.equal("limits.files", r.not_enforced[1].option)
    assert.matches("hard limit is", r.not_enforced[1].reason)
  end)

  it("that ends the program is among the limits that were hit", function()
    local r = run {command = {"sh", "-c", "exec dd if=/dev/zero of=/tmp/x bs=3000 count=1"},
      limits = {file_size = 2000}}
    assert.are.equal("signal", r.outcome)
    assert.are.equal("XFSZ", r.signal)
    assert.are.same({"file_size"}, r.limits_hit)
    assert.are.same({}, run({script = "true", limits = {file_size = 2000}}).limits_hit)
  end)
end)

describe("the limit 'disk'", function()
  it("bounds the upper layer that vanishes", function()
    local r = run {script = "dd if=/dev/zero of=/work/x bs=64K count=64", lower = {"/usr/share"},
      limits = {disk = "1M"}}
    assert.is_false(r.ok)
    assert.matches("No space left on device", r.stderr)
  end)

  for _, path in ipairs {"/tmp", "/dev/shm", "/mine"} do
    it("bounds " .. path .. ", too", function()
      local r = run {script = ("dd if=/dev/zero of=%s/x bs=64K count=64"):format(path),
        tmpfs = {{target = "/mine"}}, limits = {disk = "1M"}}
      assert.matches("No space left on device", r.stderr)
    end)
  end

  it("leaves a size alone that a tmpfs has of its own", function()
    local r = run {script = "dd if=/dev/zero of=/mine/x bs=64K count=64",
      tmpfs = {{target = "/mine", size = "8M"}}, limits = {disk = "1M"}}
    assert.is_true(r.ok, r.stderr)
  end)

  it("cannot bound an upper that is kept on a disk, and says so", function()
    local dir <close> = host.scratch()
    local overlays = {{target = "/work", lower = {"/usr/share"}, upper = dir.path .. "/up"}}
    local r = run {script = "true", overlays = overlays, limits = {disk = "1M"}}
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("limit disk=1M cannot be applied: the upper directory .*/up is kept", r.message)
    r = run {script = "true", overlays = overlays, limits = {disk = "best_effort:1M"}}
    assert.is_true(r.ok)
    assert.are.equal("limits.disk", r.not_enforced[1].option)
  end)
end)

describe("an idle timeout", function()
  it("ends a program that writes nothing", function()
    local r = run {script = "echo a; sleep 100", idle_timeout = 1}
    assert.are.equal("timeout", r.outcome)
    assert.are.equal("idle", r.timed_out_by)
    assert.are.same({"idle"}, r.limits_hit)
    assert.are.equal("a\n", r.stdout)
    assert.are.equal(124, r:code())
    assert.matches("no output for too long", tostring(r))
  end)

  it("is not what ends a program that has a wall timeout first", function()
    local r = run {script = "sleep 100", idle_timeout = 60, timeout = 0.2}
    assert.are.equal("wall", r.timed_out_by)
    assert.are.same({"wall"}, r.limits_hit)
  end)

  it("starts anew with each output, on either stream", function()
    local pipe, writer <close> = core.pipe()
    local running <close> = sandbox.new({script = "read x; echo $x >&2; sleep 100", stdin = pipe,
      idle_timeout = 60}):start()
    local before = running.idle_at
    core.poll({}, 0.05)
    writer:write("a\n")
    repeat running:step({}) until running.streams.kept.stderr:text() ~= ""
    assert.is_true(running.idle_at > before)
  end)

  for stdout, reason in pairs {inherit = "'stdout' does not pass", ["/dev/null"] = "'stdout' does",
    null = "all of it goes to"} do
    it("is refused with a reason when stdout is " .. stdout, function()
      local ok, problem = pcall(sandbox.new, {script = "true", idle_timeout = 1, stdout = stdout,
        stderr = "stdout"})
      assert.is_false(ok)
      assert.is_truthy(tostring(problem):find(reason, 1, true), tostring(problem))
    end)
  end
end)

describe("a sandbox that is stopped", function()
  local function states(mark)
    local list = {}
    for _, pid in ipairs(host.processes(mark)) do
      local text = host.read(("/proc/%d/stat"):format(pid))
      list[#list + 1] = text and text:match("^.*%) (%a)")
    end
    return table.concat(list)
  end

  it("has no process that runs, and goes on where it was", function()
    local mark = marker()
    local pipe, writer <close> = core.pipe()
    local running <close> = sandbox.new({
      script = ("mkfifo /tmp/f; sh -c 'read x </tmp/f; : %s' & one=$!;"
        .. " (setsid sh -c 'sleep 1000; : %s' &) ; read x; echo $x >/tmp/f; wait $one; exit 7")
        :format(mark, mark), stdin = pipe}):start()
    assert.is_true(host.eventually(function() return #host.processes(mark) >= 3 end))
    assert(running:stop())
    -- D: it has made a child by vfork(2), which stopped before it executed
    assert.is_true(host.eventually(function()
      return states(mark):find("^[TD]+$") ~= nil
    end), states(mark))
    assert(running:continue())
    writer:write("go\n")
    assert.are.equal(7, running:wait().exit_code)
    assert.are.same({}, host.processes(mark))
  end)

  it("may be stopped and continued twice without a difference", function()
    local running <close> = sandbox.new({script = "sleep 0.1; exit 5"}):start()
    assert(running:stop())
    assert(running:stop())
    assert(running:continue())
    assert(running:continue())
    assert.are.equal(5, running:wait().exit_code)
  end)

  it("is not overdue: its clocks stand still", function()
    local running <close> = sandbox.new({script = "exit 5", timeout = 100,
      idle_timeout = 50}):start()
    local wall, idle = running.term_at, running.idle_at
    assert(running:stop())
    assert.is_nil(running:time_left())
    core.poll({}, 0.05)
    assert(running:continue())
    assert.is_true(running.term_at > wall and running.idle_at > idle)
    assert.are.equal(5, running:wait().exit_code)
  end)

  it("dies when it is closed", function()
    local mark = marker()
    local running = sandbox.new({script = "sleep 1000; : " .. mark}):start()
    assert.is_true(host.eventually(function() return #host.processes(mark) > 0 end))
    assert(running:stop())
    running:close()
    assert.are.same({}, host.processes(mark))
  end)

  it("cannot be one whose program is pid 1 itself: there is nobody to stop the others", function()
    local running <close> = sandbox.new({script = "sleep 1000", as_init = true}):start()
    local ok, message = running:stop()
    assert.is_nil(ok)
    assert.matches("only be stopped by a control group", message)
  end)

  it("may be one program of a prepared sandbox", function()
    local box <close> = assert(sandbox.new({}):prepare())
    local running <close> = box:start "sleep 0.1; exit 5"
    assert(running:stop())
    assert(running:continue())
    assert.are.equal(5, running:wait().exit_code)
  end)
end)
