local multiconfig = require "moonsand.recipe.multiconfig"

describe("a name across configurations", function()
  it("is split into the configuration and the rest, also in its old form", function()
    assert.are.same({"small", "zlib:compile"}, {multiconfig.split "mc:small:zlib:compile"})
    assert.are.same({"small", "zlib"}, {multiconfig.split "multiconfig:small:zlib"})
    assert.are.same({"", "zlib"}, {multiconfig.split "mc::zlib"})
    assert.are.same({"", "zlib:compile"}, {multiconfig.split "zlib:compile"})
    assert.are.same({"", "mc:compile"}, {multiconfig.split "mc:compile"})
  end)

  it("is short in the main configuration", function()
    assert.are.equal("mc:small:zlib", multiconfig.join("small", "zlib"))
    assert.are.equal("zlib", multiconfig.join("", "zlib"))
    assert.are.equal("mc:small:zlib", multiconfig.name {name = "zlib", configuration = "small"})
    assert.are.equal("zlib", multiconfig.name {name = "zlib"})
  end)

  it("is short in its own configuration, and whole in others", function()
    for _, case in ipairs {
      {nil, "zlib:compile", "zlib:compile"}, {"small", "mc:small:zlib:compile", "zlib:compile"},
      {"small", "zlib:compile", "mc::zlib:compile"},
      {"small", "mc:large:zlib:compile", "mc:large:zlib:compile"},
      {nil, "mc:large:zlib:compile", "mc:large:zlib:compile"},
    } do
      assert.are.equal(case[3], multiconfig.relative(case[1], case[2]))
      assert.are.equal(case[2], multiconfig.absolute(case[1], case[3]))
    end
  end)
end)
