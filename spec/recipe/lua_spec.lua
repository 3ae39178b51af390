local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local lua = require "moonsand.recipe.lua"

describe("Lua in metadata", function()
  local d

  before_each(function()
    d = data.new()
    d:put("PV", "1.2.13")
    d:put("F", "x y")
  end)

  local function problem_of(run, ...)
    local ok, problem = pcall(run, ...)
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    return problem
  end

  it("sees the variables by their names", function()
    assert.are.equal("1_2_13", d:expand("${=PV:gsub('%.', '_')}"))
    assert.are.equal("4", d:expand("${=2 + 2}"))
    assert.are.equal("yes", d:expand("${=contains('F', 'x', 'yes', 'no')}"))
    assert.are.equal("", d:expand("${=NOTHING}"))
  end)

  it("expands what the expression gives", function()
    assert.are.equal("v1.2.13", d:expand("${='v$' .. '{PV}'}"))
  end)

  it("waits for references inside the expression", function()
    assert.are.equal("1.2.13!", d:expand("${='${PV}' .. '!'}"))
    assert.are.equal("${='${NOPE}'}", d:expand("${='${NOPE}'}"))
  end)

  it("has no way outside", function()
    local names = {"os", "io", "require", "load", "debug", "getmetatable", "rawset", "_G"}
    for _, name in ipairs(names) do
      assert.are.equal("", d:expand(("${=%s and 'there'}"):format(name)))
    end
    assert.is_truthy(problem_of(d.expand, d, "${=(function() string.rep = 1 end)()}").message
      :find("'rep' cannot be set here", 1, true))
  end)

  it("names the place of an expression that fails", function()
    d:put("A", "${=nothing .. 'x'}", {operator = "=", file = "a.bb", line = 4})
    local problem = problem_of(d.get, d, "A")
    assert.are.equal("a.bb:4", problem.where)
    assert.is_truthy(problem.message:find("concatenate", 1, true))
  end)

  it("refuses an expression that is none", function()
    d:put("A", "${=1 +}", {operator = "=", file = "a.bb", line = 4})
    assert.are.equal("a.bb:4", problem_of(d.get, d, "A").where)
  end)

  it("runs a function with the lines of the file", function()
    lua.run(d, "  d:set('A', 'new')\n  d:append('A', '!')\n", "a.bb", 10)
    assert.are.equal("new!", d:get("A"))
    local list = d:where("A")
    assert.are.same({"a.bb", 11}, {list[1].file, list[1].line})
    assert.are.same({"a.bb", 12}, {list[2].file, list[2].line})
  end)

  it("names the line of a function that fails", function()
    local problem = problem_of(lua.run, d, "  local x\n  x.y = 1\n", "a.bb", 10)
    assert.are.equal("a.bb:12", problem.where)
    assert.are.equal("a.bb:11", problem_of(lua.run, d, "  x = = 1\n", "a.bb", 10).where)
    assert.are.equal("a.bb:11", problem_of(lua.run, d, "  error('no')\n", "a.bb", 10).where)
  end)

  it("refuses a global, and says how to set a variable", function()
    local problem = problem_of(lua.run, d, "  X = 1\n", "a.bb", 10)
    assert.is_truthy(problem.message:find("d:set", 1, true))
  end)

  it("gives a function the names that its caller adds", function()
    local seen
    lua.run(d, "  note(PV)\n", "a.bb", 1, {note = function(text) seen = text end})
    assert.are.equal("1.2.13", seen)
  end)
end)
