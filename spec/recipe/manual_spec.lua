-- moonsand-recipe(5): every example is read, and what its comments say of it holds.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local host = require "spec.support.host"
local python = require "moonsand.build.python"

describe("moonsand-recipe(5)", function()
  local text = host.read("docs/moonsand-recipe.5")

  local function plain(block)
    return (block:gsub("\\&", ""):gsub("\\ ", " "):gsub("\\e", "\\"))
  end

  local function read(block, how)
    local files = {
      ["a_1.bb"] = block, ["version.inc"] = 'VERSION = "3"\n',
      ["classes/greeting.bbclass"] = 'GREETING = "hello"\n',
      ["classes/late.bbclass"] = 'LATE = "yes"\n',
    }
    local stores, problem, config = answers.run({files = files, main = "a_1.bb"}, how)
    assert(stores, tostring(problem))
    return stores[""], config
  end

  local function value(d, name)
    local variable, flag = name:match("^(.-)%[(.-)%]$")
    local found
    if variable then found = d:flag(variable, flag) else found = d:get(name) end
    if type(found) == "table" then found = table.concat(found, " ") end
    return found == nil and "nothing" or tostring(found)
  end

  for section, body in text:gmatch("%.Ss ([^\n]+)\n(.-)\n%f[.]%.Ed") do
    it("is right about " .. section:lower(), function()
      local needs = section == "Python"
      if needs and not core.stat("/usr/bin/python3") then
        return pending("there is no /usr/bin/python3")
      end
      local block = plain(body:match("%.Bd [^\n]+\n(.*)$") .. "\n")
      local d, config = read(block, needs and python.new(core.realpath("python")) or nil)
      local checked = 0
      for name, expected in block:gmatch("\n# (%S+) is ([^\n]*)") do
        assert.are.equal(expected, value(d, name), name)
        checked = checked + 1
      end
      if config.python then config.python:close() end
      assert.is_true(checked > 0)
    end)
  end

  it("has seven examples", function()
    local _, count = text:gsub("\n%.Bd ", "")
    assert.are.equal(7, count)
  end)
end)
