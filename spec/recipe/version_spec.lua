local version = require "moonsand.recipe.version"

describe("versions", function()
  local function order(list)
    for i = 1, #list - 1 do
      assert.are.equal(-1, version.compare({"0", list[i]}, {"0", list[i + 1]}))
      assert.are.equal(1, version.compare({"0", list[i + 1]}, {"0", list[i]}))
      assert.are.equal(0, version.compare({"0", list[i]}, {"0", list[i]}))
    end
  end

  it("are compared by parts, numbers as numbers", function()
    order {"1.0~rc1", "1.0", "1.0a", "1.0.1", "1.2", "1.10", "12345678901234567890"}
  end)

  it("are compared after the epoch and before the revision", function()
    assert.are.equal(1, version.compare({"1", "1.0"}, {"0", "2.0"}))
    assert.are.equal(-1, version.compare({"0", "1.0", "r1"}, {"0", "1.0", "r2"}))
  end)

  it("answer to a preference with an epoch and a percent sign", function()
    local one = {version = "1.10", revision = "r0", epoch = "2"}
    assert.is_true(version.answers(one, "1.%"))
    assert.is_true(version.answers(one, "2:1.10"))
    assert.is_false(version.answers(one, "1.10-r0"))
    assert.is_false(version.answers(one, "1:1.10"))
    assert.is_false(version.answers(one, "1.1"))
  end)
end)
