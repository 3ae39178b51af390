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
  for page, verb in pairs {["moonsand-run.1"] = "run", ["moonsand-build.1"] = "build",
    ["moonsand-cache.1"] = "cache", ["moonsand-graph.1"] = "graph"} do
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

describe("the examples of moonsand-run(1)", function()
  --- The commands between .Bd and .Ed, with continued lines joined.
  local function examples()
    local text = host.read("docs/moonsand-run.1"):match "\n%.Sh EXAMPLES\n(.-)\n%.Sh "
    local list = {}
    for block in text:gmatch "%.Bd [^\n]*\n(.-)\n%.Ed" do
      for line in block:gsub("\\e\n%s*", ""):gmatch "[^\n]+" do
        list[#list + 1] = line:match "^moonsand run (.*)$"
      end
    end
    return list
  end

  it("are understood", function()
    local dir <close> = host.scratch()
    dir:file("toolchain.lua", "return {env = {CC = \"cc\"}}")
    local list = examples()
    assert.is_true(#list >= 8)
    for _, words in ipairs(list) do
      local plan = words:find("--plan", 1, true) and words or "--plan " .. words
      local pipe <close> = assert(io.popen(("M=$PWD/bin/moonsand; cd %s && $M run %s 2>&1"):format(
        dir.path, plan)))
      local out = pipe:read "a"
      local ok = pipe:close()
      assert.is_true(ok or out:find "^# bubblewrap has no equal" ~= nil, words .. "\n" .. out)
    end
  end)
end)
