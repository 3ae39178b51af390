-- What holds for every recipe that is shipped; that they build and pass is what `make world` shows.
local graph = require "moonsand.build.graph"
local recipe = require "moonsand.recipe"
local sources = require "moonsand.build.source"
local words = require("moonsand.text").words

describe("every recipe that is shipped", function()
  local list = {}

  lazy_setup(function()
    local config <close> = recipe.configure {path = {"recipes"}}
    for _, file in ipairs(config:recipes()) do list[#list + 1] = config:load(file) end
  end)

  it("is one of at least thirty", function()
    assert.is_true(#list >= 30, #list)
  end)

  it("has what it is fetched by, with a SHA-256 for all that comes from elsewhere", function()
    for _, one in ipairs(list) do
      local found = sources.list(one)
      local of_the_host = one.data:flag("do_install", "host") == "packages"
      assert.is_true(#found > 0 or of_the_host, one.name)
      for _, source in ipairs(found) do
        assert.matches("^%x+$", source.sha256, nil, nil, one.name)
        assert.are.equal(64, #source.sha256, one.name)
      end
    end
  end)

  it("has a test, which does not see the host", function()
    for _, one in ipairs(list) do
      assert.is_string(one.data:get "do_test", one.name)
      assert.are.equal("outputs", one.data:flag("do_test", "root"), one.name)
    end
  end)

  it("depends on what another of them provides", function()
    local known = {}
    for _, one in ipairs(list) do known[one.name] = true end
    local edges = 0
    for _, one in ipairs(list) do
      for _, name in ipairs(words(one.data:get "DEPENDS")) do
        edges = edges + 1
        assert.is_true(known[name], ("%s (%s)"):format(name, graph.place(one, "DEPENDS", name)))
      end
    end
    assert.is_true(edges >= 20, edges)
  end)
end)
