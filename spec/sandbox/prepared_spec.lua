local core = require "moonsand.core"
local host = require "spec.support.host"
local loop = require "moonsand.loop"
local sandbox = require "moonsand.sandbox"

local function prepared(options)
  local box, failure = sandbox.new(options or {lower = {"/etc"}}):prepare()
  return assert(box, failure and failure.message)
end

describe("a prepared sandbox", function()
  it("runs many programs over the same files", function()
    local box <close> = prepared()
    assert.is_true(box:run("echo one >/work/file").ok)
    local r = box:run {command = {"cat", "file"}}
    assert.are.equal("one\n", r.stdout)
    assert.are.equal(5, box:run("exit 5").exit_code)
  end)

  it("gives each program its own environment, directory and streams", function()
    local box <close> = prepared {env = {A = "1"}}
    local r = box:run {script = "echo $A $B; pwd; cat; echo err >&2", env = {B = "2"}, cwd = "/usr",
      stdin = {text = "typed\n"}}
    assert.are.equal("1 2\n/usr\ntyped\n", r.stdout)
    assert.are.equal("err\n", r.stderr)
    assert.are.equal("1\n", box:run("echo $A").stdout)
  end)

  it("shares processes, and kills them when it is closed", function()
    local mark = ("moonsand-spec-%d"):format(core.time_ns())
    do
      local box <close> = prepared()
      box:run("(exec sh -c 'sleep 1000; : " .. mark .. "' >/dev/null 2>&1 &)")
      assert.is_true(host.eventually(function() return #host.processes(mark) == 1 end))
      assert.is_truthy(box:run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
        :find(mark, 1, true))
    end
    assert.are.same({}, host.processes(mark))
  end)

  it("has programs without any privilege, as a sandbox for one has", function()
    local box <close> = prepared()
    local text = box:run("grep -E 'Cap[^B]|NoNewPrivs|SigIgn|SigBlk' /proc/self/status;"
      .. " ls /proc/$$/fd").stdout
    for name, value in text:gmatch("(Cap%w+):%s+(%x+)") do
      assert.are.equal("0000000000000000", value, name)
    end
    assert.matches("NoNewPrivs:%s+1", text)
    assert.matches("SigBlk:%s+0000000000000000\n", text)
    assert.matches("\n0\n1\n2\n$", text)
  end)

  it("stops a program at its time limit and goes on", function()
    local box <close> = prepared()
    local r = box:run {script = "sleep 1000", timeout = 0.2}
    assert.are.equal("timeout", r.outcome)
    assert.are.equal("TERM", r.signal)
    assert.is_true(box:run("true").ok)
  end)

  it("kills a program whose handle is closed", function()
    local mark = ("moonsand-spec-%d"):format(core.time_ns())
    local box <close> = prepared()
    local running = assert(box:start("exec sh -c 'sleep 1000; : " .. mark .. "'"))
    assert.is_true(host.eventually(function() return #host.processes(mark) > 0 end))
    running:close()
    assert.is_true(host.eventually(function() return #host.processes(mark) == 0 end))
  end)

  it("runs programs side by side", function()
    local box <close> = prepared()
    local l <close> = loop.new()
    local done = 0
    for i = 1, 8 do
      l:spawn(function()
        assert.are.equal(i, box:run(("sleep 0.05; exit %d"):format(i)).exit_code)
        done = done + 1
      end)
    end
    l:run()
    assert.are.equal(8, done)
  end)

  it("says why a program could not start", function()
    local box <close> = prepared()
    local r = box:run {command = {"nosuch"}}
    assert.are.equal("exec_failed", r.outcome)
    assert.are.equal(127, r:code())
  end)

  it("says why it could not be made", function()
    local box, failure = sandbox.new({binds = {{source = "/nosuch"}}}):prepare()
    assert.is_nil(box)
    assert.are.equal("setup_failed", failure.outcome)
  end)

  it("refuses keys that are the sandbox's own", function()
    local box <close> = prepared()
    assert.error_matches(function() box:run {script = "true", network = "host"} end,
      "'network' is the sandbox's")
    assert.error_matches(function() box:run {script = "true", netwrok = "host"} end, "unknown key")
  end)

  it("dies with its caller, and so do its programs", function()
    local mark = ("moonsand-spec-%d"):format(core.time_ns())
    local reader <close>, writer = core.pipe()
    local process <close> = host.start({"lua5.4", "-e", ([[
      local box = require("moonsand.sandbox").new({}):prepare()
      local running = box:start("sleep 1000; : %s")
      io.write("up") io.flush()
      require("moonsand.core").poll({}, 1000)
      print(running)
    ]]):format(mark)}, {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    assert.are.equal("up", reader:read())
    process:kill("KILL")
    assert.is_true(host.eventually(function() return #host.processes(mark) == 0 end))
  end)
end)
