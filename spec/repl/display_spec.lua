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

  it("shows the result of a sandbox after what its program said", function()
    local box = require("moonsand.sandbox").new {script = "echo out; echo err >&2; exit 3"}
    assert.are.equal("out\nerr\nexit 3", display.text(box:run()))
    local quiet = require("moonsand.sandbox").new {script = "exit 0"}
    assert.are.equal("exit 0", display.text(quiet:run()))
    local loud = require("moonsand.sandbox").new {script = "seq 100"}
    assert.matches("^… 60 lines before, all in _.stdout\n61\n62\n", display.text(loud:run()))
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
