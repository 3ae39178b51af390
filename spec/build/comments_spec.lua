local comments = require "moonsand.build.comments"
local data = require "moonsand.recipe.data"

-- The signature's text of a function; values: of variables that it refers to.
local function without(text, language, values)
  local d = data.new()
  for name, value in pairs(values or {}) do d:put(name, value) end
  d:put("f", text)
  if language then d:set_flag("f", language, 1, false) end
  return comments.without(d, "f", text)
end

local function same(text, ...)
  assert.are.equal(text, without(text, ...))
end

describe("the text of a function without comments", function()
  it("has no lines that are comments, whatever lies before and behind them", function()
    assert.are.equal([[
    one "$(two)" 'a # b' ${X#x} "${y:-z}" $((1 + 2)) \# # why's that
    if three; then
    fi
]], without [[
    # first
    one "$(two)" 'a # b' ${X#x} "${y:-z}" $((1 + 2)) \# # why's that
    # it's
    if three; then
        # a "third \
    fi
# last
]])
  end)

  it("goes on behind a line that goes on", function()
    assert.are.equal("    one \\\n    'two'\n", without "    one \\\n    'two'\n    # three\n")
    same "    one \\\n    # who knows\n    # three\n"
  end)

  for _, open in ipairs {
    "'", '"', "`", "<<EOF", "$'\\'", '"$(echo "', "${x:-", "'a\\' 'b", "a \\ #'", '"${x:-"y"',
    '"a\\', "x # y\\\necho '",
  } do
    it(("keeps every line behind %s"):format(open:gsub("\n", " and ")), function()
      same("echo " .. open .. "\n# one\n")
    end)
  end

  it("keeps a line that belongs to what a variable opens", function()
    local text = "echo ${OPEN}\n# one\n"
    same(text, nil, {OPEN = "<<EOF"})
    assert.are.equal("echo ${OPEN}\n", without(text, nil, {OPEN = "closed"}))
  end)

  it("keeps what follows the function's own text", function()
    local d = data.new()
    d:put("f", "one\n# two\n")
    assert.are.equal("one\n\nA{b} = Set\n# c",
      comments.without(d, "f", "one\n# two\n\nA{b} = Set\n# c"))
    assert.are.equal("other\n# c", comments.without(d, "f", "other\n# c"))
  end)

  it("is found in Python and Lua, too", function()
    assert.are.equal("    x = 1 # y\n", without("    # one\n    x = 1 # y\n# '''\n", "python"))
    same('    x = """\n# one\n"""\n', "python")
    same("    x = '\\\n# one'\n", "python")
    assert.are.equal("  x = 1 -- y\n", without("  -- one\n  x = 1 -- y\n", "lua"))
    same("  x = [==[\n-- one\n]==]\n", "lua")
    same("  --[[ one\n-- two ]]\n", "lua")
    same("  x = 'a\\z\n-- one'\n", "lua")
  end)
end)
