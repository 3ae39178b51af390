local same = require("moonsand.same").same

describe("two values", function()
  it("are the same when all in them is", function()
    assert.is_true(same({1, {a = "x"}}, {1, {a = "x"}}))
    assert.is_true(same(nil, nil))
    assert.is_false(same({1, {a = "x"}}, {1, {a = "y"}}))
    assert.is_false(same({a = 1}, {a = 1, b = 2}))
    assert.is_false(same({a = 1, b = 2}, {a = 1}))
    assert.is_false(same({}, 1))
    assert.is_false(same(1, "1"))
  end)

  it("are the same by another rule, at any depth", function()
    local function decide(a, b)
      if type(a) == "number" then return tostring(a) == tostring(b) end
    end
    assert.is_true(same({a = {1}}, {a = {"1"}}, decide))
    assert.is_false(same({a = {1}}, {a = {"2"}}, decide))
  end)
end)
