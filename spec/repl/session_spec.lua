local session = require "moonsand.repl.session"

local function talk(...)
  local parts = {}
  local self = session.new {write = function(text) parts[#parts + 1] = text end}
  for _, line in ipairs {...} do self:feed(line) end
  return table.concat(parts), self
end

describe("a session", function()
  it("shows the value of an expression", function()
    assert.are.equal("3\n", (talk "1 + 2"))
    assert.are.equal('"a\\tb"\n', (talk "'a\\tb'"))
  end)

  it("shows every value when there are several", function()
    assert.are.equal("nil\n2\n", (talk "nil, 2"))
  end)

  it("shows nothing for a statement, nor for nil", function()
    assert.are.equal("", (talk("x = 1", "nil", "", "-- only a comment")))
  end)

  it("keeps globals from line to line, apart from the program's own", function()
    assert.are.equal("42\n", (talk("spec_x = 42", "spec_x")))
    assert.is_nil(rawget(_G, "spec_x"))
  end)

  it("remembers the last result as _", function()
    assert.are.equal("2\n3\n", (talk("2", "_ + 1")))
  end)

  it("waits for the rest of a chunk", function()
    local out, self = talk("for i = 1, 2 do", "spec_sum = (spec_sum or 0) + i")
    assert.are.equal("", out)
    assert.is_true(self:continues())
    assert.are.equal("3\n", (talk("function f()", "return 3", "end", "f()")))
  end)

  it("says so when the input ends inside of a chunk", function()
    local parts = {}
    local self = session.new {write = function(text) parts[#parts + 1] = text end}
    self:feed "if true then"
    self:finish()
    assert.are.equal("the input ends in the middle of a statement\n", table.concat(parts))
  end)

  it("goes on after errors, which are shown without a traceback", function()
    assert.are.equal("input:1: ouch\n1\n", (talk("error 'ouch'", "1")))
  end)

  it("names the place of a mistake in the syntax", function()
    assert.are.equal("input:1: unexpected symbol near '='\n", (talk "x = = 1"))
  end)

  it("shows a fault as a fault", function()
    assert.are.equal("a.bb:3: bad\n  do this\n", (talk(
      "require 'moonsand.fault'.throw('recipe', 'bad', {where = 'a.bb:3', hint = 'do this'})")))
  end)

  it("has the toolkit at hand", function()
    assert.are.equal('"table"\n', (talk "type(core)"))
    assert.are.equal('"moonsand 0.1.0"\n', (talk "moonsand._VERSION"))
  end)

  it("lists its commands, and names the nearest one", function()
    assert.is_truthy(talk(":help"):find(":quit                 leave", 1, true))
    assert.are.equal("unknown command ':quot'\n  did you mean ':quit'?\n", (talk ":quot"))
  end)

  it("is over after :quit", function()
    local _, self = talk(":quit")
    assert.is_true(self.over)
  end)
end)
