local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local loop = require "moonsand.loop"
local sandbox = require "moonsand.sandbox"

local function run(options)
  if type(options) == "string" then options = {script = options} end
  return sandbox.new(options):run()
end

local function refused(options, text)
  local ok, problem = pcall(run, options)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  assert.is_truthy(tostring(problem):find(text, 1, true), tostring(problem))
end

--- The whole of a file, from where it stands.
local function rest(handle)
  local parts = {}
  repeat
    local bytes = assert(handle:read(1 << 20))
    parts[#parts + 1] = bytes
  until bytes == ""
  return table.concat(parts)
end

describe("a descriptor of 'fds'", function()
  it("is the standard output once more", function()
    local r = run {script = "echo one >&2; echo two >/dev/fd/19; echo three", stderr = "null",
      fds = {[19] = "stdout"}}
    assert.are.equal("two\nthree\n", r.stdout)
    refused({command = {"true"}, stdout = "closed", fds = {[19] = "stdout"}}, "that is closed")
  end)
end)

describe("input", function()
  it("is a text of any size: nothing has to read it", function()
    local text = ("0123456789abcdef"):rep(1 << 17) -- 2 MiB; a pipe holds 64 KiB
    local r = run {script = "sha256sum", stdin = {text = text}}
    assert.are.equal(core.sha256(text), r.stdout:match("^%x+"))
    assert.is_true(run({script = "true", stdin = {text = text}}).ok)
  end)

  it("is a file, from where its handle stands", function()
    local dir <close> = host.scratch()
    local handle <close> = core.open(dir:file("f", "one\ntwo\n"))
    handle:seek("set", 4)
    assert.are.equal("two\n", run({script = "cat", stdin = handle}).stdout)
    assert.are.equal("one\ntwo\n", run({script = "cat", stdin = {path = dir.path .. "/f"}}).stdout)
  end)

  it("is at its end from the start when there is none", function()
    assert.are.equal("0\n", run("wc -c").stdout)
    assert.are.equal("0\n", run({script = "wc -c", stdin = {text = ""}}).stdout)
  end)

  it("can be closed: the program does not have it at all", function()
    assert.are.equal("1\n2\n", run({script = "ls /proc/$$/fd", stdin = "closed"}).stdout)
  end)

  it("is refused when it is none", function()
    refused({script = "true", stdin = {}}, "stdin must have one of 'path', 'text' and 'fd'")
    refused({script = "true", stdin = "/nosuch/file"}, "stdin: /nosuch/file: No such file")
    refused({script = "true", stdin = {tee = "/x"}}, "unknown key 'tee' in stdin")
  end)
end)

describe("output", function()
  it("empties a file or grows it", function()
    local dir <close> = host.scratch()
    local path = dir:file("f", "old\n")
    run {script = "echo out; echo err >&2", stdout = {path = path, mode = "a"}, stderr = "stdout"}
    assert.are.equal("old\nout\nerr\n", dir:read "f")
    run {script = "echo out", stdout = path}
    assert.are.equal("out\n", dir:read "f")
  end)

  it("goes nowhere, or to a stream that is closed", function()
    local r = run {script = "echo out; echo err >&2", stdout = "null", stderr = "null"}
    assert.are.equal("exit", r.outcome)
    assert.are.equal("", r.stdout .. r.stderr)
    r = run {script = "test -e /proc/$$/fd/1 || echo none >&2", stdout = "closed"}
    assert.are.equal("none\n", r.stderr)
    r = run {script = "echo out", stdout = "closed"}
    assert.is_false(r.ok)
  end)

  it("goes to a file in memory", function()
    local memory <close> = core.memfd("out")
    run {script = "echo out", stdout = memory}
    memory:seek("set", 0)
    assert.are.equal("out\n", memory:read())
  end)

  it("is in the order in which it was written when the streams are merged", function()
    local expected = {}
    for i = 1, 500 do expected[i] = ("o%d\ne%d\n"):format(i, i) end
    local r = run {script = "for i in $(seq 500); do echo o$i; echo e$i >&2; done",
      stderr = "stdout"}
    assert.are.equal(table.concat(expected), r.stdout)
  end)

  it("is refused as a text, which nobody could read", function()
    refused({script = "true", stdout = {text = "x"}}, "stdout is a text")
    refused({script = "true", stderr = {tee = {text = "x"}}}, "stderr.tee is a text")
    refused({script = "true", stdout = {tee = "/x", capture = true}}, "unknown key 'capture'")
  end)
end)

describe("captured output", function()
  local big = "head -c 3000000 /dev/zero | tr '\\0' a; echo end"

  it("is all there beyond the bound on memory, and can be read as a file", function()
    local r = run {script = big, capture_limit = "64K"}
    assert.are.equal(3000004, #r.stdout)
    assert.are.equal(("a"):rep(3000000) .. "end\n", r.stdout)
    local file <close> = r:output("stdout")
    assert.are.equal(r.stdout, rest(file))
    local again <close> = r:output("stdout")
    assert.are.equal("a", again:read(1))
    assert.are.equal("", r.stderr)
  end)

  it("stays below the bound in the memory of the caller", function()
    local before, most = collectgarbage("count"), 0
    local running <close> = sandbox.new({capture_limit = "64K",
      script = "head -c 30000000 /dev/zero | tr '\\0' a"}):start()
    local ended
    repeat
      ended = running:step({})
      local kept = 0
      for _, part in ipairs(running.streams.kept.stdout.parts) do kept = kept + #part end
      most = math.max(most, kept)
    until ended
    running:drain()
    assert.is_true(most <= 65536)
    local file = running.streams.kept.stdout.file
    assert.are.equal(30000000, file:seek("end", 0))
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 10000)
  end)

  it("is a file without a name: nothing is left on the disk", function()
    local function names()
      local found = {}
      for _, place in ipairs {"/var/tmp", "/tmp"} do
        for _, name in ipairs(core.readdir(place) or {}) do
          if name:find("^%.moonsand") then found[#found + 1] = name end
        end
      end
      return found
    end
    local before = names()
    local running <close> = sandbox.new({capture_limit = 1, script = "echo text; sleep 1000"})
      :start()
    repeat running:step({}) until running.streams.kept.stdout.file
    assert.are.same(before, names())
    assert.matches("%(deleted%)$", core.readlink("/proc/self/fd/"
      .. running.streams.kept.stdout.file:number()))
  end)

  it("is a string, and a file in memory when one is asked for, below the bound", function()
    local r = run {script = "echo out; echo err >&2"}
    local file <close> = r:output("stderr")
    assert.are.equal("err\n", rest(file))
    assert.is_nil(r.files.stdout)
  end)

  it("has a bound of its own for each stream, of exactly that many bytes", function()
    local r = run {script = "printf 12345678; printf 123456789 >&2", capture_limit = 8}
    assert.is_nil(r.files.stdout)
    assert.is_not_nil(r.files.stderr)
    assert.are.equal("12345678", r.stdout)
    assert.are.equal("123456789", r.stderr)
  end)

  it("has no bound for who listens", function()
    local count = 0
    local r = run {script = big, capture_limit = 1, on_output = function(_, bytes)
      count = count + #bytes
    end}
    assert.are.equal(3000004, count)
    assert.is_nil(r.files.stdout)
  end)

  it("wants a size as its bound", function()
    refused({script = "true", capture_limit = "much"},
      "'capture_limit' is 'much', which is not a size")
    refused({script = "true", capture_limit = 0}, "'capture_limit' is '0', which is not a size")
  end)
end)

describe("a tee", function()
  it("captures and writes to a file", function()
    local dir <close> = host.scratch()
    local path = dir:file("log", "old\n")
    local r = run {script = "echo out; echo err >&2", stdout = {tee = path},
      stderr = {tee = {path = dir.path .. "/err", mode = "a"}}}
    assert.are.equal("out\n", r.stdout)
    assert.are.equal("err\n", r.stderr)
    assert.are.equal("out\n", dir:read "log")
    assert.are.equal("err\n", dir:read "err")
  end)

  it("writes to a handle, which stays the caller's", function()
    local memory <close> = core.memfd("out")
    run {script = "echo one", stdout = {tee = memory}}
    run {script = "echo two", stdout = {tee = memory}, stderr = "stdout"}
    memory:seek("set", 0)
    assert.are.equal("one\ntwo\n", memory:read())
  end)

  it("writes to a stream of the caller", function()
    local out = host.lua [[
      local r = require("moonsand.sandbox").new({script = "echo out; echo err >&2",
        stdout = {tee = "inherit"}, stderr = {tee = {fd = 1}}}):run()
      io.write("captured ", r.stdout, r.stderr)
    ]]
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    assert.are.same({"captured out", "err", "err", "out"}, lines)
  end)

  it("goes together with a listener and with a bound", function()
    local dir <close> = host.scratch()
    local heard = {}
    run {script = "echo out", stdout = {tee = dir.path .. "/log"},
      on_output = function(_, bytes) heard[#heard + 1] = bytes end}
    assert.are.equal("out\n", table.concat(heard))
    assert.are.equal("out\n", dir:read "log")
    local r = run {script = "seq 100000", stdout = {tee = dir.path .. "/log"}, capture_limit = 9}
    assert.are.equal(r.stdout, dir:read "log")
  end)

  it("waits for a slow reader without blocking others, and loses nothing", function()
    local reader, writer = core.pipe()
    local l <close> = loop.new()
    local read, result, others = {}, nil, 0
    l:spawn(function()
      result = run {script = "seq 200000", stdout = {tee = writer}}
      writer:close()
    end)
    l:spawn(function()
      for _ = 1, 20 do
        loop.wait({}, 0.005)
        others = others + 1
      end
      repeat
        loop.wait {{fd = reader}}
        read[#read + 1] = reader:read(1 << 16)
      until read[#read] == ""
    end)
    l:run()
    reader:close()
    assert.are.equal(20, others)
    assert.are.equal(result.stdout, table.concat(read))
    assert.are.equal(1288895, #result.stdout)
  end)

  it("fails the run when its reader is gone, and does not kill the caller", function()
    local reader, writer <close> = core.pipe()
    reader:close()
    local ok, problem = pcall(run, {script = "echo out; sleep 1000", stdout = {tee = writer}})
    assert.is_false(ok)
    assert.are.equal("stdout.tee: write: Broken pipe", tostring(problem))
  end)

  it("fails the run when its disk is full", function()
    local ok, problem = pcall(run, {script = "echo out", stdout = {tee = "/dev/full"}})
    assert.is_false(ok)
    assert.are.equal("stdout.tee: write: No space left on device", tostring(problem))
  end)
end)

describe("who is left behind in a prepared sandbox", function()
  local function prepared()
    return assert(sandbox.new({}):prepare())
  end

  it("does not hold up the result by an open pipe", function()
    local box <close> = prepared()
    local r = box:run "sleep 1000 & echo done; echo err >&2"
    assert.are.equal("done\n", r.stdout)
    assert.are.equal("err\n", r.stderr)
  end)

  it("does not hold it up by writing without end", function()
    local box <close> = prepared()
    local r = box:run {script = "yes & echo done >&2", capture_limit = "64K"}
    assert.are.equal("done\n", r.stderr)
    assert.are.equal(0, r.exit_code)
  end)

  it("hides nothing of the other stream by keeping one open", function()
    local box <close> = prepared()
    for _, options in ipairs {{script = "(sleep 1000 2>/dev/null) & seq 20000 >&2"},
      {script = "(sleep 1000 >/dev/null) & seq 20000"}} do
      local r = box:run(options)
      assert.are.equal(108894, #r.stdout + #r.stderr)
    end
  end)

  it("does not hold it up by an open terminal", function()
    local box <close> = prepared()
    local r = box:run {script = "(trap '' HUP; exec sleep 1000) & echo done", pty = true}
    assert.matches("done\r\n", r.stdout)
  end)
end)
