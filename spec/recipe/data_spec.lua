local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"

describe("the datastore", function()
  local d

  before_each(function()
    d = data.new()
  end)

  local function problem_of(run, ...)
    local ok, problem = pcall(run, ...)
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    return problem
  end

  it("expands when a value is read, not when it is set", function()
    d:put("A", "${B}")
    assert.are.equal("${B}", d:get("A"))
    d:put("B", "1")
    assert.are.equal("1", d:get("A"))
    assert.are.equal("${B}", d:raw("A"))
  end)

  it("forgets expansions when something is written", function()
    d:put("A", "${B}")
    d:put("B", "1")
    assert.are.equal("1", d:get("A"))
    d:put("B", "2")
    assert.are.equal("2", d:get("A"))
  end)

  -- What each kind of write changes, seen through two references.
  local writes = {
    {"a value", function() d:put("B", "2") end, "2 "},
    {"an append", function() d:append("B", "+") end, "1+ "},
    {"a variant of an active override", function() d:put("B:foo", "f") end, "f "},
    {"an append to such a variant", function()
      d:put("B:foo", "f")
      assert.are.equal("f ", d:get("A"))
      d:put("B:foo:append", "+")
    end, "f+ "},
    {"a value that was not there", function() d:put("NEW", "n") end, "1 n"},
    {"a weak default", function() d:put_default("NEW", "w") end, "1 w"},
    {"a flag that an expression reads", function() d:set_flag("F", "x", "3") end, "1 ", "3"},
    {"a flag's text's reference", function() d:put("G", "4") end, "1 ", "4"},
    {"the list of overrides", function()
      d:put("B:bar", "b")
      d:put("OVERRIDES", "bar")
    end, "b "},
    {"a name that is renamed", function()
      d:put("OTHER", "o")
      d:rename("OTHER", "NEW")
    end, "1 o"},
    {"a name that is deleted", function() d:delete("B") end, "${B} "},
    {"words that are removed", function() d:put("B:remove", "1") end, " "},
  }

  for _, case in ipairs(writes) do
    it("forgets what was made with " .. case[1], function()
      d:put("OVERRIDES", "foo")
      d:put("NEW", nil)
      d:put("B", "1")
      d:put("A", "${B} ${=NEW}")
      d:put("G", "0")
      d:set_flag("F", "x", "${G}")
      d:put("C", '${=d:flag("F", "x")}')
      assert.are.same({"1 ", "0"}, {d:get("A"), d:get("C")})
      case[2]()
      assert.are.same({case[3], case[4] or "0"}, {d:get("A"), d:get("C")})
    end)
  end

  it("remembers what was made with other names, and what is nothing but names is never old",
    function()
      d:put("A", "${B}")
      d:put("B", "1")
      d:put("N", '${=#d:names()}')
      local before = tonumber(d:get("N"))
      d:get("A")
      local entry = d.entries.A
      d:put("C", "2")
      assert.are.equal(entry, d.entries.A)
      assert.are.equal(before + 1, tonumber(d:get("N")))
    end)

  it("gives a renamed variable the history of the old name, up to then", function()
    d:put("A", "1", {operator = "=", name = "A", file = "f", line = 1})
    d:rename("A", "B")
    d:put("A", "2", {operator = "=", name = "A", file = "f", line = 2})
    d:put("B", "3", {operator = "+=", name = "B", file = "f", line = 3})
    local steps = {}
    for i, entry in ipairs(d:where("B")) do steps[i] = entry.operator .. entry.line end
    assert.are.equal("=1 rename1 +=3", table.concat(steps, " "))
    assert.are.equal("f:3", d:place("B"))
    assert.are.equal("f:2", d:place("A"))
  end)

  it("chooses by override at the time of reading", function()
    d:put("A", "0")
    d:put("A:foo", "1")
    assert.are.equal("0", d:get("A"))
    d:put("OVERRIDES", "foo")
    assert.are.equal("1", d:get("A"))
  end)

  it("keeps what a copy writes from its parent", function()
    d:put("A", "1")
    d:put("A:append", "x")
    local copy = d:copy()
    copy:put("A", "2")
    copy:put("A:append", "y")
    copy:put("B", "3")
    assert.are.equal("2xy", copy:get("A"))
    assert.are.equal("1x", d:get("A"))
    assert.is_nil(d:get("B"))
  end)

  it("hides in a copy what the copy deleted", function()
    d:put("A", "1")
    local copy = d:copy()
    copy:delete("A")
    assert.is_nil(copy:get("A"))
    assert.are.same({}, copy:names())
    assert.are.equal("1", d:get("A"))
  end)

  it("drops pending operations and active variants on set, not on put", function()
    d:put("OVERRIDES", "foo")
    d:put("A", "1")
    d:put("A:append", "x")
    d:put("A:foo", "2")
    d:put("A", "3")
    assert.are.equal("2x", d:get("A"))
    d:set("A", "4")
    assert.are.equal("4", d:get("A"))
  end)

  it("says where every part of a value comes from", function()
    d:put("A", "1", {operator = "=", name = "A", text = "1", file = "a.conf", line = 3})
    local copy = d:copy()
    copy:put("A:append", "x", {operator = "=", name = "A:append", file = "b.bb", line = 7})
    local list = copy:where("A")
    assert.are.same({"a.conf", "b.bb"}, {list[1].file, list[2].file})
    assert.are.equal("b.bb:7", copy:place("A"))
    assert.are.equal(1, #d:where("A"))
  end)

  it("names the chain of a loop, and can be used afterwards", function()
    d:put("A", "${B}", {operator = "=", file = "a.bb", line = 1})
    d:put("B", "${C}")
    d:put("C", "${A}")
    local problem = problem_of(d.get, d, "A")
    assert.are.equal("variable 'A' refers to itself: A -> B -> C -> A", problem.message)
    assert.are.equal("a.bb:1", problem.where)
    d:put("C", "x")
    assert.are.equal("x", d:get("A"))
  end)

  it("goes as deep as the references go", function()
    for i = 1, 2000 do d:put("V" .. i, "${V" .. i + 1 .. "}") end
    d:put("V2001", "end")
    assert.are.equal("end", d:get("V1"))
  end)

  it("refuses overrides that never settle, and says where they are set", function()
    d:put("A", "foo")
    d:put("A:foo", "bar")
    d:put("A:bar", "foo")
    local entry = {operator = "=", file = "a.conf", line = 9}
    local problem = problem_of(d.put, d, "OVERRIDES", "${A}", entry)
    assert.are.equal("a.conf:9", problem.where)
  end)

  it("refuses the old override syntax, and shows the new", function()
    local problem = problem_of(d.put, d, "A_append", "x", {file = "a.bb", line = 2})
    assert.are.equal("a.bb:2", problem.where)
    assert.is_truthy(problem.hint:find("A:append", 1, true))
  end)

  it("keeps flags apart from the value, and expands them on reading", function()
    d:put("B", "1")
    d:set_flag("A", "f", "${B}")
    assert.are.equal("1", d:flag("A", "f"))
    assert.are.equal("${B}", d:raw_flag("A", "f"))
    assert.is_nil(d:get("A"))
    d:set_flag("A", "g", "weak", nil, true)
    assert.are.same({f = "${B}", g = "weak"}, d:flags("A"))
  end)

  it("lists a name without a value of its own when a variant is active", function()
    d:put("A:foo", "1")
    assert.are.same({"A:foo"}, d:names())
    d:put("OVERRIDES", "foo")
    assert.are.same({"A", "A:foo", "OVERRIDES"}, d:names())
  end)

  it("warns when an expanded name meets another variable", function()
    d:put("P", "x")
    d:put("A_x", "1")
    d:put("A_${P}", "2")
    d:expand_keys()
    assert.are.equal("2", d:get("A_x"))
    assert.are.equal(1, #d.log)
  end)
end)
