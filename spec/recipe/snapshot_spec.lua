local data = require "moonsand.recipe.data"
local snapshot = require "moonsand.recipe.snapshot"

describe("a store as text", function()
  it("gives the same answers when it is a store again", function()
    local top = data.new()
    top:put("OVERRIDES", "a:b")
    top:put("A", "1 \"2\"\n\\${B}")
    top:put("A:b", "over ${B}")
    top:put("B", "x")
    top:put("GONE", "there")
    top:set_flag("F", "depends", "a:do_b")
    top:set_flag("F", "deps", {"do_a", "do_b"}, false)
    local d = top:copy()
    d:append("B", " y")
    d:delete("GONE")
    d:put_default("WEAK", "weak")
    d.state.tasks = {"do_a", "do_b"}
    local other = snapshot.restore(snapshot.of(d))
    for _, name in ipairs {"A", "A:b", "B", "GONE", "WEAK", "OVERRIDES"} do
      assert.are.equal(d:get(name), other:get(name), name)
      assert.are.equal(d:raw(name), other:raw(name), name)
    end
    assert.are.equal("over x y", other:get "A")
    assert.are.same(d:flags "F", other:flags "F")
    assert.are.same({"do_a", "do_b"}, other.state.tasks)
    other:set("B", "z")
    assert.are.equal("over z", other:get "A")
    assert.are.equal("over x y", d:get "A")
  end)
end)
