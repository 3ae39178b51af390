local core = require "moonsand.core"
local host = require "spec.support.host"
local loop = require "moonsand.loop"
local sandbox = require "moonsand.sandbox"

local function run(options)
  if type(options) == "string" then options = {script = options} end
  return sandbox.new(options):run()
end

describe("the time of a run", function()
  it("is from before the sandbox is made to its end", function()
    local before = core.clock()
    local result = sandbox.new({command = {"true"}}):run()
    local whole = core.clock() - before
    assert.is_true(result.wall <= whole)
    assert.is_true(result.wall >= result.usage.user)
  end)
end)

describe("a sandbox", function()
  it("captures both streams and the exit code", function()
    local r = run "echo out; echo err >&2; exit 3"
    assert.are.equal("out\n", r.stdout)
    assert.are.equal("err\n", r.stderr)
    assert.are.equal("exit", r.outcome)
    assert.are.equal(3, r.exit_code)
    assert.is_false(r.ok)
    assert.are.equal(3, r:code())
  end)

  it("loses no output, however much there is in both streams", function()
    local r = run [[
      head -c 10000000 /dev/zero | tr '\0' a &
      head -c 10000000 /dev/zero | tr '\0' b >&2
      wait
    ]]
    assert.are.equal(10000000, #r.stdout)
    assert.are.equal(10000000, #r.stderr)
    assert.is_nil(r.stdout:find("[^a]"))
    assert.is_nil(r.stderr:find("[^b]"))
  end)

  it("keeps the order of merged streams", function()
    local r = run {script = "for i in 1 2 3; do echo o$i; echo e$i >&2; done", stderr = "stdout"}
    assert.are.equal("o1\ne1\no2\ne2\no3\ne3\n", r.stdout)
    assert.are.equal("", r.stderr)
  end)

  it("hands output over as it comes when somebody listens", function()
    local seen = {}
    local r = run {script = "echo a; echo b >&2", on_output = function(stream, bytes)
      seen[stream] = (seen[stream] or "") .. bytes
    end}
    assert.are.same({stdout = "a\n", stderr = "b\n"}, seen)
    assert.are.equal("", r.stdout)
  end)

  it("reads its input from a text, a file, or nothing", function()
    local dir <close> = host.scratch()
    assert.are.equal("text", run({script = "cat", stdin = {text = "text"}}).stdout)
    assert.are.equal("file", run({script = "cat", stdin = dir:file("f", "file")}).stdout)
    assert.are.equal("", run({script = "cat"}).stdout)
  end)

  it("writes its output to files", function()
    local dir <close> = host.scratch()
    run {script = "echo out; echo err >&2", stdout = dir.path .. "/o", stderr = dir.path .. "/e"}
    assert.are.equal("out\n", dir:read("o"))
    assert.are.equal("err\n", dir:read("e"))
  end)

  it("says which signal ended the program", function()
    local r = run "kill -SEGV $$"
    assert.are.equal("signal", r.outcome)
    assert.are.equal("SEGV", r.signal)
    assert.are.equal(139, r:code())
  end)

  it("says that a program is not there, or may not be executed", function()
    local r = run {command = {"nosuch-program"}}
    assert.are.equal("exec_failed", r.outcome)
    assert.are.equal(127, r:code())
    assert.are.equal("exec nosuch-program: No such file or directory", r.message)
    r = run {command = {"/etc/passwd"}}
    assert.are.equal(126, r:code())
  end)

  it("says that the interpreter of a program is not there, though the program is", function()
    local dir <close> = host.scratch()
    local function made(name, text)
      assert(core.chmod(dir:file(name, text), 493)) -- 0755
    end
    made("script", "#!/nosuch/sh -e\ntrue\n")
    made("spaced", "#! \t/nosuch/sh\n")
    made("nested", "#!/x/script\n")
    made("fine", "#!/bin/sh\nexit 7\n")
    local binds = {{source = dir.path, target = "/x"}}
    for _, case in ipairs {{"/x/script"}, {"/x/spaced"}, {"/x/nested"},
      {"script", env = {PATH = "/nosuch:/x"}}} do
      local r = run {command = {case[1]}, env = case.env, binds = binds}
      assert.are.equal("exec_failed", r.outcome)
      assert.are.equal(126, r:code())
      assert.are.equal(("exec %s: No such file or directory: its interpreter /nosuch/sh is "
        .. "not there"):format(case[1]), r.message)
    end
    assert.are.equal(7, run({command = {"/x/fine"}, binds = binds}).exit_code)
  end)

  it("says the same where a filter kills for all that a program needs not to execute", function()
    local allowed = {"execve", "close_range", "close", "exit", "exit_group"}
    local r = run {command = {"nosuch-program"}, seccomp = {default = "kill", allow = allowed}}
    assert.are.equal("exec nosuch-program: No such file or directory", r.message)
    assert.are.equal(127, r:code())
  end)

  it("says that the dynamic loader of a program is not there", function()
    local r = run {command = {"/bin/true"}, root = "empty",
      binds = {{source = "/bin/true", target = "/bin/true"}}}
    assert.are.equal(126, r:code())
    assert.matches("^exec /bin/true: No such file or directory: its interpreter /lib.*/ld.* is "
      .. "not there$", r.message)
  end)

  it("says which step of its making failed, and leaves nothing", function()
    local fds = host.count_fds()
    local r = run {script = "true", binds = {{source = "/nosuch", target = "/x"}}}
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal(125, r:code())
    assert.are.equal("bind", r.verb)
    assert.are.equal("/nosuch", r.path)
    assert.matches("^bind /x: open_tree /nosuch: No such file", r.message)
    assert.is_true(host.count_fds() <= fds + 2)
  end)

  it("ends at its time limit: TERM first, and the program's own code is kept", function()
    local r = run {script = "trap 'exit 17' TERM; while :; do sleep 0.05; done", timeout = 0.3}
    assert.are.equal("timeout", r.outcome)
    assert.is_true(r.timed_out)
    assert.are.equal(17, r.exit_code)
    assert.are.equal(124, r:code())
  end)

  it("is killed a grace later when it does not listen", function()
    local r = run {script = "trap '' TERM; while :; do sleep 0.05; done", timeout = 0.2,
      grace = 0.3}
    assert.are.equal("timeout", r.outcome)
    assert.are.equal("KILL", r.signal)
  end)

  it("passes signals on to the program", function()
    local box = sandbox.new {script = "trap 'echo got it; exit 5' USR1; echo ready\n"
      .. "while :; do sleep 0.05; done"}
    local running <close> = assert(box:start())
    assert(host.eventually(function()
      running:take(1)
      return running.streams.kept.stdout:text() == "ready\n"
    end))
    assert(running:kill("USR1"))
    local r = running:wait()
    assert.are.equal(5, r.exit_code)
    assert.are.equal("ready\ngot it\n", r.stdout)
  end)

  it("measures what it used", function()
    local r = run "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
    assert.is_true(r.usage.user > 0)
    assert.is_true(r.usage.max_rss > 0)
    assert.is_true(r.wall > 0)
  end)

  it("starts with an environment of four names", function()
    local names = {}
    for name in run({command = {"env"}}).stdout:gmatch("([%w_]+)=") do names[#names + 1] = name end
    table.sort(names)
    assert.are.same({"HOME", "LANG", "PATH", "TERM"}, names)
  end)

  it("has the mask, the name and the directory that it was given", function()
    local r = run {script = "umask; uname -n; pwd", umask = tonumber("77", 8), hostname = "luna",
      cwd = "/usr"}
    assert.are.equal("0077\nluna\n/usr\n", r.stdout)
  end)

  it("names a working directory that is not there", function()
    local r = run {script = "true", cwd = "/nosuch"}
    assert.are.equal("chdir /nosuch: No such file or directory", r.message)
    assert.are.equal(125, r:code())
  end)

  it("can be run many times, and by many at once in one loop", function()
    local box = sandbox.new {script = "echo $$"}
    local l <close> = loop.new()
    local ended = 0
    for _ = 1, 10 do
      l:spawn(function()
        for _ = 1, 3 do
          assert.is_true(box:run().ok)
          ended = ended + 1
        end
      end)
    end
    l:run()
    assert.are.equal(30, ended)
  end)

  it("has no id of the host but the caller's, and says who one is", function()
    assert.are.equal(tostring(core.uid()) .. "\n", run("id -u").stdout)
    assert.are.equal("0\n", run({script = "id -u", ids = "root"}).stdout)
  end)

  it("owns what it makes as the caller on the host, as fake root, too", function()
    local dir <close> = host.scratch()
    local r = run {script = "echo x >/out/file", ids = "root",
      binds = {{source = dir:dir("out"), target = "/out", read_only = false}}}
    assert.is_true(r.ok, r.stderr)
    assert.are.equal(core.uid(), core.stat(dir.path .. "/out/file").uid)
  end)

  it("has a range of ids when the host gives one", function()
    if not host.is_root() then
      local ok, err = pcall(run, {script = "true", ids = "range"})
      if not ok then
        assert.matches("has no range of ids in /etc/sub[ug]id", err.message)
        assert.matches("usermod %-%-add%-subuids", err.hint)
        return
      end
    end
    local r = run {script = "touch /tmp/f && chown 1234:1234 /tmp/f", ids = "range"}
    -- chown needs a capability, and none is kept
    assert.matches("Operation not permitted", r.stderr)
  end)
end)

describe("the root of a sandbox", function()
  it("can be empty", function()
    local dir <close> = host.scratch()
    local r = run {command = {"/bin/nosuch"}, root = "empty"}
    assert.are.equal("exec_failed", r.outcome)
    r = run {script = "ls /", root = "empty", binds = {{source = "/usr"}},
      symlinks = {{target = "/bin", text = "usr/bin"}, {target = "/lib", text = "usr/lib"},
        {target = "/lib64", text = "usr/lib64"}}}
    assert.are.equal("bin\ndev\nlib\nlib64\nproc\ntmp\nusr\n", r.stdout)
    assert(dir)
  end)

  it("can be a directory, which stays as it was", function()
    local dir <close> = host.scratch()
    dir:file("root/hello", "text")
    assert(core.symlink("usr/bin", dir.path .. "/root/bin"))
    assert(core.symlink("usr/lib", dir.path .. "/root/lib"))
    assert(core.symlink("usr/lib64", dir.path .. "/root/lib64"))
    local r = run {script = "cat /hello; echo new >/new; cat /new", root = dir.path .. "/root",
      binds = {{source = "/usr"}}}
    assert.are.equal("textnew\n", r.stdout, r.message or r.stderr)
    assert.are.same({"bin", "hello", "lib", "lib64"}, core.readdir(dir.path .. "/root"))
  end)
end)
