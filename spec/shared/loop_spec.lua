local core = require "moonsand.core"
local loop = require "moonsand.loop"

describe("a loop", function()
  it("runs coroutines until each has ended", function()
    local l <close> = loop.new()
    local seen = {}
    for i = 3, 1, -1 do
      l:spawn(function()
        loop.wait({}, i / 50)
        seen[#seen + 1] = i
      end)
    end
    l:run()
    assert.are.same({1, 2, 3}, seen)
  end)

  it("resumes the one whose descriptor is ready", function()
    local l <close> = loop.new()
    local reader <close>, writer = core.pipe()
    local log = {}
    l:spawn(function()
      log[#log + 1] = "waiting"
      assert.are.same({1}, loop.wait {{fd = reader}})
      log[#log + 1] = reader:read()
    end)
    l:spawn(function() writer:write("written") end)
    l:run()
    writer:close()
    assert.are.same({"waiting", "written"}, log)
  end)

  it("says nil when the time is over, and indexes when something is ready", function()
    local l <close> = loop.new()
    local reader <close>, writer = core.pipe()
    local answers = {}
    l:spawn(function()
      answers[1] = loop.wait({{fd = reader}}, 0.01) or "time"
      writer:write("x")
      answers[2] = loop.wait({{fd = writer, events = "w"}, {fd = reader}}, 5)
    end)
    l:run()
    writer:close()
    assert.are.same({"time", {1, 2}}, answers)
  end)

  it("lets one coroutine wake another", function()
    local l <close> = loop.new()
    local got
    local sleeper = l:spawn(function() got = loop.park() end)
    l:spawn(function() loop.wake(sleeper, "up") end)
    l:run()
    assert.are.equal("up", got)
  end)

  it("throws what a coroutine throws, after closing what that one held", function()
    local l <close> = loop.new()
    local closed = false
    l:spawn(function()
      local held <close> = setmetatable({}, {__close = function() closed = true end})
      loop.wait({}, 0)
      error({held = held}, 0)
    end)
    assert.has_error(function() l:run() end)
    assert.is_true(closed)
  end)

  it("closes the coroutines that are left when it is closed", function()
    local closed = {}
    do
      local l <close> = loop.new()
      for i = 1, 2 do
        l:spawn(function()
          local _ <close> = setmetatable({}, {__close = function() closed[#closed + 1] = i end})
          loop.wait({}, 1000)
        end)
      end
    end
    assert.are.same({2, 1}, closed)
  end)

  it("notices that nothing can ever happen", function()
    local l <close> = loop.new()
    l:spawn(function() loop.park() end)
    assert.error_matches(function() l:run() end, "deadlock")
  end)

  it("is not needed: wait polls by itself outside of one", function()
    local reader <close>, writer = core.pipe()
    assert.is_nil(loop.wait({{fd = reader}}, 0.01))
    writer:write("x")
    assert.are.same({1}, loop.wait({{fd = reader}}))
    writer:close()
  end)
end)
