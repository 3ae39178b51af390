local host = require "spec.support.host"
local text = require "moonsand.text"

describe("a text", function()
  it("is read from a file as its bytes are", function()
    local dir <close> = host.scratch()
    assert.are.equal("a\r\n\0b", text.read(dir:file("f", "a\r\n\0b")))
    assert.are.equal("", text.read(dir:file("empty")))
  end)

  it("is nil where there is no file, or none with a text", function()
    local dir <close> = host.scratch()
    assert.is_nil(text.read(dir.path .. "/nosuch"))
    assert.is_nil(text.read(dir.path))
  end)

  it("is split at blanks of any kind", function()
    assert.are.same({"a", "b", "c"}, text.words("  a\tb\n c "))
    assert.are.same({}, text.words(" "))
    assert.are.same({}, text.words(nil))
  end)
end)
