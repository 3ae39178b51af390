local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"

local function run(options)
  if type(options) == "string" then options = {script = options} end
  options.pty = true
  return sandbox.new(options):run()
end

describe("a sandbox with a terminal", function()
  it("gives the program a real one, as its controlling terminal", function()
    local r = run "test -t 0 && test -t 1 && test -t 2 && exec 3<>/dev/tty && echo yes"
    assert.are.equal("yes\r\n", r.stdout, r.message)
  end)

  it("keeps the program's exit code", function()
    assert.are.equal(7, run("exit 7").exit_code)
  end)

  it("types what it is given, and then the end of the file", function()
    local r = run {script = "stty -echo; cat; echo end", stdin = {text = "one\ntwo\n"}}
    assert.matches("one\r\ntwo\r\nend\r\n$", r.stdout)
  end)

  it("turns ctrl-C into an interrupt of the program", function()
    local keys, typist <close> = core.pipe()
    local shown = ""
    local r = run {script = "trap 'echo int; exit 3' INT; echo up; while :; do sleep 0.05; done",
      timeout = 20,
      stdin = keys, on_output = function(_, bytes)
        shown = shown .. bytes
        if bytes:find("up", 1, true) then typist:write("\3") end
      end}
    assert.matches("int\r\n$", shown)
    assert.are.equal(3, r.exit_code)
  end)

  it("has the size that it is given, from the first moment on", function()
    assert.are.equal("33 77\r\n", sandbox.new({pty = {rows = 33, columns = 77},
      script = "stty size"}):run().stdout)
    assert.error_matches(function() sandbox.new {pty = {rows = 1}, script = "true"} end,
      "'columns' in 'pty' must be a number")
    assert.error_matches(function() sandbox.new {pty = {width = 1}, script = "true"} end,
      "unknown key 'width' in 'pty'")
  end)

  it("tells the program when its window changes", function()
    local master, slave = core.pty()
    core.resize(master, 33, 77)
    local running <close> = sandbox.new({pty = true, stdin = {text = ""}, timeout = 20,
      script = "trap 'stty size; exit' WINCH; while :; do sleep 0.05; done"}):start()
    core.poll({}, 0.3)
    running:resize(slave)
    assert.are.equal("33 77\r\n", running:wait().stdout)
    master:close()
    slave:close()
  end)

  it("shows a lot without losing any", function()
    local r = run "head -c 300000 /dev/zero | tr '\\0' x"
    assert.are.equal(300000, #r.stdout)
  end)

  it("writes what it shows to a second place, too", function()
    local memory <close> = core.memfd("log")
    local r = run {script = "echo text", stdout = {tee = memory}}
    memory:seek("set", 0)
    assert.are.equal("text\r\n", memory:read())
    assert.are.equal("text\r\n", r.stdout)
  end)

  it("leaves a handle that is typed from open, and other descriptors where they are", function()
    local keys <close> = core.memfd("keys", "text\n")
    local r = run {script = "stty -echo; cat; cat <&5", stdin = keys, fds = {[5] = {text = "five"}}}
    assert.matches("five$", r.stdout)
    assert.are.equal(5, keys:seek("cur", 0))
  end)

  it("refuses streams that a terminal does not have", function()
    assert.has_error(function() run {script = "true", stderr = "null"} end)
    assert.has_error(function() run {script = "true", stdout = "null"} end)
  end)
end)
