local core = require "moonsand.core"
local host = require "spec.support.host"

describe("a file descriptor", function()
  it("reads, writes, seeks and says what it is", function()
    local dir <close> = host.scratch()
    local path = dir.path .. "/f"
    local w <close> = assert(core.open(path, "x"))
    assert.are.equal(5, w:write("hello"))
    assert.matches("^moonsand.fd %(%d+%)$", tostring(w))
    assert.is_true(w:close())
    assert.is_true(w:close())
    assert.are.equal("moonsand.fd (closed)", tostring(w))
    local r <close> = assert(core.open(path))
    assert.are.equal("hello", r:read())
    assert.are.equal("", r:read())
    assert.are.equal(1, r:seek("set", 1))
    assert.are.equal("ello", r:read())
  end)

  it("is refused by name and errno when it cannot be had", function()
    local h, message, errno = core.open("/nosuch/file")
    assert.is_nil(h)
    assert.are.equal("/nosuch/file: No such file or directory", message)
    assert.are.equal(2, errno)
    assert.has_error(function() core.open("/tmp", "rw+") end)
  end)

  it("raises once it is closed", function()
    local r, w = core.pipe()
    w:close()
    r:close()
    assert.has_error(function() r:read() end)
    assert.has_error(function() w:write("x") end)
  end)

  it("is close-on-exec from birth", function()
    local r <close>, w_end = core.pipe()
    local w <close> = w_end
    local m <close> = core.memfd("x", "text")
    for _, h in ipairs {r, w, m} do
      local info = host.read("/proc/self/fdinfo/" .. h:number())
      assert.are.equal("2", info:match("flags:%s+0(%d)%d%d%d%d%d%d")) -- O_CLOEXEC = 02000000
    end
  end)

  it("closes when its block ends", function()
    local before = host.count_fds()
    do
      local r <close>, w_end = core.pipe()
      local w <close> = w_end
      assert.are.equal(before + 2, host.count_fds())
      assert(r and w)
    end
    assert.are.equal(before, host.count_fds())
  end)

  it("holds a text in memory", function()
    local m <close> = core.memfd("x", "text")
    assert.are.equal("text", m:read())
  end)

  it("come in pairs that carry both ways; writing to an end that nobody has is an error", function()
    local one, other = assert(core.pair())
    assert.are.equal(4, one:write("ping"))
    assert.are.equal("ping", other:read())
    assert.are.equal(4, other:write("pong"))
    assert.are.equal("pong", one:read())
    other:close()
    local count, message, errno = one:write("x")
    assert.is_nil(count)
    assert.is_truthy(message:find("^write: "))
    assert.are.equal(32, errno)
    assert.are.equal("", one:read())
    one:close()
  end)
end)

describe("core.poll", function()
  it("says which entries are ready", function()
    local r1 <close>, w1_end = core.pipe()
    local w1 <close> = w1_end
    local r2 <close>, w2_end = core.pipe()
    local w2 <close> = w2_end
    assert.are.same({}, core.poll({{fd = r1}, {fd = r2}}, 0))
    w2:write("x")
    assert.are.same({2}, core.poll({{fd = r1}, {fd = r2}}, 5))
    assert.are.same({1}, core.poll({{fd = w1, events = "w"}}, 5))
    assert(r1 and w2)
  end)

  it("refuses what it does not know", function()
    assert.has_error(function() core.poll {1} end)
    assert.has_error(function() core.poll {{fd = 0, events = "x"}} end)
    assert.has_error(function() core.poll {{fd = -1}} end)
  end)
end)

describe("core.signals", function()
  it("lets signals be read instead of ending the process", function()
    local out, ended = host.lua [[
      local core = require "moonsand.core"
      local signals <close> = core.signals("TERM", "HUP")
      print(core.read_signal(signals))
      os.execute("kill -TERM $PPID")
      core.poll({{fd = signals}}, 10)
      print(core.read_signal(signals))
    ]]
    assert.are.equal("nil\nTERM\n", (out:gsub("^\n", "nil\n")))
    assert.are.equal(0, ended.exit_code)
  end)

  it("lets them act again when told to", function()
    local out, ended = host.lua [[
      local core = require "moonsand.core"
      local signals <close> = core.signals("TERM")
      core.raise "TERM"
      print "still there"
      io.stdout:flush()
      core.deliver "TERM"
      print "not any more"
    ]]
    assert.are.equal("still there\n", out)
    assert.are.equal("TERM", ended.signal)
  end)

  it("lets them through again once the handle is closed, but for what came before", function()
    local out, ended = host.lua [[
      local core = require "moonsand.core"
      local signals = core.signals("TERM")
      core.raise "TERM"
      signals:close()
      print "still here"
      io.stdout:flush()
      core.raise "TERM"
      print "never"
    ]]
    assert.are.equal("still here\n", out)
    assert.are.equal("TERM", ended.signal)
  end)

  it("refuses an unknown name", function()
    assert.has_error(function() core.signals("TERMINATE") end)
    assert.has_error(function() core.deliver("TERMINATE") end)
  end)
end)
