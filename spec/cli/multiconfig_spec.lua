-- The verbs that read recipes, where there are several configurations.
local cases = require "spec.build.graph_cases"
local host = require "spec.support.host"
local json = require "dkjson"
local main = require "moonsand.cli.main"
local screen = require "spec.support.screen"

describe("with several configurations", function()
  local scratch

  before_each(function()
    scratch = host.scratch()
    for path, text in pairs(cases.files) do scratch:file(path, text) end
    scratch:file("conf/bblayers.conf", 'BBPATH = "${TOPDIR}"\nBBLAYERS = ""\n')
    scratch:file("conf/local.conf", 'BBMULTICONFIG = "small large"\nSIZE ?= "2"\n' ..
      "include conf/multiconfig/${BB_CURRENT_MC}.conf\n")
    scratch:file("conf/multiconfig/small.conf", 'SIZE = "1"\nBBMASK = "/only_2"\n')
    scratch:file("r/tool_1.bb", 'KIND = "of ${SIZE}"\n')
    scratch:file("r/only_2.bb", "")
    scratch:file("r/image_1.bb",
      'do_install[mcdepends] = "mc::small:tool:do_install mc::large:tool:do_install"\n')
  end)
  after_each(function() scratch:__close() end)

  local function call(...)
    local ui = screen.interface {BBPATH = scratch.path, PATH = "/usr/bin:/bin",
      MOONSAND_DIR = scratch.path .. "/state"}
    local code = main.call({...}, ui)
    return code, ui.out.text():gsub(scratch.path:gsub("%p", "%%%0") .. "/", ""), ui.err.text()
  end

  it("vars shows the value of each, and of the configurations themselves", function()
    assert.are.equal("of 1\n", select(2, call("vars", "mc:small:tool", "KIND")))
    assert.are.equal("of 2\n", select(2, call("vars", "mc:large:tool", "KIND")))
    assert.are.equal("of 2\n", select(2, call("vars", "mc::tool", "KIND")))
    assert.are.equal("1\n", select(2, call("vars", "--config", "mc:small:SIZE")))
    assert.is_truthy(select(2, call("vars", "--config", "mc:small")):find('SIZE="1"', 1, true))
    local code, _, err = call("vars", "mc:small:tool", "KINT")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("recipe 'mc:small:tool' has no variable 'KINT'", 1, true))
  end)

  it("recipes lists those of one, or of all", function()
    assert.are.equal("mc:small:image  1  -  r/image_1.bb\nmc:small:tool   1  -  r/tool_1.bb\n",
      select(2, call("recipes", "mc:small:")))
    local _, out = call("recipes", "mc:*:only")
    assert.are.equal("mc:large:only  2  -  r/only_2.bb\nonly           2  -  r/only_2.bb\n", out)
    assert.are.equal("only  2  -  r/only_2.bb\n", select(2, call("recipes", "only")))
    assert.are.equal(1, (call("recipes", "mc:small:only")))
  end)

  it("parse reads all of them, and says whose an error is", function()
    local code, out = call("parse")
    assert.are.equal(0, code)
    assert.are.equal("3 files: 3 recipes, 0 skipped, 0 failed\n" ..
      "mc:small: 2 files: 2 recipes, 0 skipped, 0 failed\n" ..
      "mc:large: 3 files: 3 recipes, 0 skipped, 0 failed\n", out)
    scratch:file("conf/multiconfig/large.conf", 'WRONG = "."\n')
    scratch:file("r/tool_1.bb", "require ${@'x.inc' if d.getVar('WRONG') else ''}\n")
    local err, _
    code, out, err = call("parse", "--json")
    local found = json.decode(out)
    assert.are.equal(2, code)
    assert.are.equal("", err)
    assert.are.equal(8, found.files)
    assert.are.equal(1, #found.errors)
    assert.are.equal("large", found.errors[1].multiconfig)
    code, _, err = call("parse", "mc:large:" .. scratch.path .. "/r/tool_1.bb",
      scratch.path .. "/r/tool_1.bb")
    assert.are.equal(2, code)
    assert.matches("^mc:large: /", err)
    code, _, err = call("parse", "mc:small:" .. scratch.path .. "/r/only_2.bb")
    assert.are.equal(2, code)
    assert.matches("'mc:small:/.*only_2.bb' is not among the recipes", err)
  end)

  it("graph names tasks by their configurations, in every form", function()
    local code, out = call("graph", "image:install", "--why", "mc:small:tool:compile")
    assert.are.equal(0, code)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^  mc:small:tool:install +%[mcdepends%]  .*r/image_1.bb:1$", lines[2])
    assert.matches("^    mc:small:tool:compile +addtask ", lines[3])
    local graph = json.decode((select(2, call("graph", "image:install", "--json"))))
    local by = {}
    for _, task in ipairs(graph.tasks) do by[task.name] = task end
    assert.are.equal("small", by["mc:small:tool:install"].multiconfig)
    assert.are.equal("tool", by["mc:small:tool:install"].recipe)
    assert.are.equal("mcdepends", by["image:install"].needs[2].kind)
    out = select(2, call("graph", "mc:small:tool:install", "--dot"))
    assert.is_truthy(out:find('"mc:small:tool.do_install" -> "mc:small:tool.do_compile"', 1, true))
    assert.is_truthy(out:find(
      '"mc:small:tool.do_compile" [label="mc:small:tool do_compile\\n:1-\\nmc:small:r/tool_1.bb"]',
      1, true))
  end)

  it("says of which a recipe is wrong that [mcdepends] reaches", function()
    scratch:file("conf/multiconfig/large.conf", 'WRONG = "."\n')
    scratch:file("r/tool_1.bb", "require ${@'x.inc' if d.getVar('WRONG') else ''}\n")
    local code, _, err = call("graph", "image")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("tool_1.bb:1: mc:large: Could not include required file x.inc", 1,
      true))
    assert.are.equal(0, (call("graph", "mc:small:tool")))
  end)

  it("vars --all has them as JSON", function()
    local _, out = call("vars", "--all", "--json", "mc:small:tool", "tool")
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.are.equal(2, #lines)
    assert.is_truthy(lines[1]:find('"of 1"', 1, true))
    assert.is_truthy(lines[2]:find('"of 2"', 1, true))
  end)

  it("refuses one that there is not, by a name that it could have", function()
    local code, _, err = call("graph", "mc:tiny:tool")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("there is no multiconfig 'tiny'\n  BBMULTICONFIG names small, large",
      1, true))
    for _, name in ipairs {"1st", "a/b", "..", "*"} do
      scratch:file("conf/local.conf", ('BBMULTICONFIG = "%s"\n'):format(name))
      code, _, err = call("parse")
      assert.are.equal(2, code)
      assert.is_truthy(err:find(("a multiconfig cannot be called '%s'"):format(name), 1, true))
    end
  end)

  it("reads a file that a configuration requires, and says that it is not there", function()
    scratch:file("conf/local.conf", 'BBMULTICONFIG = "tiny"\nrequire ' ..
      "${@'conf/multiconfig/' + d.getVar('BB_CURRENT_MC') + '.conf' " ..
      "if d.getVar('BB_CURRENT_MC') else ''}\n")
    assert.are.equal(0, (call("graph", "tool")))
    local code, _, err = call("graph", "mc:tiny:tool")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("Could not include required file conf/multiconfig/tiny.conf", 1,
      true))
  end)
end)
