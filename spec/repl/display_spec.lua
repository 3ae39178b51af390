local display = require "moonsand.repl.display"

describe("a value at the prompt", function()
  it("is written as Lua, with sorted keys", function()
    assert.are.equal('{1, "two", a = true, ["b c"] = {}}',
      display.text {1, "two", ["b c"] = {}, a = true})
  end)

  it("shows a text of several lines as it is", function()
    assert.are.equal("a\nb\n", display.text "a\nb\n")
  end)

  it("breaks a table that is too wide into lines", function()
    local text = display.text {first = ("x"):rep(50), second = ("y"):rep(50)}
    assert.are.equal('{\n  first = "' .. ("x"):rep(50) .. '",\n  second = "' ..
      ("y"):rep(50) .. '"\n}', text)
  end)

  it("survives tables that hold themselves, and any key", function()
    local value = {}
    value.me = value
    value[value] = 1
    assert.are.equal("{me = {…}, … 1 other keys}", display.text(value))
  end)

  it("does not flood the screen", function()
    local value = {}
    for i = 1, 100 do value[i] = i end
    assert.is_truthy(display.text(value):find("… 60 more", 1, true))
  end)

  it("asks an object how it wants to look", function()
    assert.are.equal("an object",
      display.text(setmetatable({}, {__tostring = function() return "an object" end})))
  end)
end)
