-- `moonsand run` at a terminal: the spec sits at the other end of it.
local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local terminal = require "spec.support.terminal"

--- `moonsand run OPTION... -- sh -c SCRIPT` at a terminal.
local function run(options, script, streams)
  local argv = {"bin/moonsand", "run"}
  for _, word in ipairs(options) do argv[#argv + 1] = word end
  for _, word in ipairs {"--", "sh", "-c", script} do argv[#argv + 1] = word end
  return terminal.start(argv, streams)
end

local function mark()
  return ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
end

local function gone(text)
  return host.eventually(function() return #host.processes(text) == 0 end)
end

--- Run until it is up, in raw mode.
local function up(script, streams)
  local t = run({"--pty"}, script, streams)
  assert.is_true(t:shows "ready", t.shown)
  assert.is_true(host.eventually(function() return t:is_raw() end))
  return t
end

describe("moonsand run --pty", function()
  it("gives the program a terminal, of the size of the caller's", function()
    local t <close> = run({"--pty"}, "test -t 0 && test -t 1 && test -t 2 && stty size; exit 7")
    assert.are.equal(7, t:wait().exit_code)
    assert.are.equal("33 77\r\n", t.shown)
  end)

  it("tells the program when the caller's window changes", function()
    local t <close> = up "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    core.resize(t.master, 12, 34)
    assert.is_true(t:shows "12 34\r\n", t.shown)
    t:wait()
  end)

  it("gives every key to the program: ctrl-C interrupts what runs inside, not moonsand", function()
    local t <close> = up [[trap 'echo int' INT; echo ready
      until read line; do :; done; echo "line $line"; exit 4]]
    t:type "\3"
    assert.is_true(t:shows "int\r\n", t.shown)
    t:type "text\r"
    assert.are.equal(4, t:wait().exit_code, t.shown)
    assert.is_truthy(t.shown:find("line text\r\n", 1, true))
  end)

  it("ends by ctrl-C as the program does, and kills the whole job", function()
    local name = mark()
    local t <close> = up(("sh -c 'sleep 1000; : %s' & echo ready; wait"):format(name))
    t:type "\3"
    assert.are.equal(130, t:wait().exit_code)
    assert.is_true(gone(name))
    assert.is_false(t:is_raw())
  end)

  it("restores the caller's terminal when the program ends", function()
    local t <close> = up "echo ready; read line; exit 3"
    t:type "\r"
    assert.are.equal(3, t:wait().exit_code)
    assert.is_false(t:is_raw())
  end)

  for _, name in ipairs {"INT", "TERM", "HUP", "QUIT", "USR1", "USR2"} do
    it("restores it when it gets " .. name .. ", which ends the program", function()
      local t <close> = up "echo ready; exec sleep 1000"
      t.process:kill(name)
      assert.is_true(t:wait().exit_code > 128, t.shown)
      assert.is_false(t:is_raw())
    end)
  end

  it("restores it when nobody reads its output any more", function()
    local reader, writer = core.pipe()
    local t <close> = run({"--pty"}, "echo ready; while :; do echo more; sleep 0.05; done",
      {[1] = writer})
    writer:close()
    assert.matches("ready", reader:read())
    reader:close()
    t:wait()
    assert.is_false(t:is_raw())
    assert.is_truthy(t.shown:find("Broken pipe", 1, true), t.shown)
  end)

  it("restores it when the program cannot be executed, and says why", function()
    local t <close> = terminal.start {"bin/moonsand", "run", "--pty", "--", "nosuch"}
    assert.are.equal(127, t:wait().exit_code)
    assert.is_false(t:is_raw())
    assert.is_truthy(t.shown:find("nosuch: No such file or directory", 1, true))
  end)

  it("gives it back while it is stopped, with all that is inside, and takes it again", function()
    local time = ("1000.%d"):format(core.time_ns())
    local t <close> = up(("echo ready; exec sleep %s"):format(time))
    local function state(pid)
      return (host.read(("/proc/%d/stat"):format(pid)) or ""):match("^.*%) (%a)")
    end
    local function inside()
      local pid = host.processes("sleep\0" .. time)[1]
      return pid and state(pid)
    end
    assert.is_true(host.eventually(function() return inside() == "S" end))
    t.process:kill "TSTP"
    assert.is_true(host.eventually(function() return state(t.process:pid()) == "T" end))
    assert.is_true(host.eventually(function() return inside() == "T" end))
    assert.is_false(t:is_raw())
    t.process:kill "CONT"
    assert.is_true(host.eventually(function() return t:is_raw() end))
    assert.is_true(host.eventually(function() return inside() == "S" end))
    t:type "\3"
    assert.are.equal(130, t:wait().exit_code)
  end)

  it("kills what is inside when the terminal is gone", function()
    local name = mark()
    local t = up(("echo ready; exec sh -c 'sleep 1000; : %s'"):format(name))
    t.master:close()
    t.slave:close()
    assert.is_true(gone(name))
    t.process:close()
  end)

  it("types its input, when that is no terminal, and shows what comes on a pipe", function()
    local pipe <close> = assert(io.popen(
      "printf 'typed\\n' | bin/moonsand run --pty -- sh -c 'stty -echo; cat; test -t 1' | cat"))
    assert.matches("typed\r\n$", pipe:read "a")
  end)

  it("refuses other streams", function()
    local t <close> = run({"--pty", "--stdout", "/dev/null"}, "true")
    assert.are.equal(2, t:wait().exit_code)
  end)
end)

describe("a program inside", function()
  local sti

  setup(function()
    sti = probe.new {sti = [[
      #include <sys/ioctl.h>
      int main(int argc, char **argv) {
        int request = atoi(argv[1]), high = atoi(argv[2]);
        char byte[2] = {argv[3][0], 0};
        long number = (long)request | ((long)high << 32);
        int fds[] = {0, 1, 2, open("/dev/tty", O_RDWR)};
        for (int i = 0; i < 4; i++) {
          int n = syscall(SYS_ioctl, fds[i], number, byte);
          printf("%s ", n == 0 ? "done" : strerrorname_np(errno));
        }
        puts("end");
        return 0;
      }
    ]]}
  end)

  teardown(function() sti:close() end)

  --- Try an ioctl on all descriptors; the terminal afterwards.
  local function try(options, request, high, byte)
    local words = {"bin/moonsand", "run", "--ro", sti.dir.path .. ":/probe"}
    for _, word in ipairs(options) do words[#words + 1] = word end
    for _, word in ipairs {"--", "/probe/sti", tostring(request), tostring(high or 0),
      byte or "x"} do
      words[#words + 1] = word
    end
    local t = terminal.start(words)
    t:wait()
    assert.is_truthy(t.shown:find("end", 1, true), t.shown)
    return t
  end

  local TIOCSTI, TIOCLINUX = 0x5412, 0x541c

  for _, options in ipairs {{}, {"--pty"}, {"--seccomp", "none"},
    {"--pty", "--seccomp", "none"}, {"--ids", "root", "--seccomp", "none"}} do
    local name = #options > 0 and "with " .. table.concat(options, " ") or "without options"

    it("cannot push keys into the caller's terminal by TIOCSTI, " .. name, function()
      local t <close> = try(options, TIOCSTI)
      assert.is_false(t:unread())
    end)

    it("cannot push them by a request with bits above the 32nd, " .. name, function()
      local t <close> = try(options, TIOCSTI, 1)
      assert.is_false(t:unread())
    end)

    it("cannot paste by TIOCLINUX, " .. name, function()
      local t <close> = try(options, TIOCLINUX, 0, "\3")
      assert.is_false(t.shown:find("done", 1, true) ~= nil)
      assert.is_false(t:unread())
    end)
  end

  it("is told so by the filter", function()
    local t <close> = try({}, TIOCSTI)
    assert.is_truthy(t.shown:find("EPERM EPERM EPERM EPERM end", 1, true), t.shown)
  end)

  it("cannot make the caller's terminal its own", function()
    local t <close> = terminal.start {"bin/moonsand", "run", "--seccomp", "none", "--", "setsid",
      "-c", "sh", "-c", "exec 3<>/dev/tty && echo has it || echo has none"}
    t:wait()
    assert.is_falsy(t.shown:find("has it", 1, true), t.shown)
  end)

  it("would have its keys read by the spec: the spec sees what is typed", function()
    local t <close> = try({}, TIOCSTI)
    t:type "x"
    assert.is_true(t:unread())
  end)
end)
