local main = require "moonsand.cli.main"
local screen = require "spec.support.screen"

local function call(...)
  local ui = screen.interface()
  return main.call({...}, ui), ui.out.text(), ui.err.text()
end

local function script(text)
  local path = os.tmpname()
  os.rename(path, path .. ".lua")
  path = path .. ".lua"
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  return path
end

describe("the command line", function()
  it("prints its version", function()
    local code, out = call("--version")
    assert.are.equal(0, code)
    assert.is_truthy(out:find("^moonsand %d+%.%d+%.%d+"))
  end)

  it("lists the verbs on request, and as an error when there is none", function()
    local code, out = call("--help")
    assert.are.equal(0, code)
    local missing, _, err = call()
    assert.are.equal(2, missing)
    assert.are.equal(out, err)
  end)

  it("shows the options of every verb", function()
    for _, verb in ipairs(main.verbs) do
      local code, out, err = call("help", verb[1])
      assert.are.equal("", err)
      assert.are.equal(0, code)
      assert.is_truthy(out:find("Usage: moonsand " .. verb[1], 1, true))
    end
  end)

  it("shows the options also for VERB --help", function()
    local _, long = call("help", "version")
    local code, out = call("version", "--help")
    assert.are.equal(0, code)
    assert.are.equal(long, out)
  end)

  it("names the nearest verb", function()
    local code, _, err = call("buld")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: unknown verb 'buld'\n  did you mean 'moonsand build'?\n", err)
  end)

  it("refuses unknown options with the place to look", function()
    local code, _, err = call("version", "--loud")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: unknown option '--loud'\n  moonsand help version\n", err)
  end)

  it("runs a script with its words", function()
    local path = script "local a, b = ...; assert(a == 'x' and b == '--y' and arg[2] == b)"
    local code, _, err = call(path, "x", "--y")
    os.remove(path)
    assert.are.equal("", err)
    assert.are.equal(0, code)
  end)

  it("says that an error in a script is the script's", function()
    local path = script "error 'ouch'"
    local code, _, err = call(path)
    os.remove(path)
    assert.are.equal(1, code)
    assert.is_truthy(err:find(path .. " raised an error", 1, true))
    assert.is_nil(err:find("bug in moonsand", 1, true))
  end)

  it("shows a fault of a script as the fault that it is", function()
    local path = script "require 'moonsand.fault'.throw('recipe', 'bad', {where = 'a.bb:3'})"
    local code, _, err = call(path)
    os.remove(path)
    assert.are.equal(2, code)
    assert.are.equal("moonsand: a.bb:3: bad\n", err)
  end)

  it("names place and reason of a script that is no Lua", function()
    local path = script "x = = 1"
    local code, _, err = call(path)
    os.remove(path)
    assert.are.equal(2, code)
    assert.is_truthy(err:find(path .. ":1: ", 1, true))
  end)

  it("calls everything else a bug, with a traceback", function()
    package.loaded["moonsand.cli.version"] = {
      define = function() end, run = function() error "unexpected" end,
    }
    local code, _, err = call("version")
    package.loaded["moonsand.cli.version"] = nil
    assert.are.equal(70, code)
    assert.is_truthy(err:find("stack traceback", 1, true))
    assert.is_truthy(err:find("this is a bug in moonsand", 1, true))
  end)
end)
