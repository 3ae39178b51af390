local lazy = require "moonsand.lazy"

describe("a module that is not needed yet", function()
  after_each(function() package.loaded["spec.fake"], package.preload["spec.fake"] = nil, nil end)

  it("is loaded by the first use of it, once", function()
    local count = 0
    package.preload["spec.fake"] = function()
      count = count + 1
      return {answer = function() return 42 end, name = "fake"}
    end
    local fake = lazy "spec.fake"
    assert.are.equal(0, count)
    assert.are.equal(42, fake.answer())
    assert.are.equal("fake", fake.name)
    assert.is_nil(fake.other)
    assert.are.equal(1, count)
  end)
end)
