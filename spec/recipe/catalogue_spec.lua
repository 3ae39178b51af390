-- Who provides a name. The answers are BitBake's own, for recipes like these.
local catalogue = require "moonsand.recipe.catalogue"
local data = require "moonsand.recipe.data"

-- A recipe as it is kept; lists that are not given are empty.
local function recipe(name, version, more)
  local fields = {
    name = name, version = version, file = ("/r/%s_%s.bb"):format(name, version), variant = "",
    priority = 0, preference = 0, provides = {name}, depends = {}, packages = {name},
    rprovides = {}, dynamic = {}, rdepends = {}, world = true, tasks = {{name = "do_build"}},
  }
  for key, value in pairs(more or {}) do fields[key] = value end
  return fields
end

local function known(list, variables)
  local d = data.new()
  for name, value in pairs(variables or {}) do d:put(name, value) end
  return catalogue.new(d, list)
end

local function chosen(list, name, variables)
  local names = {}
  for i, each in ipairs(known(list, variables):build(name)) do
    names[i] = each.name .. " " .. each.version
  end
  return table.concat(names, ", ")
end

local function run(list, name, variables)
  local found, conflict = known(list, variables):runtime(name)
  local names = {}
  for i, each in ipairs(found or conflict) do names[i] = each.name end
  return (found and "" or "conflict: ") .. table.concat(names, " ")
end

describe("a name to build", function()
  it("is the latest version of a recipe, in the layer of the highest priority", function()
    local list = {recipe("a", "1.9"), recipe("a", "1.10"), recipe("a", "3", {priority = -1})}
    assert.are.equal("a 1.10", chosen(list, "a"))
  end)

  it("is the version of the highest DEFAULT_PREFERENCE", function()
    local list = {recipe("a", "2", {preference = -1}), recipe("a", "1")}
    assert.are.equal("a 1", chosen(list, "a"))
  end)

  it("is the first version that answers to PREFERRED_VERSION, not the highest", function()
    local list = {recipe("a", "1.0"), recipe("a", "1.10"), recipe("a", "2.0")}
    assert.are.equal("a 1.0", chosen(list, "a", {PREFERRED_VERSION_a = "1.%"}))
    assert.are.equal("a 1.10", chosen(list, "a", {["PREFERRED_VERSION:pn-a"] = "1.10"}))
  end)

  it("is looked for by PREFERRED_VERSION from the lowest DEFAULT_PREFERENCE on", function()
    local list = {recipe("a", "1.0"), recipe("a", "1.1", {preference = -1})}
    assert.are.equal("a 1.1", chosen(list, "a", {PREFERRED_VERSION_a = "1.%"}))
  end)

  it("is the latest, with a warning, when the preferred version is not there", function()
    local all = known({recipe("a", "1"), recipe("a", "2")}, {PREFERRED_VERSION_a = "3"})
    assert.are.equal("2", all:build("a")[1].version)
    assert.are.same({"preferred version 3 of a is not there, the latest is used"}, all.warnings)
  end)

  it("is nothing when the version that REQUIRED_VERSION names is not there", function()
    assert.are.equal("", chosen({recipe("a", "1")}, "a", {REQUIRED_VERSION_a = "3"}))
    assert.are.equal("a 1", chosen({recipe("a", "1"), recipe("a", "2")}, "a",
      {REQUIRED_VERSION_a = "1", PREFERRED_VERSION_a = "2"}))
  end)

  it("is the recipe of that name before others that provide it", function()
    local list = {recipe("b", "1", {provides = {"b", "z"}}), recipe("z", "1")}
    assert.are.equal("z 1, b 1", chosen(list, "z"))
  end)

  it("is what PREFERRED_PROVIDER or PREFERRED_PROVIDERS says", function()
    local list = {recipe("b", "1", {provides = {"b", "virtual/z"}}),
      recipe("c", "1", {provides = {"c", "virtual/z"}})}
    assert.are.equal("b 1, c 1", chosen(list, "virtual/z"))
    local preferred = {["PREFERRED_PROVIDER_virtual/z"] = "c"}
    assert.are.equal("c 1, b 1", chosen(list, "virtual/z", preferred))
    assert.are.equal("c 1, b 1", chosen(list, "virtual/z", {PREFERRED_PROVIDERS = "virtual/z:c"}))
  end)

  it("that several provide is used with a warning that names the variable to set", function()
    local all = known({recipe("b", "1", {provides = {"z"}}), recipe("c", "1", {provides = {"z"}})})
    all:build("z")
    assert.are.equal("multiple providers are available for z (b, c); set PREFERRED_PROVIDER_z, " ..
      "'b' is used", all.warnings[1])
  end)

  it("is not looked for in recipes that took themselves out", function()
    local all = known({recipe("a", "1", {skipped = "not today"})})
    assert.are.same({}, all:build("a"))
    assert.are.equal("not today", all:taken_out("a").skipped)
  end)
end)

describe("a name to run", function()
  it("is a package, or what packages provide", function()
    local list = {recipe("a", "1", {packages = {"a", "a-dev"}, rprovides = {"x"}})}
    assert.are.equal("a", run(list, "a-dev"))
    assert.are.equal("a", run(list, "x"))
    assert.are.equal("", run(list, "y"))
  end)

  it("is made on demand when PACKAGES_DYNAMIC begins like it and nobody has it by name", function()
    local list = {recipe("a", "1", {dynamic = {"^module-.*", "^c++-.*"}}),
      recipe("b", "1", {packages = {"module-x"}})}
    assert.are.equal("b", run(list, "module-x"))
    assert.are.equal("a", run(list, "module-y"))
    assert.are.equal("a", run(list, "c++-tools"))
    assert.are.equal("", run(list, "a-module-y"))
  end)

  it("is what PREFERRED_RPROVIDER says", function()
    local list = {recipe("b", "1", {rprovides = {"x"}}), recipe("c", "1", {rprovides = {"x"}})}
    assert.are.equal("b c", run(list, "x"))
    assert.are.equal("c b", run(list, "x", {PREFERRED_RPROVIDER_x = "c"}))
  end)

  it("is what PREFERRED_PROVIDER says of something else that the recipes provide", function()
    local list = {recipe("b", "1", {provides = {"b", "virtual/z"}, rprovides = {"x"}}),
      recipe("c", "1", {provides = {"c", "virtual/z"}, rprovides = {"x"}})}
    assert.are.equal("c b", run(list, "x", {["PREFERRED_PROVIDER_virtual/z"] = "c"}))
  end)

  it("is nothing when such preferences contradict each other", function()
    local list = {
      recipe("b", "1", {provides = {"b", "virtual/y"}, rprovides = {"x"}}),
      recipe("c", "1", {provides = {"c"}, rprovides = {"x"}}),
      recipe("e", "1", {provides = {"e", "virtual/z"}, rprovides = {"x"}}),
    }
    assert.are.equal("conflict: b e", run(list, "x",
      {["PREFERRED_PROVIDER_virtual/y"] = "b", ["PREFERRED_PROVIDER_virtual/z"] = "e"}))
  end)
end)

describe("ASSUME_PROVIDED", function()
  it("holds names, and expressions that begin with ^ or end with $", function()
    local all = known({}, {ASSUME_PROVIDED = "make ^gcc- zip$ b.*"})
    local list = {}
    for i, name in ipairs {"make", "maker", "gcc-12", "zip", "unzip", "bar"} do
      list[i] = all:assumed(name)
    end
    assert.are.same({true, false, true, true, false, false}, list)
  end)
end)

describe("world", function()
  local list = {
    recipe("a", "1"), recipe("b", "1", {world = false}), recipe("c", "1", {tasks = {}}),
    recipe("e", "1", {provides = {"e", "virtual/e"}}), recipe("f", "1", {provides = {"f", "z"}}),
    recipe("g", "1", {provides = {"g", "z"}}), recipe("h", "1", {skipped = "no"}),
  }

  it("leaves out what is excluded, one of several ways, or has no such task", function()
    assert.are.same({"a"}, known(list):all("world", "do_build"))
  end)

  it("and universe only what has no such task", function()
    assert.are.same({"a", "b", "e", "f", "g"}, known(list):all("universe", "do_build"))
  end)
end)
