-- The manual pages name every verb and every option that there is.
local host = require "spec.support.host"
local main = require "moonsand.cli.main"

--- The options of a verb, as its help has them.
local function options_of(name)
  local help = main.parser(name, require("moonsand.cli." .. name)):get_help()
  local list = {}
  for line in help:gmatch("[^\n]+") do
    local words = line:match("^   (%-.-)   ?") or line:match("^   (%-.*)$")
    for option in (words or ""):gmatch("%-%-[%w?-]+") do
      if option ~= "--help" then list[#list + 1] = option end
    end
  end
  return list
end

describe("the manual page", function()
  for page, verb in pairs {["moonsand-run.1"] = "run", ["moonsand-build.1"] = "build"} do
    it(page .. " has every option", function()
      local text = host.read("docs/" .. page)
      local options = options_of(verb)
      assert.is_true(#options > 5)
      for _, option in ipairs(options) do
        assert.is_truthy(text:find("Fl " .. option:sub(2), 1, true), option .. " is not there")
      end
    end)
  end

  it("moonsand.1 has every verb", function()
    local text = host.read("docs/moonsand.1")
    for _, verb in ipairs(main.verbs) do
      assert.is_truthy(text:find("Cm " .. verb[1] .. "\n", 1, true), verb[1] .. " is not there")
    end
  end)
end)
