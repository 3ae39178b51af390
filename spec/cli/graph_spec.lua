-- `moonsand graph`: what a target needs.
local cases = require "spec.build.graph_cases"
local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require "dkjson"
local main = require "moonsand.cli.main"
local screen = require "spec.support.screen"

describe("moonsand graph", function()
  local scratch, files

  -- A build directory with one metadata layer: a needs b at build time and c-tools at run time.
  before_each(function()
    scratch = host.scratch()
    local layer = scratch:dir("layer")
    files = {
      ["build/conf/bblayers.conf"] = ('BBPATH = "${TOPDIR}"\nBBLAYERS = "%s"\n'):format(layer),
      ["layer/conf/layer.conf"] = 'BBPATH .= ":${LAYERDIR}"\n' ..
        'BBFILE_COLLECTIONS += "one"\nBBFILE_PATTERN_one = "^${LAYERDIR}/"\n' ..
        'LAYERSERIES_CORENAMES = "spring"\nLAYERSERIES_COMPAT_one = "spring"\n',
      ["layer/conf/bitbake.conf"] = cases.files["conf/bitbake.conf"] ..
        ('BBFILES = "%s/r/*.bb"\n'):format(layer),
      ["layer/classes/base.bbclass"] = cases.files["classes/base.bbclass"],
      ["layer/r/a_1.2.bb"] = 'DEPENDS = "b"\nRDEPENDS:a = "c-tools"\nPE = "1"\n' ..
        'do_build[rdeptask] = "do_install"\ndo_compile[nostamp] = "1"\n',
      ["layer/r/b.bb"] = 'BBCLASSEXTEND = "native"\n', ["layer/classes/native.bbclass"] = "",
      ["layer/r/c.bb"] = 'DEPENDS = "b"\nPACKAGES = "c-tools"\n',
    }
    for path, text in pairs(files) do scratch:file(path, text) end
  end)
  after_each(function() scratch:__close() end)

  local function call(...)
    local ui = screen.interface {BBPATH = scratch.path .. "/build", PATH = "/usr/bin:/bin"}
    local code = main.call({"graph", ...}, ui)
    return code, ui.out.text(), ui.err.text()
  end

  it("prints a tree with each task once, and counts what stands elsewhere", function()
    local code, out = call("a")
    assert.are.equal(0, code)
    assert.are.equal([[
a:build
  a:install
    a:compile
      b:install
        b:compile
  c:install
    c:compile  …+1
]], out)
  end)

  it("folds the tree below a depth", function()
    local _, out = call("a", "--depth", "1")
    assert.are.equal("a:build\n  a:install  …+1\n  c:install  …+1\n", out)
  end)

  it("shows the shortest way to a task, what says so and where", function()
    local code, out = call("a", "--why", "b:compile")
    assert.are.equal(0, code)
    local here = scratch.path .. "/layer/"
    local lines = {}
    for line in out:gsub(here:gsub("%p", "%%%0"), ""):gmatch("[^\n]+") do
      lines[#lines + 1] = line:gsub("%s+", " ")
    end
    assert.are.same({"a:build", " a:install addtask classes/base.bbclass:13",
      " a:compile addtask classes/base.bbclass:12", " b:install [deptask] r/a_1.2.bb:1",
      " b:compile addtask classes/base.bbclass:12"}, lines)
  end)

  it("shows what asks for a package", function()
    local _, out = call("a", "--why", "c")
    assert.is_truthy(out:find("c:install  [rdeptask]  " .. scratch.path .. "/layer/r/a_1.2.bb:2\n",
      1, true))
  end)

  it("says that a task is not needed, and proposes the nearest", function()
    local code, out, err = call("a", "--why", "b:instal")
    assert.are.same({1, ""}, {code, out})
    assert.is_truthy(err:find("'b:instal' is not needed by a (did you mean 'b:install'?)", 1, true))
  end)

  it("writes what bitbake -g writes", function()
    local _, out = call("b-native:compile", "b:install", "--dot")
    assert.are.equal(([[
digraph depends {
"b-native.do_compile" [label="b-native do_compile\n:1.0-\nvirtual:native:%s/layer/r/b.bb"]
"b.do_compile" [label="b do_compile\n:1.0-\n%s/layer/r/b.bb"]
"b.do_install" [label="b do_install\n:1.0-\n%s/layer/r/b.bb"]
"b.do_install" -> "b.do_compile"
}
]]):format(scratch.path, scratch.path, scratch.path), out)
  end)

  it("as JSON has every task with its needs, in an order that can be run", function()
    local _, out = call("a:compile", "--json")
    local all = assert(json.decode(out))
    assert.are.same({"a:compile"}, all.targets)
    local names = {}
    for i, task in ipairs(all.tasks) do names[i] = task.name end
    assert.are.same({"b:compile", "b:install", "a:compile"}, names)
    local last = all.tasks[3]
    assert.is_true(last.nostamp)
    assert.are.same({"a", "do_compile", "1.2"}, {last.recipe, last.task, last.version})
    assert.are.same({{task = "b:install", kind = "deptask"}}, last.needs)
  end)

  it("leaves with 2 and the place when the graph is refused", function()
    scratch:file("layer/r/c.bb", 'DEPENDS = "zlib"\nPACKAGES = "c-tools"\n')
    local code, out, err = call("a")
    assert.are.same({2, ""}, {code, out})
    assert.is_truthy(err:find("layer/r/c.bb:1: nothing provides 'zlib', which 'c' depends on", 1,
      true))
  end)

  it("says which of several providers it took", function()
    scratch:file("layer/r/e.bb", 'PROVIDES = "virtual/x"\n')
    scratch:file("layer/r/f.bb", 'PROVIDES = "virtual/x"\n')
    local code, out, err = call("virtual/x:compile")
    assert.are.same({0, "e:compile\n"}, {code, out})
    assert.are.equal("moonsand: multiple providers are available for virtual/x (e, f); set " ..
      "PREFERRED_PROVIDER_virtual/x, 'e' is used\n", err)
  end)

  it("dims what has a result in the store", function()
    scratch:file("recipes/z/z_1.bb", "deltask fetch unpack patch configure install " ..
      "populate_sysroot\ndo_compile() {\n    :\n}\naddtask compile before do_build\n")
    local function run(...)
      local ui = screen.interface {MOONSAND_DIR = scratch.path .. "/state",
        BBPATH = scratch.path .. "/recipes", PATH = "/usr/bin:/bin"}
      assert.are.equal(0, main.call({...}, ui), ui.err.text())
      return ui.out.text()
    end
    assert.are.equal("z:build\n  z:compile\n", run("graph", "z", "--color", "always"))
    assert.is_nil(core.stat(scratch.path .. "/state"))
    run("build", "z:compile")
    assert.are.equal("\27[2mz:build\27[0m\n  \27[2mz:compile\27[0m\n",
      run("graph", "z", "--color", "always"))
  end)

  it("refuses two ways to show it", function()
    local code, _, err = call("a", "--dot", "--json")
    assert.are.equal(2, code)
    assert.is_truthy(err:find("one of --why, --dot, --json and --depth", 1, true))
  end)
end)

describe("the graph of busybox in OpenEmbedded-Core", function()
  local build = os.getenv "MOONSAND_OE_BUILD"

  it("is that of BitBake, edge for edge", function()
    if not build then
      return pending("MOONSAND_OE_BUILD does not name a build directory of OpenEmbedded-Core")
    end
    local recorded = "../shared/data/graphs/busybox-task-depends.dot.gz"
    if not core.stat(recorded) then return pending("../shared/data/graphs is not there") end
    local gunzip <close> = assert(io.popen("gunzip -c " .. recorded))
    local ui = screen.interface {BBPATH = build, HOME = os.getenv "HOME", PATH = os.getenv "PATH",
      MOONSAND_DIR = os.getenv "MOONSAND_DIR"}
    assert.are.equal(0, main.call({"graph", "busybox", "--dot"}, ui))
    local base = ui.out.text():match('virtual:native:(/[^"]-)/meta/recipes%-')
    local text = ui.out.text():gsub(base:gsub("%p", "%%%0"), "@COREBASE@")
    assert.is_true(gunzip:read("a") == text)
  end)
end)
