-- Parsing with only the options that stand on the command line.
local main = require "moonsand.cli.main"
local run = require "moonsand.cli.run"

--- A list that stayed empty is as good as none.
local function both(words)
  local full = main.parser("run", run):parse(words)
  for name, value in pairs(full) do
    if type(value) == "table" and next(value) == nil then full[name] = nil end
  end
  local lean = main.lean_parser("run", run, words):parse(words)
  return full, lean
end

describe("a parser of the options that are given", function()
  it("finds what the parser of all options finds", function()
    for _, words in ipairs {
      {}, {"--net"}, {"--net=host", "--pty"}, {"--env", "A=--ro", "--env=B=c", "--ro", "/a"},
      {"--ids", "root", "--overlay", "/w", "--lower", "/a", "--lower", "/b", "--rw?", "/c"},
      {"--plan", "--timeout", "3"},
    } do
      local full, lean = both(words)
      assert.are.same(full, lean)
    end
  end)

  it("is not needed for no words at all", function()
    local full = main.parser("run", run):parse {}
    for name, value in pairs(full) do
      assert.same({}, value, name)
    end
    assert.same({rest = {"true"}}, main.parse("run", run, {"--", "true"}))
  end)

  it("does not know the others", function()
    assert.has_error(function()
      main.lean_parser("run", run, {}):parse {"--pty"}
    end)
  end)

  it("leaves mistakes to the parser of all options", function()
    local ok, fault = pcall(main.parse, "run", run, {"--timeot", "3"})
    assert.is_false(ok)
    assert.matches("timeout", tostring(fault), 1, true)
  end)

  it("has no option with a value of its own", function()
    local verb = {define = function(parser) parser:option("--depth"):default "1" end}
    assert.has_error(function() main.lean_parser("x", verb, {}) end,
      "an option with a value of its own")
  end)
end)
