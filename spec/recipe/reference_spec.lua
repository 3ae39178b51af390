local data = require "moonsand.recipe.data"
local recipe = require "moonsand.recipe"

describe("what a task depends on", function()
  local d

  local function define(name, body, flags)
    d:put(name, body)
    for flag, value in pairs(flags or {}) do d:set_flag(name, flag, value) end
    d:set_flag(name, "func", 1)
    d:set_flag(name, "filename", "a.bb")
    d:set_flag(name, "lineno", 1)
  end

  before_each(function()
    d = data.new()
  end)

  it("is every variable and function it refers to, directly or not, sorted", function()
    d:put("A", "${B}")
    d:put("B", "1")
    d:put("UNUSED", "1")
    define("do_x", "helper ${A} ${NOT_SET}\n")
    define("helper", "echo ${C}\n")
    local names, texts = recipe.references(d, "do_x")
    assert.are.same({"A", "B", "C", "NOT_SET", "helper"}, names)
    assert.are.equal("${B}", texts.A)
    assert.are.equal("echo ${C}\n", texts.helper)
  end)

  it("holds exported variables for a shell task", function()
    d:put("CC", "gcc")
    d:set_flag("CC", "export", 1)
    define("do_x", "true\n")
    assert.are.same({"CC"}, (recipe.references(d, "do_x")))
  end)

  it("obeys vardeps, vardepsexclude, vardepvalue and BB_BASEHASH_IGNORE_VARS", function()
    d:put("TIME", "now")
    d:put("A", "${TIME}")
    d:put("B", "${TIME} ${C}")
    d:put("BB_BASEHASH_IGNORE_VARS", "D")
    d:set_flag("B", "vardepsexclude", "TIME")
    d:set_flag("A", "vardepvalue", "fixed")
    define("do_x", "${A} ${B} ${D}\n", {vardeps = "E"})
    local names, texts = recipe.references(d, "do_x")
    assert.are.same({"A", "B", "C", "E"}, names)
    assert.are.equal("fixed", texts.A)
  end)

  it("holds the functions before and after it", function()
    define("do_x", "true\n", {prefuncs = "before", postfuncs = "after"})
    define("before", "${A}\n")
    define("after", "true\n")
    assert.are.same({"A", "after", "before"}, (recipe.references(d, "do_x")))
  end)

  it("finds the variables of Lua code", function()
    d:put("lower", "1")
    d:put("PV", "2")
    d:put("A", "${=PV:gsub('x', lower) .. contains('F', 'x', 'y', '')}")
    define("do_x", "  local name = d:get('A') -- not THIS\n  print(OTHER, name)\n", {lua = "1"})
    assert.are.same({"A", "F", "OTHER", "PV", "lower"}, (recipe.references(d, "do_x")))
  end)

  it("shows a remove that has an effect in the text", function()
    d:put("A", "a b")
    d:put("A:remove", "b")
    d:put("A:remove", "c")
    define("do_x", "${A}\n")
    local _, texts = recipe.references(d, "do_x")
    assert.are.equal("a b\n_remove of b", texts.A)
  end)
end)
