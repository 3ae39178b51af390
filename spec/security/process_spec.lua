local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function marker()
  return ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
end

local function run(options)
  if type(options) == "string" then options = {script = options} end
  return sandbox.new(options):run()
end

describe("nothing of the caller", function()
  it("is open inside but what the fd map names; pid 1 has three of its own", function()
    -- 9, 10 and 251 are open in the caller, and not close-on-exec
    local text = [[
      local sandbox = require "moonsand.sandbox"
      io.write(sandbox.new({script =
        "ls /proc/$$/fd; ls /proc/1/fd 2>/dev/null | tail -n +4"}):run().stdout)
    ]]
    local reader <close>, writer = core.pipe()
    local null <close> = core.open("/dev/null", "r")
    local process <close> = host.start({"lua5.4", "-e", text},
      {[0] = null, [1] = writer, [2] = 2, [9] = null, [10] = null, [251] = null})
    writer:close()
    assert.are.equal("0\n1\n2\n", host.drain(reader))
    assert(process)
  end)

  it("changes by making sandboxes: descriptors and mounts are as before", function()
    run "true"
    collectgarbage() -- what other specs have dropped
    local fds, mounts = host.count_fds(), host.mountinfo()
    for _ = 1, 100 do run {script = "true", lower = {"/usr", "/etc"}} end
    for _ = 1, 20 do run {script = "true", binds = {{source = "/nosuch"}}} end
    collectgarbage()
    assert.are.equal(fds, host.count_fds())
    assert.are.equal(mounts, host.mountinfo())
  end)

  it("is ignored or blocked inside: signals start fresh", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      core.signals("TERM", "INT", "HUP")
      local sandbox = require "moonsand.sandbox"
      io.write(sandbox.new({script = "grep -E 'SigBlk|SigIgn' /proc/self/status"}):run().stdout)
    ]]
    assert.are.equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", out)
    local reader <close>, writer = core.pipe()
    local process <close> = host.start({"sh", "-c", "trap '' PIPE HUP INT; exec \"$@\"", "sh",
      "lua5.4", "-e", [[io.write(require("moonsand.sandbox").new({
        script = "grep SigIgn /proc/self/status"}):run().stdout)]]},
      {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    assert.are.equal("SigIgn:\t0000000000000000\n", host.drain(reader))
    assert(process)
  end)

  it("is ignored in a way that its end goes unheard: not SIGCHLD, which some callers ignore",
    function()
      local text = [[local sandbox = require("moonsand.sandbox")
        io.write(sandbox.new({script = "exit 3"}):run().exit_code)
        local prepared <close> = assert(sandbox.new({}):prepare())
        io.write(prepared:run("exit 4").exit_code)]]
      local reader <close>, writer = core.pipe()
      local process <close> = host.start({"perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV",
        "lua5.4", "-e", text}, {[0] = 0, [1] = writer, [2] = 2})
      writer:close()
      assert.are.equal("34", host.drain(reader))
      assert(process)
      local command <close> = host.start {"perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV",
        "bin/moonsand", "run", "--", "sh", "-c", "exit 5"}
      core.poll {{fd = command}}
      assert.are.equal(5, command:wait().exit_code)
    end)

  it("is ignored inside, a real-time signal neither", function()
    local reader <close>, writer = core.pipe()
    local process <close> = host.start({"perl", "-e",
      '$SIG{RTMIN} = "IGNORE"; $SIG{RTMAX} = "IGNORE"; exec @ARGV', "lua5.4", "-e",
      [[io.write(require("moonsand.sandbox").new({
        script = "grep SigIgn /proc/self/status"}):run().stdout)]]},
      {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    assert.are.equal("SigIgn:\t0000000000000000\n", host.drain(reader))
    assert(process)
  end)
end)

describe("nothing of a sandbox", function()
  it("lives on when its program has ended: not a daemon, not behind nohup and setsid", function()
    local mark = marker()
    local r = run {script = ([[
      (setsid sh -c 'sleep 1000; : %s' >/dev/null 2>&1 &)
      (trap '' TERM HUP; exec setsid nohup sh -c 'sleep 1000; : %s' >/dev/null 2>&1 &)
      sh -c '(sleep 1000; : %s) & (sleep 1000; : %s) &' &
      sleep 0.1
      exit 3
    ]]):gsub("%%s", mark)}
    assert.are.equal(3, r.exit_code)
    assert.is_true(r.leftovers >= 2)
    assert.are.same({}, host.processes(mark))
  end)

  it("holds the caller's pipes open", function()
    local r = run "sleep 1000 & echo done"
    assert.are.equal("done\n", r.stdout)
  end)

  it("lives on as a daemon that has forked twice and closed all its files", function()
    local mark = marker()
    local r = run {command = {"perl", "-e", [[
      use POSIX;
      pipe(my $up, my $ready);
      if (fork == 0) {
        setsid;
        exit if fork;
        $SIG{$_} = "IGNORE" for qw(TERM HUP INT QUIT PIPE);
        chdir "/";
        syswrite $ready, "x";
        POSIX::close($_) for 0 .. 255;
        sleep 1000;
      }
      wait;
      sysread $up, my $x, 1;
      exit 5;
    ]], mark}}
    assert.are.equal(5, r.exit_code)
    assert.are.equal(1, r.leftovers)
    assert.are.same({}, host.processes(mark))
  end)

  it("stays a zombie: 1,000 orphans are reaped, and the code is the program's own", function()
    local r = run [[
      zombies() { grep -l 'State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l; }
      i=0
      while [ $i -lt 1000 ]; do (sh -c 'exit 99' &) ; i=$((i+1)); done
      n=0 left=1
      while [ $(ls /proc | grep -c '^[0-9]') -gt 6 ] || [ $left -gt 0 ] && [ $n -lt 400 ]; do
        n=$((n+1)); sleep 0.05; left=$(zombies)
      done
      echo $left
      exit 4
    ]]
    assert.are.equal("0\n", r.stdout)
    assert.are.equal(4, r.exit_code)
  end)

  it("lives on when its handle is closed", function()
    local mark = marker()
    local running = assert(sandbox.new({script = "sleep 1000; : " .. mark}):start())
    assert.is_true(host.eventually(function() return #host.processes(mark) > 0 end))
    running:close()
    assert.are.same({}, host.processes(mark))
  end)

  it("lives on when the caller leaves without a word", function()
    local mark = marker()
    host.lua(([[
      local r = require("moonsand.sandbox").new({script = "sleep 1000; : %s"}):start()
      os.exit(0, false)
    ]]):format(mark))
    assert.is_true(host.eventually(function() return #host.processes(mark) == 0 end))
  end)

  it("lives on when the caller is killed, at whatever moment: 200 times", function()
    local mark = marker()
    local mounts = host.mountinfo()
    local text = ([[
      local sandbox = require "moonsand.sandbox"
      local box = sandbox.new {script = "sleep 1000 & sleep 1000; : %s", lower = {"/usr", "/etc"}}
      local all = {}
      while true do all[#all + 1] = box:start() end
    ]]):format(mark)
    for i = 1, 200 do
      local process <close> = host.start({"lua5.4", "-e", text})
      core.poll({}, (i * 7 % 100) / 1000)
      process:kill("KILL")
      core.poll {{fd = process}}
    end
    assert.is_true(host.eventually(function() return #host.processes(mark) == 0 end))
    assert.are.equal(mounts, host.mountinfo())
  end)

  it("lives on when the program is pid 1 itself and the caller is killed", function()
    local mark = marker()
    local text = ([[
      local box = require("moonsand.sandbox").new {script = "sleep 1000; : %s", as_init = true}
      local r = box:start()
      io.write("up\n") io.flush()
      require("moonsand.core").poll({}, 1000)
      print(r)
    ]]):format(mark)
    local reader <close>, writer = core.pipe()
    local process <close> = host.start({"lua5.4", "-e", text}, {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    assert.are.equal("up\n", reader:read())
    assert.is_true(host.eventually(function() return #host.processes(mark) > 1 end))
    process:kill("KILL")
    assert.is_true(host.eventually(function() return #host.processes(mark) == 0 end))
  end)
end)

-- A program with threads and Lua inside: one thread makes a sandbox and is gone, another waits.
local host_program = [[
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
static void run(lua_State *L, const char *text)
{
  if (luaL_dostring(L, text)) fprintf(stderr, "%s\n", lua_tostring(L, -1));
}
static void *work(void *L)
{
  run(L, "core, sandbox = require 'moonsand.core', require 'moonsand.sandbox'"
         " running = sandbox.new({script = 'read x; exit 7', stdin = 'inherit'}):start()");
  return NULL;
}
int main(void)
{
  lua_State *L = luaL_newstate();
  pthread_t thread;
  luaL_openlibs(L);
  pthread_create(&thread, NULL, work, L);
  pthread_join(thread, NULL);
  puts("gone"), fflush(stdout);
  run(L, "local r = running:wait() print(r.exit_code or r.signal)");
  return 0;
}
]]

describe("a sandbox of a program with threads", function()
  it("lives on when the thread that made it ends: it is the process's", function()
    local dir <close> = host.scratch()
    local source = dir:file("host.c", host_program)
    local command = ("cc -w -I/usr/include/lua5.4 -o %s/host %s -llua5.4 -lpthread"):format(
      dir.path, source)
    assert(os.execute(command))
    local reader <close>, writer = core.pipe()
    local input, typist = core.pipe()
    local process <close> = host.start({dir.path .. "/host"},
      {[0] = input, [1] = writer, [2] = 2})
    writer:close()
    input:close()
    local text = ""
    while not text:find("gone\n", 1, true) do text = text .. assert(reader:read()) end
    typist:write("go\n")
    typist:close()
    assert.are.equal("7\n", host.drain(reader))
    assert(process)
  end)
end)

describe("the terminal of the caller", function()
  it("is not the program's: it has a session of its own", function()
    local r = run "exec 3<>/dev/tty"
    assert.is_false(r.ok)
    assert.matches("No such device or address", r.stderr)
  end)
end)
