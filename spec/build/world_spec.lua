local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local project = require "spec.support.project"

local plain = "deltask fetch unpack patch configure install populate_sysroot\n" ..
  "do_compile() {\n    :\n}\n"

describe("the target world", function()
  local here

  before_each(function()
    here = project.new()
    here:write {
      ["a/a_1.bb"] = plain .. "addtask check after do_compile\ndo_check() {\n    :\n}\n",
      ["b/b_1.bb"] = plain, ["b/b_2.bb"] = plain,
      ["f/f_1.bb"] = plain .. "PROVIDES += \"virtual/f\"\n",
      ["c/c_1.bb"] = plain .. "EXCLUDE_FROM_WORLD = \"1\"\n",
      ["d/d_1.bb"] = plain .. "BBCLASSEXTEND = \"native\"\n",
      ["e/e_1.bb"] = plain .. "lua () {\n    d:skip('not here')\n}\n",
    }
  end)
  after_each(function() here:close() end)

  local function wanted(targets)
    local builder <close> = here:builder()
    local _, nodes = graph.of(builder.config):plan(targets)
    local names = {}
    for i, node in ipairs(nodes) do names[i] = node.name end
    return names
  end

  it("is every recipe once, without those that are excluded, skipped, native or virtual", function()
    assert.are.same({"a:build", "b:build", "d:build"}, wanted {"world"})
  end)

  it("with a task is the recipes that have it", function()
    assert.are.same({"c:build", "a:check"}, wanted {"c", "world:do_check"})
  end)

  it("is built", function()
    local summary = here:build {"world"}
    assert.is_true(summary.ok)
    assert.is_truthy(summary.outcomes["b:build"])
    assert.is_nil(summary.outcomes["c:build"])
  end)

  it("with a task that no recipe has is refused", function()
    local builder <close> = here:builder()
    local ok, why = pcall(builder.run, builder, {"world:nothing"})
    assert.is_false(ok)
    assert.is_true(fault.is(why))
    assert.matches("no recipe of 'world' has the task 'do_nothing'", tostring(why))
  end)
end)
