-- JSON on one line, as programs read it from `moonsand vars --all --json`.
local compact = require "moonsand.cli.show.compact"
local json = require "dkjson"

describe("JSON on one line", function()
  local null = {}

  it("has its names sorted, and tells lists from records when they are empty", function()
    local empty = setmetatable({}, {__jsontype = "array"})
    local value = {b = {1, "two", true}, a = null, d = {}, c = empty, e = 1.5}
    assert.are.equal('{"a":null,"b":[1,"two",true],"c":[],"d":{},"e":1.5}',
      compact.new(null):encode(value))
  end)

  it("is read again as it was, whatever is in its texts", function()
    local texts = {}
    for byte = 0, 127 do texts[#texts + 1] = string.char(byte) .. "x" end
    texts[#texts + 1] = "é\u{2028}\\u0000\"\n/"
    local encoder = compact.new(null)
    for _ = 1, 2 do -- the second time from memory
      local line = encoder:encode {texts = texts}
      assert.is_nil(line:find("\n", 1, true))
      assert.are.same(texts, json.decode(line).texts)
    end
  end)

  it("forgets what it has quoted before that is more than some megabytes", function()
    local encoder = compact.new(null)
    for i = 1, 5 do encoder:encode {("%d"):format(i):rep(4 << 20)} end
    assert.is_true(encoder.size <= 16 << 20)
  end)
end)
