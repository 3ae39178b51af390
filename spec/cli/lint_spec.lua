-- `moonsand lint`: what it prints, and how it leaves.
local host = require "spec.support.host"
local json = require "dkjson"
local main = require "moonsand.cli.main"
local screen = require "spec.support.screen"

describe("moonsand lint", function()
  local scratch

  before_each(function()
    scratch = host.scratch()
    scratch:file("conf/moonsand.conf", ('PN = "a"\nBBFILES = "%s/r/*.bb"\n'):format(scratch.path))
    scratch:file("r/good.bb", 'PV = "1"\n')
    scratch:file("r/bad.bb", 'PV = "1"\nSRC_URI:append = "file://x"\n')
  end)
  after_each(function() scratch:__close() end)

  local function call(...)
    local ui = screen.interface {BBPATH = scratch.path}
    local code = main.call({"lint", ...}, ui)
    return code, ui.out.text(), ui.err.text()
  end

  it("leaves with 0 and says nothing when there is nothing to say", function()
    assert.are.same({0, "", ""}, {call(scratch.path .. "/r/good.bb")})
  end)

  it("names place, slip, rule and what to do, and leaves with 1", function()
    local code, out = call(scratch.path .. "/r/good.bb", scratch.path .. "/r/bad.bb")
    assert.are.equal(1, code)
    assert.are.equal(scratch.path .. "/r/bad.bb:2: 'SRC_URI:append' adds to a list of words " ..
      "without a blank before it [glued]\n  begin the text with a blank: \" file://x\n", out)
  end)

  it("as JSON is an array, empty or not", function()
    local code, out = call(scratch.path .. "/r/good.bb", "--json")
    assert.are.same({0, "[]\n"}, {code, out})
    code, out = call(scratch.path .. "/r/bad.bb", "--json")
    assert.are.equal(1, code)
    local list = json.decode(out)
    assert.are.same({1, 2, "glued"}, {#list, list[1].line, list[1].rule})
  end)

  it("refuses what is no file of metadata", function()
    local code, _, err = call(scratch.path .. "/nothing.bb")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("there is no file", 1, true))
    scratch:file("notes.txt", "")
    code, _, err = call(scratch.path .. "/notes.txt")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("not called like a file of metadata", 1, true))
  end)
end)
