-- The command as a program: what it prints, what it exits with, what it does with signals.
local core = require "moonsand.core"
local host = require "spec.support.host"

--- Run shell text that calls `moonsand`; its output (both streams), exit code.
local function shell(text)
  local pipe <close> = assert(io.popen(("exec 2>&1; M=bin/moonsand; %s"):format(text)))
  local out = pipe:read("a")
  local _, how, code = pipe:close()
  return out, how == "exit" and code or how
end

describe("moonsand run", function()
  it("tells what was asked for, its keys always in the same order", function()
    local record = shell
      [[$M run --observe /usr/include --json 1 -- sh -c '[ -e /usr/include/no.h ]']]
    assert.matches('"observed":%[{%s*"opened":false,%s*"path":"/usr/include/no.h",'
      .. '%s*"real":"[^"]*",%s*"state":"absent",%s*"executed":false%s*}%]', record)
    assert.matches('"usage":{%s*"user":[^}]*"system":[^}]*"max_rss":', record)
  end)

  it("passes output and exit code through", function()
    local out, code = shell "$M run -- sh -c 'echo out; echo err >&2; exit 7'"
    assert.are.equal("out\nerr\n", out)
    assert.are.equal(7, code)
  end)

  it("passes input through", function()
    assert.are.equal("ABC\n", (shell "echo abc | $M run -- tr a-z A-Z"))
  end)

  it("says 127 for a command that is not there, 126 for one that is no program", function()
    local out, code = shell "$M run -- no-such-program"
    assert.are.equal(127, code)
    assert.is_truthy(out:find("no-such-program", 1, true))
    assert.are.equal(126, select(2, shell "$M run -- /etc/passwd"))
  end)

  it("says 128 + n for a signal, 124 for a timeout", function()
    assert.are.equal(137, select(2, shell "$M run -- sh -c 'kill -KILL $$'"))
    assert.are.equal(124, select(2, shell "$M run --timeout 0.1 --grace 5 -- sleep 60"))
  end)

  it("says 125 and which step failed when there can be no sandbox", function()
    local out, code = shell "$M run --ro /no/such/source -- true"
    assert.are.equal(125, code)
    assert.is_truthy(out:find("bind /no/such/source", 1, true))
    assert.is_truthy(out:find("No such file or directory", 1, true))
  end)

  it("says 2 for a mistake among the options", function()
    local out, code = shell "$M run --tmpfs relative -- true"
    assert.are.equal(2, code)
    assert.is_truthy(out:find("'relative', is not an absolute path", 1, true))
  end)

  it("wants the command after --", function()
    local out, code = shell "$M run ls"
    assert.are.equal(2, code)
    assert.is_truthy(out:find("moonsand run -- ls", 1, true))
  end)

  it("mounts in the order of the command line", function()
    local dir <close> = host.scratch()
    dir:file("src/a", "from src\n")
    local out = shell(("$M run --tmpfs /x --ro %s/src:/x/y -- cat /x/y/a"):format(dir.path))
    assert.are.equal("from src\n", out)
    out = shell(("$M run --ro %s/src:/x --tmpfs /x -- ls /x"):format(dir.path))
    assert.are.equal("", out)
  end)

  it("stacks lower directories, the first one wins, and keeps the upper", function()
    local dir <close> = host.scratch()
    dir:file("one/a", "one\n")
    dir:file("two/a", "two\n")
    dir:file("two/b", "two\n")
    local out = shell(("cd %s && %s run --overlay /work --lower one --lower two --upper up -- " ..
      "sh -c 'cat a b; echo new >c'"):format(dir.path, "$OLDPWD/bin/moonsand"))
    assert.are.equal("one\ntwo\n", out)
    assert.are.equal("new\n", dir:read "up/c")
  end)

  it("binds what the caller has open, also after it was renamed", function()
    local dir <close> = host.scratch()
    dir:file("first", "text")
    assert.are.equal("text", (shell(("exec 7<%s/first; mv %s/first %s/second; "
      .. "$M run --ro /dev/fd/7:/x -- cat /x"):format(dir.path, dir.path, dir.path))))
  end)

  it("says what it has made on the caller's disk to mount there, and that once", function()
    local dir <close> = host.scratch()
    local words = ("$M run --rw %s:/w --ro /usr:/w/a/b -- true"):format(dir.path)
    assert.are.equal("moonsand: made on the disk, to mount there: /w/a /w/a/b\n", (shell(words)))
    assert.are.equal("", (shell(words)))
  end)

  it("prints the plan and runs nothing", function()
    local out, code = shell "$M run --plan --hostname box -- touch /no"
    assert.are.equal(0, code)
    assert.is_truthy(out:find("hostname +box"))
    assert.is_truthy(out:find("exec +touch"))
  end)

  it("writes the result as JSON, to a file or a descriptor", function()
    local dir <close> = host.scratch()
    shell(("$M run --json %s/r -- sh -c 'exit 3'"):format(dir.path))
    local record = require "dkjson".decode(dir:read "r")
    assert.are.equal(3, record.exit_code)
    assert.are.equal("exit", record.outcome)
    local out = shell(("echo before >%s/f; $M run --json 5 -- true 5>>%s/f; cat %s/f"):format(
      dir.path, dir.path, dir.path))
    assert.is_truthy(out:find('^before\n{.*"ok":true'))
  end)

  it("writes the result where a descriptor of the caller's stands by then", function()
    local dir <close> = host.scratch()
    shell(("{ $M run --json 1 -- echo program; echo after; } >%s/f"):format(dir.path))
    local program, record, after = dir:read("f"):match("^(program\n)(.*)(after\n)$")
    assert.are.equal("program\n", program)
    assert.are.equal("exit", assert(require "dkjson".decode(record)).outcome)
    assert.are.equal("after\n", after)
  end)

  it("writes no result to a descriptor that the caller does not have", function()
    local out, code = shell "$M run --json 8 -- echo ran 8>&-"
    assert.are.equal(2, code)
    assert.are.equal("moonsand: '--json 8': the caller's descriptor 8 is not open\n"
      .. "  moonsand run --json 8 -- CMD 8>FILE\n", out)
  end)

  it("writes output to a second place, each stream to its own", function()
    local dir <close> = host.scratch()
    dir:file("err", "before\n")
    local out = shell(("$M run --tee 1=%s/out --tee 2:a=%s/err -- sh -c 'echo o; echo e >&2' "
      .. "2>/dev/null"):format(dir.path, dir.path))
    assert.are.equal("o\n", out)
    assert.are.equal("o\n", dir:read "out")
    assert.are.equal("before\ne\n", dir:read "err")
  end)

  it("writes what a terminal of its own shows to a second place, too", function()
    local dir <close> = host.scratch()
    local out = shell(("$M run --pty --tee 1=%s/out -- sh -c '[ -t 1 ] && echo terminal'"):format(
      dir.path))
    assert.are.equal("terminal\r\n", out)
    assert.are.equal(out, dir:read "out")
  end)

  it("keeps output for the record in place of showing it, more than the limit as well", function()
    local out = shell("$M run --capture --capture-limit 1K --json 1 --"
      .. " sh -c 'seq 1000; printf \"\\\\303\\\\244\\\\377\" >&2'")
    local record = assert(require "dkjson".decode(out))
    assert.are.equal(3893, #record.stdout)
    assert.are.equal("\u{e4}\u{fffd}", record.stderr)
  end)

  it("passes a signal on, and ends with the program's own exit code", function()
    local out, code = shell [[
      d=$(mktemp -d); mkfifo $d/up
      $M run -- sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done' >$d/up &
      read line <$d/up; kill -TERM $!; wait $!; code=$?; rm -r $d; exit $code]]
    assert.are.equal("", out)
    assert.are.equal(9, code)
  end)
end)

describe("moonsand shell", function()
  it("runs its input in a sandbox when there is no terminal", function()
    local out = shell "echo 'echo $((6 * 7)); hostname' | $M shell -- sh"
    assert.are.equal("42\nmoonsand\n", out)
  end)
end)

describe("bin/moonsand", function()
  it("finds its modules through symbolic links", function()
    local dir <close> = host.scratch()
    local out = shell(("ln -s $PWD/bin/moonsand %s/m; cd /; %s/m --version"):format(dir.path,
      dir.path))
    assert.is_truthy(out:find("^moonsand %d"))
  end)

  --- A checkout with what the command is made of.
  local function checkout(dir)
    assert(os.execute(("mkdir -p %s/bin %s/build && cp -a lua %s/ && cp -a bin/moonsand %s/bin/ && "
      .. "cp -a build/moonsand %s/build/"):gsub("%%s", dir.path)))
  end

  --- The command knows the times of the files that it was built of; those of a copy are others.
  local function check_built()
    if not core.stat "build/bin/bundle.h" then pending "it was built in another checkout" end
  end

  local function version(dir)
    return shell(("cd %s && bin/moonsand --version"):format(dir.path))
  end

  it("runs what was compiled of a module that is as it was then", function()
    check_built()
    local dir <close> = host.scratch()
    checkout(dir)
    assert.is_truthy(version(dir):find "^moonsand %d")
    local opened = shell(("cd %s && exec 3>&1; strace -f -e trace=openat -o /dev/fd/3 "
      .. "bin/moonsand --version"):format(dir.path))
    if opened:find "strace: not found" then pending "strace is not there" end
    assert.is_nil(opened:find "cli/version%.lua")
  end)

  it("runs a module from its source when that is another one than was compiled", function()
    local dir <close> = host.scratch()
    checkout(dir)
    dir:file("lua/moonsand/cli/version.lua", [[
      return {define = function() end, run = function() print "changed" return 0 end}]])
    assert.are.equal("changed\n", version(dir))
    assert(os.remove(dir.path .. "/lua/moonsand/cli/version.lua"))
    assert.is_truthy(version(dir):find("module 'moonsand.cli.version' not found", 1, true))
  end)

  it("runs a sandbox alone, and makes way for what is beside it or in lib for all else", function()
    local dir <close> = host.scratch()
    checkout(dir)
    local full, lib = dir.path .. "/build/moonsand/full", dir.path .. "/build/lib"
    local own = "cd " .. dir.path .. " && bin/moonsand "
    assert.matches("^Usage: moonsand completion", shell(own .. "help completion"))
    assert(core.mkdir(lib))
    assert(os.rename(full, lib .. "/moonsand"))
    assert.matches("^Usage: moonsand completion", shell(own .. "help completion"))
    assert.are.equal("1\n", shell(own .. "run -- sh -c 'echo $$' | wc -l"))
    assert(os.remove(lib .. "/moonsand/moonsand"))
    assert.are.equal("1\n", shell(own .. "run -- sh -c 'echo $$' | wc -l"))
    assert.is_truthy(version(dir):find "^moonsand %d")
    assert.matches("^moonsand: cannot execute the rest of it, .*No such file.*\n70\n$",
      shell(own .. "help completion 2>&1; echo $?"))
  end)

  it("brings the filter that the core compiles, until what that is made of has changed", function()
    check_built()
    local dir <close> = host.scratch()
    checkout(dir)
    dir:file("a.lua", [[
      local filter = require "moonsand.sandbox.filter"
      local ready = require "moonsand.sandbox.ready".build
      local fresh = filter.step({seccomp = {}}).program
      print(filter.step({}).program == fresh, ready == fresh, ready == nil)]])
    local function ask() return shell(("cd %s && bin/moonsand a.lua"):format(dir.path)) end
    assert.are.equal("true\ttrue\tfalse\n", ask())
    for _, name in ipairs {"preset", "filter"} do
      local path = ("%s/lua/moonsand/sandbox/%s.lua"):format(dir.path, name)
      local other = dir:read(("lua/moonsand/sandbox/%s.lua"):format(name))
      assert(os.rename(path, path .. ".kept"))
      dir:file(("lua/moonsand/sandbox/%s.lua"):format(name), other .. "-- changed\n")
      assert.are.equal("true\tfalse\ttrue\n", ask())
      assert(os.rename(path .. ".kept", path))
    end
    assert.are.equal("true\ttrue\tfalse\n", ask())
  end)

  it("gives Lua scripts the modules, and C modules their Lua", function()
    local dir <close> = host.scratch()
    dir:file("a.lua", [[
      local lpeg = require "lpeg"
      print(lpeg.match(lpeg.P "a", "abc"), require "moonsand.core".sha256 "":sub(1, 8), ...)]])
    assert.are.equal("2\te3b0c442\tx\n", shell(("$M %s/a.lua x"):format(dir.path)))
  end)

  it("ends a script at the keyboard's interrupt", function()
    local dir <close> = host.scratch()
    dir:file("a.lua", "io.write 'ready' io.flush() while true do end")
    local out = shell(([[set -m; $M %s/a.lua >%s/out & until [ -s %s/out ]; do sleep 0.01; done
      kill -INT $!; wait $!; echo $?]]):gsub("%%s", dir.path))
    assert.is_truthy(out:find "interrupted.*130\n$")
  end)
end)
