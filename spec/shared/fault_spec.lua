local fault = require "moonsand.fault"
local order = require "moonsand.order"
local scope = require "moonsand.scope"

describe("a fault", function()
  it("prints its place, its message and the next step", function()
    local f = fault.new("recipe", "no such thing", {where = "a.bb:3", hint = "write it"})
    assert.are.equal("a.bb:3: no such thing\n  write it", tostring(f))
  end)

  it("knows its exit code; what is no fault is a bug", function()
    assert.are.equal(1, fault.code(fault.new("task", "x")))
    assert.are.equal(2, fault.code(fault.new("usage", "x")))
    assert.are.equal(3, fault.code(fault.new("host", "x")))
    assert.are.equal(70, fault.code("some error"))
  end)

  it("has a known kind", function()
    assert.has_error(function() fault.new("unheard-of", "x") end)
  end)

  it("passes a message handler as it is", function()
    local f = fault.new("task", "x")
    assert.are.equal(f, fault.traced(f))
    assert.matches("stack traceback", fault.traced("x"))
  end)

  it("finds the nearest name, and none that is far", function()
    assert.are.equal("network", fault.nearest("netwrok", {"name", "network", "root"}))
    assert.is_nil(fault.nearest("zzz", {"name", "network", "root"}))
  end)
end)

describe("the distance of two names", function()
  it("counts letters that are missing, too many, other ones, or in each other's place", function()
    for _, case in ipairs {{"", "", 0}, {"abc", "abc", 0}, {"", "abc", 3}, {"abc", "", 3},
      {"build", "buid", 1}, {"build", "biuld", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}} do
      assert.are.equal(case[3], fault.distance(case[1], case[2]))
    end
  end)

  it("is small enough for a verb with two letters swapped", function()
    assert.are.equal("build", fault.nearest("biuld", {"build", "run", "shell"}))
  end)
end)

describe("a scope", function()
  it("runs its steps newest first, all of them, and throws the first error", function()
    local log = {}
    local ok, err = pcall(function()
      local undo <close> = scope.new()
      undo:defer(function() log[#log + 1] = "a" end)
      undo:defer(function() error("b", 0) end)
      undo:defer(function() log[#log + 1] = "c" end)
    end)
    assert.is_false(ok)
    assert.are.equal("b", err)
    assert.are.same({"c", "a"}, log)
  end)

  it("does not hide the error that the block left with", function()
    local ok, err = pcall(function()
      local undo <close> = scope.new()
      undo:defer(function() error("undo", 0) end)
      error("block", 0)
    end)
    assert.is_false(ok)
    assert.are.equal("block", err)
  end)

  it("forgets its steps when it is released", function()
    local ran = false
    do
      local undo <close> = scope.new()
      undo:defer(function() ran = true end)
      undo:release()
    end
    assert.is_false(ran)
  end)
end)

describe("what the core answered", function()
  it("is handed on as it is", function()
    assert.are.same({1, "two", 3}, {fault.unless("sandbox", 1, "two", 3)})
  end)

  it("is a fault when it is a refusal", function()
    local ok, err = pcall(fault.unless, "sandbox", nil, "pipe: Too many open files", 24)
    assert.is_false(ok)
    assert.is_true(fault.is(err))
    assert.are.same({"pipe: Too many open files", 24}, {err.message, err.errno})
  end)
end)

describe("an ordered iteration", function()
  it("goes over numbers first, then strings, each sorted", function()
    local keys = {}
    for key in order.sorted {b = 1, a = 1, [2] = 1, [1] = 1} do keys[#keys + 1] = key end
    assert.are.same({1, 2, "a", "b"}, keys)
  end)
end)
