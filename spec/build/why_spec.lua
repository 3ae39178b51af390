local signature = require "moonsand.build.signature"
local why = require "moonsand.build.why"

local function text(entries)
  local one = signature.new()
  for _, entry in ipairs(entries) do one:add(entry[1], entry[2], entry[3]) end
  return one:text()
end

describe("why a task runs", function()
  it("names the variable and both of its values", function()
    assert.are.equal('CFLAGS is "-O3", was "-O2"', why.sentence(
      text {{"variable", "CFLAGS", "-O2"}}, text {{"variable", "CFLAGS", "-O3"}}))
  end)

  it("puts what a person changed before what follows from it", function()
    local sentence = why.sentence(
      text {{"input", "zlib:install", "a"}, {"variable", "CFLAGS", "-O2"}},
      text {{"input", "zlib:install", "b"}, {"variable", "CFLAGS", "-O3"}})
    assert.are.equal('CFLAGS is "-O3", was "-O2", and 1 more', sentence)
  end)

  it("shortens digests", function()
    local old, new = ("a"):rep(64), ("b"):rep(64)
    assert.are.equal("archive x.tar is bbbbbbbb…, was aaaaaaaa…", why.sentence(
      text {{"source", "archive x.tar", old}}, text {{"source", "archive x.tar", new}}))
  end)

  it("says what is new and what is gone", function()
    assert.are.equal("A is new", why.sentence(text {}, text {{"variable", "A", "1"}}))
    assert.are.equal("A is gone", why.sentence(text {{"variable", "A", "1"}}, text {}))
  end)

  it("is nothing when nothing differs", function()
    assert.is_nil(why.sentence(text {}, text {}))
  end)
end)
