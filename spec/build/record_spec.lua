local record = require "moonsand.build.record"

local full = {
  task = "zlib:compile", action = "aa", layer = "bb", over = {"cc", "dd"},
  trees = {outputs = "ee", sysroot = "ff"}, seconds = 1.5, taint = "host",
  hooks = {{name = "hook_x", key = "hook.a1", digest = "b1"},
    {name = "hook_y", key = "hook.a2", digest = "b2"}},
}

describe("the record of a result", function()
  it("is the same after writing and reading", function()
    assert.are.same(full, record.decode(record.encode(full)))
  end)

  it("keeps the order of the layers below", function()
    assert.are.same({"cc", "dd"}, record.decode(record.encode(full)).over)
  end)

  it("of another format is unknown", function()
    assert.is_nil(record.decode("moonsand result 2\n" .. record.encode(full)))
  end)

  it("that is cut short is unknown", function()
    assert.is_nil(record.decode("moonsand result 1\ntask zlib:comp"))
  end)
end)
