-- What is open inside of a sandbox: what the map names, under those numbers, and nothing else.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function run(options)
  local r = sandbox.new(options):run()
  assert.are.equal("exit", r.outcome, r.message)
  return r
end

--- Shell text that says which descriptors the shell has.
local list = "ls -v /proc/$$/fd"

local function refused(options, text)
  local ok, problem = pcall(function() return sandbox.new(options):run() end)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  assert.is_truthy(tostring(problem):find(text, 1, true), tostring(problem))
end

--- A file's text under a handle.
local function holding(text)
  return assert(core.memfd("spec", text))
end

describe("the fd map of a sandbox", function()
  it("opens files, texts, handles and /dev/null under the numbers that it names", function()
    local dir <close> = host.scratch()
    local handle <close> = holding "a handle\n"
    local r = run {script = "cat <&3; cat <&4; cat <&5; cat <&6; " .. list, fds = {
      [3] = dir:file("f", "a path\n"), [4] = handle, [5] = {text = "a text\n"}, [6] = "null"}}
    assert.are.equal("a path\na handle\na text\n0\n1\n2\n3\n4\n5\n6\n", r.stdout)
  end)

  it("opens files for writing, at the start or at the end", function()
    local dir <close> = host.scratch()
    local full, grown, both = dir:file("full", "old\n"), dir:file("grown", "old\n"),
      dir:file("both", "old\n")
    run {script = "echo new >&3; echo new >&4; read line <&5; echo $line new >&5", fds = {
      [3] = {path = full, mode = "w"}, [4] = {path = grown, mode = "a"},
      [5] = {path = both, mode = "rw"}}}
    assert.are.equal("new\n", dir:read "full")
    assert.are.equal("old\nnew\n", dir:read "grown")
    assert.are.equal("old\nold new\n", dir:read "both")
  end)

  it("does not let a file be written that is open for reading", function()
    local dir <close> = host.scratch()
    local path = dir:file("f", "text")
    local r = run {script = "echo new >&3", fds = {[3] = path}}
    assert.is_false(r.ok)
    assert.are.equal("text", dir:read "f")
  end)

  it("takes a file of Lua's own library, with what is in its buffer", function()
    local dir <close> = host.scratch()
    local file = assert(io.open(dir.path .. "/f", "w"))
    file:write("before\n")
    run {script = "echo inside >&7", fds = {[7] = file}}
    file:close()
    assert.are.equal("before\ninside\n", dir:read "f")
  end)

  it("leaves the caller's handles open", function()
    local handle <close> = holding "text"
    run {script = "cat <&3", fds = {[3] = handle}}
    assert.are.equal(4, handle:seek("cur", 0))
  end)

  it("moves numbers that overlap in a circle", function()
    local a <close> = holding "a"
    local b <close> = holding "b"
    local c <close> = holding "c"
    local r = run {command = {"bash", "-c", "cat <&$A; cat <&$B; cat <&$C"},
      env = {A = tostring(a:number()), B = tostring(b:number()), C = tostring(c:number())},
      fds = {[a:number()] = b, [b:number()] = c, [c:number()] = a}}
    assert.are.equal("bca", r.stdout)
  end)

  it("exchanges the caller's numbers: 8 is its 9, and 9 its 8", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      local map = {[0] = 0, [1] = 1, [2] = 2, [8] = core.memfd("a", "eight "),
        [9] = core.memfd("b", "nine ")}
      local inner = 'io.write(require("moonsand.sandbox").new({script = "cat <&8; cat <&9", '
        .. 'fds = {[8] = {fd = 9}, [9] = {fd = 8}}}):run().stdout)'
      local env = {LUA_PATH = package.path, LUA_CPATH = package.cpath,
        LD_PRELOAD = os.getenv("LD_PRELOAD"), ASAN_OPTIONS = os.getenv("ASAN_OPTIONS")}
      local p = core.spawn {{"fds", map = map},
        {"exec", argv = {"lua5.4", "-e", inner}, init = false, env = env}}
      core.poll {{fd = p}}
    ]]
    assert.are.equal("nine eight ", out)
  end)

  it("gives one source under many numbers", function()
    local handle <close> = holding "abc"
    local r = run {script = "head -c 1 <&3; head -c 1 <&7; head -c 1 <&9", fds = {
      [3] = handle, [7] = handle, [9] = handle}}
    assert.are.equal("abc", r.stdout)
  end)

  it("reaches from the lowest to the highest number that the limit allows", function()
    local soft = tonumber(host.read("/proc/self/limits"):match("Max open files%s+(%d+)"))
    local top <close> = holding "top"
    local next_to_top <close> = holding "next"
    -- the sources' own numbers are targets, too: there is no room above
    local r = run {command = {"lua5.4", "-e", ([[
      local function read(n) return io.open("/proc/self/fd/" .. n):read("a") end
      io.write(read(%d), " ", read(%d), " ", read(%d))
    ]]):format(soft - 1, soft - 2, top:number())}, fds = {[soft - 1] = top,
      [soft - 2] = next_to_top, [top:number()] = next_to_top, [next_to_top:number()] = top}}
    assert.are.equal("top next next", r.stdout, r.stderr)
  end)

  it("says that a number is beyond the limit of open files", function()
    local soft = tonumber(host.read("/proc/self/limits"):match("Max open files%s+(%d+)"))
    if soft >= 1 << 20 then return pending("no number is beyond this limit") end
    local r = sandbox.new({script = "true", fds = {[soft] = "null"}}):run()
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal("fds", r.verb)
    assert.matches("^fds: descriptor beyond the limit of open files: Too many", r.message)
  end)

  it("holds for a program with few open files of its own", function()
    local r = run {script = "cat /proc/self/fd/30", limits = {files = 10},
      fds = {[30] = {text = "text"}}}
    assert.are.equal("text", r.stdout)
  end)

  it("clobbers nothing: neither the streams nor pid 1 mind any number", function()
    local fds = {}
    for number = 3, 60 do fds[number] = {text = tostring(number) .. " "} end
    local words = {}
    for number = 3, 60 do words[#words + 1] = tostring(number) end
    local r = run {script = "for n in $(seq 3 60); do cat /proc/self/fd/$n; done; cat; echo e >&2",
      stdin = {text = "in\n"}, fds = fds}
    assert.are.equal(table.concat(words, " ") .. " in\n", r.stdout)
    assert.are.equal("e\n", r.stderr)
    assert.is_not_nil(r.usage, "pid 1 has told the end")
  end)

  it("holds in a prepared sandbox, for each program anew", function()
    local box <close> = assert(sandbox.new({}):prepare())
    local r = box:run {script = "cat <&5; " .. list, fds = {[5] = {text = "five "}}}
    assert.are.equal("five 0\n1\n2\n5\n", r.stdout)
    assert.are.equal("0\n1\n2\n", box:run(list).stdout)
  end)

  it("holds without namespaces, too", function()
    if host.no_filters() then return pending(host.no_filters()) end
    local r = run {isolation = "filters", script = "cat <&5; " .. list,
      fds = {[5] = {text = "five "}}}
    assert.are.equal("five 0\n1\n2\n5\n", r.stdout)
  end)

  it("holds for a program that is pid 1 itself", function()
    local r = run {as_init = true, script = "cat <&5; " .. list, fds = {[5] = {text = "five "}}}
    assert.are.equal("five 0\n1\n2\n5\n", r.stdout)
  end)

  it("has 0, 1 and 2 as other names of the streams", function()
    local dir <close> = host.scratch()
    run {script = "cat; echo err >&2", fds = {[0] = {text = "in"}, [1] = dir.path .. "/o",
      [2] = "stdout"}}
    assert.are.equal("inerr\n", dir:read "o")
    refused({script = "true", stdin = "null", fds = {[0] = "null"}},
      "fds[0] and 'stdin' are the same")
  end)
end)

describe("nothing else is open", function()
  it("inside: neither what the caller has nor what the setup needed", function()
    local text = [[
      local sandbox = require "moonsand.sandbox"
      local dir = require("moonsand.core").mkdtemp("/tmp/moonsand-spec.")
      local r = sandbox.new({script = "ls /proc/$$/fd\n" -- pid 1 executes just after the program
        .. "until grep -q init /proc/1/comm; do :; done; ls /proc/1/fd | wc -l",
        overlays = {{target = "/work", lower = {"/etc", "/usr"}, upper = dir .. "/u"}},
        binds = {{source = "/usr", target = "/b"}}, fds = {[7] = {text = "x"}}}):run()
      io.write(r.stdout, r.stderr)
      require("moonsand.core").remove_tree(dir)
    ]]
    local reader <close>, writer = core.pipe()
    local null <close> = core.open("/dev/null", "r")
    local map = {[0] = null, [1] = writer, [2] = 2}
    for _, number in ipairs {3, 4, 5, 9, 10, 63, 64, 251, 252} do map[number] = null end
    local process <close> = host.start({"lua5.4", "-e", text}, map)
    writer:close()
    -- who is not root cannot look at pid 1
    assert.matches("^0\n1\n2\n7\n[30]\n", host.drain(reader))
    assert(process)
  end)

  it("in what the caller executes while a sandbox runs", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      local running <close> = require("moonsand.sandbox").new({script = "sleep 1000",
        lower = {"/etc"}, stdout = {tee = "/dev/null"}, fds = {[3] = "/etc/passwd"}}):start()
      for _, name in ipairs(core.readdir("/proc/self/fd")) do
        local kept = core.inherited(tonumber(name))
        if kept then io.write(name, " ") end
      end
    ]]
    assert.are.equal("0 1 2 ", out)
  end)

  it("in the caller after 200 runs with maps, tees and failures", function()
    local dir <close> = host.scratch()
    local path = dir:file("f", "text")
    local function once(i)
      local r = sandbox.new({script = "cat <&3 <&4", stdin = path, stderr = "stdout",
        stdout = {tee = {path = dir.path .. "/log", mode = "a"}},
        fds = {[3] = path, [4] = {text = "x"}, [9] = {path = path, mode = "rw"}},
        binds = i % 10 == 0 and {{source = "/nosuch"}} or nil}):run()
      assert.are.equal(i % 10 ~= 0, r.ok)
      if i % 10 == 1 then
        refused({script = "true", fds = {[3] = path, [4] = "/nosuch/file"}}, "/nosuch/file")
      end
    end
    once(0)
    once(1)
    collectgarbage()
    local before = host.count_fds()
    for i = 1, 200 do once(i) end
    assert.are.equal(before, host.count_fds(), "without a collection of garbage")
  end)
end)

describe("a descriptor is refused", function()
  it("when the caller does not have it open", function()
    refused({script = "true", fds = {[8] = {fd = 999}}},
      "fds[8]: the caller's file descriptor 999 is not open")
    refused({script = "true", fds = {[999] = "inherit"}}, "descriptor 999 is not open")
    refused({script = "true", stdin = {fd = 999}}, "stdin: the caller's file descriptor 999")
  end)

  it("when it would be one that moonsand opens for this very run", function()
    local taken
    do
      local probe <close> = core.open("/dev/null", "r")
      taken = probe:number() -- the next to be opened has this number
    end
    refused({script = "true", fds = {[8] = {fd = taken}}}, "is not open")
  end)

  it("when it is a directory, however it is named: that would be a way out", function()
    local dir <close> = core.open("/", "dir")
    refused({script = "true", fds = {[3] = dir}}, "fds[3] is a directory")
    refused({script = "true", fds = {[3] = {fd = dir:number()}}}, "fds[3] is a directory")
    refused({script = "true", fds = {[3] = "/etc"}}, "fds[3] is a directory")
    refused({script = "true", stdin = "/etc"}, "stdin is a directory")
    local path <close> = core.open("/", "path")
    refused({script = "true", fds = {[3] = path}}, "fds[3] is a directory")
  end)

  it("when it is no number, no handle, or a closed one", function()
    refused({script = "true", fds = {a = "null"}}, "'a' in 'fds' is no number")
    refused({script = "true", fds = {[-1] = "null"}}, "'-1' in 'fds' is no number")
    refused({script = "true", fds = {[1.5] = "null"}}, "'1.5' in 'fds' is no number")
    refused({script = "true", fds = {[1 << 20] = "null"}}, "is no number")
    refused({script = "true", fds = {[3] = 3}}, "fds[3] must be a path, a table or a handle")
    refused({script = "true", fds = {[3] = {fd = "3"}}}, "'fd' in fds[3] must be a number")
    local handle = core.memfd("x")
    handle:close()
    refused({script = "true", fds = {[3] = handle}}, "fds[3] is a closed handle")
  end)

  it("when its table says too little, too much, or something unknown", function()
    refused({script = "true", fds = {[3] = {}}}, "must have one of 'path', 'text' and 'fd'")
    refused({script = "true", fds = {[3] = {path = "/x", text = "y"}}}, "must have one of")
    refused({script = "true", fds = {[3] = {text = "y", mode = "r"}}}, "a 'mode' and no 'path'")
    refused({script = "true", fds = {[3] = {path = "/x", mode = "x"}}}, "may be a, r, rw, w")
    refused({script = "true", fds = {[3] = {paht = "/x"}}}, "did you mean 'path'?")
  end)

  it("when its file is not there", function()
    refused({script = "true", fds = {[3] = "/nosuch/file"}},
      "fds[3]: /nosuch/file: No such file or directory")
  end)
end)

describe("moonsand run", function()
  --- Shell text that calls `moonsand`; its output (both streams), exit code.
  local function shell(text)
    local pipe <close> = assert(io.popen(("exec 2>&1; M=bin/moonsand; %s"):format(text)))
    local out = pipe:read("a")
    local _, how, code = pipe:close()
    return out, how == "exit" and code or how
  end

  it("passes the caller's descriptors on, under other numbers, and no more", function()
    local out = shell([[exec 3<<A 4<<B 5</dev/null
three
A
four
B
      $M run --pass-fd 3:4 --pass-fd 4:3 --pass-fd 4:77 -- sh -c 'cat <&3; cat <&4; ]] .. list
      .. "'")
    assert.are.equal("four\nthree\n0\n1\n2\n3\n4\n77\n", out)
  end)

  it("opens files as descriptors", function()
    local dir <close> = host.scratch()
    dir:file("in", "in\n")
    dir:file("log", "old\n")
    local out = shell(("cd %s; $OLDPWD/$M run --fd 3=in --fd 1:a=log --fd 4:w=new -- "
      .. "sh -c 'cat <&3; echo x >&4'; cat log new"):format(dir.path))
    assert.are.equal("old\nin\nx\n", out)
  end)

  it("refuses a descriptor that the caller does not have: 2, and what to write", function()
    for number = 3, 9 do
      local out, code = shell(("$M run --pass-fd %d -- true %d<&-"):format(number, number))
      assert.are.equal(2, code)
      assert.is_truthy(out:find(("the caller's %d: that is not open"):format(number), 1, true), out)
    end
  end)

  it("refuses what is no number", function()
    local out, code = shell "$M run --pass-fd x -- true"
    assert.are.equal(2, code)
    assert.is_truthy(out:find("'x' is no number of a file descriptor", 1, true))
    assert.are.equal(2, select(2, shell "$M run --fd 3 -- true"))
    assert.are.equal(2, select(2, shell "$M run --fd 3= -- true"))
    assert.are.equal(2, select(2, shell "$M run --fd 3:q=/etc/passwd -- true"))
  end)

  it("passes a closed stream on as a closed one, never something of its own", function()
    assert.are.equal("1\n2\n", (shell("$M run -- sh -c '" .. list .. "' <&-")))
    assert.are.equal("0\n1\n", (shell("$M run -- sh -c '" .. list .. "' 2>&-")))
    assert.are.equal("1\n", (shell("$M run -- sh -c '" .. list .. "' <&- 2>&-")))
  end)
end)
