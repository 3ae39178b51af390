local catalogue = require "moonsand.recipe.catalogue"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local plain_recipe = require "spec.support.plain_recipe"
local up_to = require "moonsand.build.up_to"

local chain = {
  {"do_fetch"}, {"do_compile", after = {"do_fetch"}, deptask = "do_install"},
  {"do_install", after = {"do_compile"}}, {"do_build", after = {"do_install"}},
}

local function world(specs, variables)
  local recipes, d = {}, data.new()
  for name, value in pairs(variables or {}) do d:put(name, value) end
  for i, spec in ipairs(specs) do
    spec.tasks = spec.tasks or chain
    recipes[i] = plain_recipe(spec)
  end
  return graph.new {catalogue = catalogue.new(d, recipes), allowed = specs.allowed}
end

local function names(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = node.name end
  return table.concat(list, " ")
end

local function refused(action, ...)
  local ok, problem = pcall(action, ...)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  return problem
end

describe("the task graph", function()
  it("holds only what the request needs, dependencies first", function()
    local order = world({{name = "a"}, {name = "b"}}):plan {"a:compile"}
    assert.are.equal("a:fetch a:compile", names(order))
  end)

  it("takes the default task when the target names none", function()
    local order, wanted = world({{name = "a"}}):plan {"a"}
    assert.are.equal("a:fetch a:compile a:install a:build", names(order))
    assert.are.equal("a:build", wanted[1].name)
  end)

  it("accepts 'do_compile' and 'compile' as the same task", function()
    local g = world {{name = "a"}}
    assert.are.equal(names(g:plan {"a:compile"}), names(g:plan {"a:do_compile"}))
  end)

  it("goes up to one task of each recipe, of those that this brings in, too", function()
    local g = world {
      {name = "a", depends = {"b"}, tasks = {{"do_fetch"}, {"do_build", deptask = "do_build"}}},
      {name = "b", tasks = {{"do_fetch", depends = "tool:do_build"}, {"do_build"}}},
      {name = "tool", tasks = {{"do_fetch"}, {"do_build"}}},
    }
    assert.are.equal("b:build a:build", names((g:plan {"a"})))
    local order = up_to.plan(g, {"a"}, "fetch")
    assert.are.equal("tool:build b:fetch a:fetch tool:fetch", names(order))
    local problem = refused(up_to.plan, g, {"a"}, "fech")
    assert.are.equal("no recipe of this build has the task 'fech'", problem.message)
  end)

  it("goes up to a task of a recipe whose own name is assumed to be there", function()
    local g = world({{name = "a", depends = {"virtual/b"}},
      {name = "b", provides = {"virtual/b"}}}, {ASSUME_PROVIDED = "b"})
    assert.are.equal("a:fetch b:fetch", names((up_to.plan(g, {"a:compile"}, "fetch"))))
  end)

  it("follows [deptask] over DEPENDS", function()
    local order = world({{name = "a", depends = {"b"}}, {name = "b"}}):plan {"a:compile"}
    assert.are.equal("a:fetch b:fetch b:compile b:install a:compile", names(order))
  end)

  it("does not wait for a provider that lacks the task of [deptask]", function()
    local order = world({
      {name = "a", depends = {"b"}}, {name = "b", tasks = {{"do_fetch"}}},
    }):plan {"a:compile"}
    assert.are.equal("a:fetch a:compile", names(order))
  end)

  it("follows the flag [depends]", function()
    local order = world({
      {name = "a", tasks = {{"do_image", depends = "b:do_fetch"}}}, {name = "b"},
    }):plan {"a:image"}
    assert.are.equal("b:fetch a:image", names(order))
  end)

  it("leaves out names that the host provides", function()
    local order = world({{name = "a", depends = {"gcc"}}}, {ASSUME_PROVIDED = "gcc"})
      :plan {"a:compile"}
    assert.are.equal("a:fetch a:compile", names(order))
  end)

  it("names the statement that asks for a name which nothing provides", function()
    local g = world {{
      name = "a", depends = {"zlip"},
      places = {DEPENDS = {{text = "zlip", file = "a.bb", line = 3}}},
    }, {name = "zlib"}}
    local problem = refused(g.plan, g, {"a"})
    assert.are.equal("graph", problem.kind)
    assert.are.equal("a.bb:3", problem.where)
    assert.are.equal("nothing provides 'zlip', which 'a' depends on", problem.message)
    assert.are.equal("did you mean 'zlib'?", problem.hint)
  end)

  it("names the nearest task when a target's task does not exist", function()
    local g = world {{name = "a"}}
    local problem = refused(g.plan, g, {"a:compil"})
    assert.are.equal("'a' has no task 'do_compil'", problem.message)
    assert.are.equal("did you mean 'a:compile'?", problem.hint)
  end)

  it("splits targets of multiconfigs", function()
    assert.are.same({"mc:small:a", "do_compile"}, {graph.target "mc:small:a:compile"})
    assert.are.same({"mc:small:a"}, {graph.target "mc:small:a"})
    assert.are.same({"a", "do_compile"}, {graph.target "mc::a:do_compile"})
  end)

  it("refuses a [depends] word without a task", function()
    local g = world {{name = "a", tasks = {{"do_image", depends = "b"}}}, {name = "b"}}
    assert.matches("names no task", refused(g.plan, g, {"a:image"}).message)
  end)

  it("refuses a [depends] word whose task does not exist", function()
    local g = world {{name = "a", tasks = {{"do_image", depends = "b:do_nothing"}}}, {name = "b"}}
    assert.matches("'b' has no task 'do_nothing'", refused(g.plan, g, {"a:image"}).message)
  end)

  it("prints a loop between recipes with the place of each step", function()
    local g = world {
      {name = "a", depends = {"b"}, places = {DEPENDS = {{text = "b", file = "a.bb", line = 1}}}},
      {name = "b", depends = {"a"}, places = {DEPENDS = {{text = "a", file = "b.bb", line = 2}}}},
    }
    local problem = refused(g.plan, g, {"a:compile"})
    assert.matches("a:compile %-> b:install %-> b:compile %-> a:install %-> a:compile",
      problem.message)
    assert.matches("a:compile needs b:install %(a.bb:1%)", problem.hint)
    assert.matches("b:compile needs a:install %(b.bb:2%)", problem.hint)
  end)

  it("names who asks for a package that no recipe has, at run time", function()
    local g = world {{
      name = "a", rdepends = {"b-tools"},
      places = {["RDEPENDS:a"] = {{text = "b-tools", file = "a.bb", line = 4}}},
    }}
    local problem = refused(g.plan, g, {"a"})
    assert.are.equal("a.bb:4", problem.where)
    assert.are.equal("no recipe has a package 'b-tools', which 'a' depends on", problem.message)
  end)

  it("shows the way to a name that is missing further down", function()
    local g = world {{name = "a", depends = {"b"}}, {name = "b", depends = {"cccc"}}}
    assert.are.equal("nothing provides 'cccc', which 'b' depends on (a -> b)",
      refused(g.plan, g, {"a"}).message)
  end)

  it("says why a recipe took itself out", function()
    local g = world {{name = "a", depends = {"b"}}, {name = "b", skipped = "too old"}}
    assert.are.equal("nothing provides 'b': b was skipped: too old, which 'a' depends on",
      refused(g.plan, g, {"a"}).message)
  end)

  it("names who needs each of two recipes that provide the same", function()
    local g = world {
      {name = "a", depends = {"b", "c"}}, {name = "b", provides = {"b", "z"}},
      {name = "c", provides = {"c", "z"}},
    }
    local problem = refused(g.plan, g, {"a"})
    assert.are.equal("two recipes that are to be built provide 'z': b (for a:compile) and " ..
      "c (for a:compile)", problem.message)
  end)

  it("walks a chain of ten thousand tasks", function()
    local tasks = {{"do_0"}}
    for i = 1, 10000 do tasks[i + 1] = {("do_%d"):format(i), after = {("do_%d"):format(i - 1)}} end
    local order = world({{name = "a", tasks = tasks}}):plan {"a:10000"}
    assert.are.equal(10001, #order)
  end)

  it("refuses a multiconfig that there is not, and says who asks for it", function()
    local g = world {{name = "a", tasks = {{"do_image", mcdepends = "mc::x86:b:do_build"}},
      places = {do_image = {{text = "mc::x86:b:do_build", flag = "mcdepends", file = "a.bb",
        line = 7}}}}}
    local problem = refused(g.plan, g, {"a:image"})
    assert.are.equal("there is no multiconfig 'x86'", problem.message)
    assert.are.equal("a.bb:7", problem.where)
    assert.are.equal("there is no multiconfig 'x86'", refused(g.plan, g, {"mc:x86:a"}).message)
  end)

  it("refuses a word of [mcdepends] that has not all of its parts", function()
    local g = world {{name = "a", tasks = {{"do_image", mcdepends = "mc:x86:b:do_build"}}}}
    local problem = refused(g.plan, g, {"a:image"})
    assert.are.equal("'mc:x86:b:do_build' in the flag [mcdepends] of 'a:do_image' names no task " ..
      "of another configuration", problem.message)
    assert.are.equal("write it as 'mc:FROM:TO:recipe:do_task', with four colons", problem.hint)
  end)

  it("calls what is of another configuration by its whole name in faults", function()
    local other = plain_recipe {name = "b", tasks = chain}
    other.configuration = "small"
    local main = plain_recipe {name = "a", tasks = {
      {"do_one", mcdepends = "mc::small:c:do_install"},
      {"do_two", mcdepends = "mc::small:b:do_instal"},
    }}
    local function plan(task)
      main.tasks = {main.tasks[task == "one" and 1 or 2]}
      local recipes = {[""] = {main}, small = {other}}
      local g = graph.new {configurations = {
        names = function() return {"", "small"} end, check = function() end,
        of = function(name) return {catalogue = catalogue.new(data.new(), recipes[name])} end,
      }}
      return refused(g.plan, g, {"a:" .. task})
    end
    local tasks = main.tasks
    local problem = plan "one"
    assert.are.equal("nothing provides 'mc:small:c', which 'a' depends on", problem.message)
    main.tasks = tasks
    problem = plan "two"
    assert.are.equal("'mc:small:b' has no task 'do_instal'", problem.message)
    assert.are.equal("did you mean 'mc:small:b:install'?", problem.hint)
  end)
end)
