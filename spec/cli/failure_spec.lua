local failure = require "moonsand.cli.show.failure"

local function numbered(first, last)
  local lines = {}
  for i = first, last do lines[#lines + 1] = "line " .. i end
  return table.concat(lines, "\n") .. "\n"
end

describe("the lines of a failure", function()
  it("are the errors with two lines around", function()
    local picked, total = failure.pick(numbered(1, 5) .. "a.c:2:9: error: no\n" .. numbered(6, 9))
    assert.are.same({"line 4", "line 5", "a.c:2:9: error: no", "line 6", "line 7"}, picked)
    assert.are.equal(10, total)
  end)

  it("show where lines are left out", function()
    local picked = failure.pick("fatal: a\n" .. numbered(1, 9) .. "make: *** [x] Error 2\n")
    assert.are.same({"fatal: a", "line 1", "line 2", "…", "line 8", "line 9",
      "make: *** [x] Error 2"}, picked)
  end)

  it("are the tail when nothing looks like an error", function()
    assert.are.same({"line 29", "line 40"}, {
      failure.pick(numbered(1, 40))[1], failure.pick(numbered(1, 40))[12]})
  end)

  it("are the first and the last ones when there are too many", function()
    local picked = failure.pick(("x: error: y\n"):rep(500) .. "make: *** [x] Error 2\n")
    assert.are.equal("x: error: y", picked[1])
    assert.are.equal("make: *** [x] Error 2", picked[#picked])
    assert.is_true(#picked <= 25)
  end)

  it("are not fooled by options and file names", function()
    local text = "gcc -Werror -c error.c\n" .. numbered(1, 30)
    assert.are.equal("line 19", failure.pick(text)[1])
  end)

  it("carry no colours, carriage returns or foreign bytes", function()
    assert.are.same({"x error: y?"}, failure.pick("\27[1;31mx error:\27[0m y\xff\r\n"))
  end)
end)

describe("the lines of a failure", function()
  it("are also those that match somebody else's patterns; a wrong one matches nothing", function()
    local text = numbered(1, 30) .. "oh no\n" .. numbered(31, 60)
    assert.are.equal("oh no", failure.pick(text, {"[", "^oh%s"})[3])
    assert.are.equal("line 49", failure.pick(text, {"["})[1])
  end)
end)

describe("the block of a failure", function()
  local event = {
    event = "task_ended", task = "zlib:compile", outcome = "failed", seconds = 3.2, exit_code = 2,
    where = "recipes/zlib.bb:18", command = "make -j8", cwd = "/work/zlib-1.3.1",
    log = "/home/me/build/log",
  }

  it("has command, lines, place and the log", function()
    assert.are.equal(table.concat({
      "zlib:compile failed after 3.2s: exit 2" .. (" "):rep(24) .. "recipes/zlib.bb:18",
      "",
      "    make -j8" .. (" "):rep(49) .. "in /work/zlib-1.3.1",
      "  │ inflate.c:204:9: error: 'state' undeclared",
      "  │ make: *** [inflate.o] Error 1",
      "",
      "  moonsand log   zlib:compile      2 lines",
      "",
    }, "\n"), failure.block(event,
      "inflate.c:204:9: error: 'state' undeclared\nmake: *** [inflate.o] Error 1\n",
      {width = 100, here = "/home/me"}))
  end)

  it("has the message when there was no command", function()
    assert.are.equal("a:fetch failed after 0.0s: checksum of 'x': wrong\n\n  do that\n",
      failure.block({task = "a:fetch", seconds = 0, message = "checksum of 'x': wrong",
        hint = "do that"}, nil, {width = 80}))
  end)

  it("offers the shell only for a sandbox that was kept", function()
    local kept = setmetatable({kept = true}, {__index = event})
    assert.is_truthy(failure.block(kept, "", {width = 80}):find("moonsand shell zlib:compile", 1,
      true))
    assert.is_nil(failure.block(event, "", {width = 80}):find("moonsand shell", 1, true))
  end)

  it("names the signal", function()
    local block = failure.block({task = "a:b", signal = "SEGV"}, "", {width = 80})
    assert.is_truthy(block:find("a:b failed after 0.0s: signal SEGV", 1, true))
  end)
end)

describe("the summary", function()
  it("counts what happened", function()
    assert.are.equal("127 tasks: 86 ok, 40 cached, 1 failed, 0 not started in 1m12s\n",
      failure.summary {seconds = 72, counts = {ok = 86, cached = 40, failed = 1}})
  end)
end)
