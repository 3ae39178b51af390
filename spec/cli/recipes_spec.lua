-- The verbs that read recipes: recipes, tasks, parse, and the forms of vars.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local dump = require "moonsand.recipe.dump"
local host = require "spec.support.host"
local json = require "dkjson"
local main = require "moonsand.cli.main"
local python = require "moonsand.build.python"
local screen = require "spec.support.screen"

describe("the verbs that read recipes", function()
  local scratch

  before_each(function() scratch = host.scratch() end)
  after_each(function() scratch:__close() end)

  local function call(words, environment)
    local ui = screen.interface(environment)
    local code = main.call(words, ui)
    return code, ui.out.text(), ui.err.text()
  end

  -- A value as JSON, without where the files of the case are.
  local function encoded(value, root)
    if root and type(value) == "string" then
      value = value:gsub(root:gsub("%p", "%%%0"), "@ROOT@")
    end
    return json.encode(value)
  end

  -- A build directory with one metadata layer of two recipes, as oe-init-build-env leaves one.
  local function build_directory(more)
    local layer = scratch:dir("layer")
    scratch:file("build/conf/bblayers.conf",
      ('BBPATH = "${TOPDIR}"\nBBLAYERS = "%s"\n'):format(layer))
    scratch:file("build/conf/local.conf", 'LOCAL = "1"\n')
    scratch:file("layer/conf/layer.conf", [[
BBPATH .= ":${LAYERDIR}"
BBFILES += "${LAYERDIR}/r/*.bb ${LAYERDIR}/r/*.bbappend"
BBFILE_COLLECTIONS += "one"
BBFILE_PATTERN_one = "^${LAYERDIR}/"
BBFILE_PRIORITY_one = "5"
LAYERSERIES_CORENAMES = "spring summer"
LAYERSERIES_COMPAT_one = "summer"
]] .. (more or ""))
    scratch:file("layer/conf/bitbake.conf", [[
PN = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0] or 'none'}"
PV = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[1] or '1.0'}"
include conf/local.conf
]])
    scratch:file("layer/r/first_2.0.bb", [[
A = "${LOCAL} ${HOME}"
do_x() {
    :
}
do_x[depends] = "second:do_y"
addtask x after do_w before do_z
addtask w
]])
    scratch:file("layer/r/second.bb", 'B = "2"\n')
    scratch:file("layer/r/first_%.bbappend", 'A:append = " appended"\n')
    return {BBPATH = scratch.path .. "/build", HOME = "/home/me"}
  end

  it("read a build directory as it is: its layers, local.conf, appends and environment", function()
    local env = build_directory()
    local code, out = call({"vars", "first", "A"}, env)
    assert.are.equal(0, code)
    assert.are.equal("1 /home/me appended\n", out)
    code, out = call({"vars", "first", "FILE_LAYERNAME"}, env)
    assert.are.equal(0, code)
    assert.are.equal("one\n", out)
  end)

  it("list recipes with name, version, layer and file, by a pattern or all", function()
    local env = build_directory()
    local code, out = call({"recipes"}, env)
    assert.are.equal(0, code)
    assert.are.equal(("first   2.0  one  %s/layer/r/first_2.0.bb\n" ..
      "second  1.0  one  %s/layer/r/second.bb\n"):format(scratch.path, scratch.path), out)
    code, out = call({"recipes", "s*", "--json"}, env)
    assert.are.equal(0, code)
    local list = json.decode(out)
    assert.are.equal(1, #list)
    assert.are.equal("second", list[1].name)
    assert.are.equal(1, (call({"recipes", "nothing*"}, env)))
  end)

  it("list the tasks of a recipe and what they wait for", function()
    local env = build_directory()
    local code, out = call({"tasks", "first", "--flags"}, env)
    assert.are.equal(0, code)
    assert.are.equal("do_x  after do_w\n    [depends] second:do_y\ndo_w\n", out)
  end)

  it("parse says everything that is wrong, not just the first", function()
    local env = build_directory()
    assert.are.equal(0, (call({"parse"}, env)))
    scratch:file("layer/r/bad_1.0.bb", "\noops\n")
    scratch:file("layer/r/worse_1.0.bb", "inherit nothing\n")
    local code, out, err = call({"parse"}, env)
    assert.are.equal(2, code)
    assert.are.equal("4 files: 2 recipes, 0 skipped, 2 failed\n", out)
    assert.is_truthy(err:find("layer/r/bad_1.0.bb:2: unparsed line", 1, true))
    assert.is_truthy(err:find("layer/r/worse_1.0.bb:1: Could not inherit file", 1, true))
    code = call({"parse", scratch.path .. "/layer/r/second.bb"}, env)
    assert.are.equal(0, code)
  end)

  it("refuse layers of another release, and a layer that stands twice", function()
    local env = build_directory('LAYERSERIES_COMPAT_one = "winter"\n')
    local code, _, err = call({"recipes"}, env)
    assert.are.equal(2, code)
    assert.is_truthy(err:find("layer.conf:8: the layer 'one' fits winter", 1, true), err)
    env = build_directory('BBFILE_COLLECTIONS += "one"\n')
    code, _, err = call({"recipes"}, env)
    assert.are.equal(2, code)
    assert.is_truthy(err:find("BBFILE_COLLECTIONS holds 'one' twice", 1, true))
  end)

  it("take files of BBFILES_DYNAMIC when the layer that they are for is there", function()
    scratch:file("dynamic/third.bb", "")
    scratch:file("dynamic/fourth.bb", "")
    local dynamic = scratch.path .. "/dynamic/"
    local env = build_directory(('BBFILES_DYNAMIC = "one:%sthird.bb two:%sfourth.bb"\n'):format(
      dynamic, dynamic))
    local _, out = call({"recipes"}, env)
    assert.is_truthy(out:find("\nthird ", 1, true))
    assert.is_nil(out:find("fourth", 1, true))
    env = build_directory(('BBFILES_DYNAMIC = "!one:%sthird.bb !two:%sfourth.bb"\n'):format(
      dynamic, dynamic))
    _, out = call({"recipes"}, env)
    assert.is_nil(out:find("third", 1, true))
    assert.is_truthy(out:find("fourth", 1, true))
  end)

  it("vars shows the flags of a variable, and everything as a line of JSON a recipe", function()
    local env = build_directory()
    local code, out = call({"vars", "first", "do_x", "--flags"}, env)
    assert.are.equal(0, code)
    assert.is_truthy(out:find('depends="second:do_y"\n', 1, true))
    code, out = call({"vars", "--all", "--json", "first", "second"}, env)
    assert.are.equal(0, code)
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
    assert.are.equal(2, #lines)
    assert.are.equal("1 /home/me appended", lines[1].stores[""].vars.A.value)
    assert.are.same({"do_x", "do_w"}, lines[1].stores[""].tasks)
    assert.are.equal("2", lines[2].stores[""].vars.B.raw)
    local flags = lines[1].stores[""].task_flags.do_x
    assert.are.same({"do_w"}, flags.deps)
    assert.are.equal("second:do_y", flags.depends)
    assert.are.same({}, lines[1].stores[""].classes)
  end)

  it("vars --config shows the configuration, and refuses what goes with a recipe only", function()
    local env = build_directory()
    local code, out = call({"vars", "--config", "LOCAL", "--where"}, env)
    assert.are.equal(0, code)
    assert.is_truthy(out:find('conf/local.conf:1%s+LOCAL = "1"\n'))
    code, out = call({"vars", "--config", "--all", "--json"}, env)
    assert.are.equal(0, code)
    local vars = json.decode(out).stores[""].vars
    assert.are.equal("1", vars.LOCAL.value)
    assert.is_truthy(vars.BBINCLUDED.value:find("conf/local.conf", 1, true))
    local _, err
    code, _, err = call({"vars", "--config", "LOKAL"}, env)
    assert.are.equal(2, code)
    assert.is_truthy(err:find("the configuration has no variable 'LOKAL'", 1, true))
    for _, words in ipairs {{"vars"}, {"vars", "--config", "LOCAL", "A"},
      {"vars", "--config", "--all", "--json", "first"}} do
      assert.are.equal(2, (call(words, env)), table.concat(words, " "))
    end
  end)

  it("tasks --script shows what the run script of a shell task holds", function()
    local env = build_directory()
    local code, out = call({"tasks", "first", "--script", "x"}, env)
    assert.are.equal(0, code)
    assert.is_truthy(out:find("\n# line: 2, file: [^\n]*/first_2.0.bb\ndo_x%(%) {\n    :\n}\n"))
    local _, err
    code, _, err = call({"tasks", "first", "--script", "xx"}, env)
    assert.are.equal(2, code)
    assert.is_truthy(err:find("recipe 'first' has no task 'xx'\n  did you mean 'do_x'?", 1, true))
  end)

  it("vars --bare reads a file alone, and tells an error by kind and place", function()
    local file = scratch:file("a_1.bb", 'A = "x"\nA:append = "y"\nexport A\n')
    local code, out = call({"vars", "--bare", "--all", "--json", file})
    assert.are.equal(0, code)
    local record = json.decode(out)
    assert.are.same({raw = "xy", value = "xy", flags = {export = 1}}, record.stores[""].vars.A)
    file = scratch:file("b_1.bb", "\noops\n")
    code, out = call({"vars", "--bare", "--all", "--json", file})
    assert.are.equal(0, code)
    record = json.decode(out)
    assert.are.equal("ParseError", record.error)
    assert.is_truthy(record.message:find("^ParseError at .*b_1.bb:2: unparsed line"))
    code = call({"vars", "--bare", "a"})
    assert.are.equal(2, code)
  end)

  it("vars --bare answers as BitBake did to the small files", function()
    local directory = answers.directory()
    if not directory then return pending("../shared/data is not there") end
    local how = core.stat("/usr/bin/python3") and python.new(core.realpath("python"))
    local count = 0
    for _, case in ipairs(answers.load(directory .. "/directed.json")) do
      local main_file = case.main or "case_1.0.bb"
      local alone = case.bbpath == answers.null and case.appends == answers.null
      if alone and case.expected.stores and (how or not case.needs_python) then
        count = count + 1
        local root = scratch:dir(case.id)
        for name, text in pairs(case.files) do
          scratch:file(case.id .. "/" .. name, (text:gsub("@ROOT@", root)))
        end
        local record = dump.bare(root .. "/" .. main_file, answers.null, how)
        for variant, store in pairs(case.expected.stores) do
          for name, each in pairs(store.vars) do
            local got = record.stores[variant].vars[name]
            if not name:find("^__") and (case.id ~= "ex-py-setvar" or name ~= "B") then
              assert.are.equal(encoded(each.value), encoded(got.value, root), case.id .. name)
              assert.are.equal(encoded(each.raw), encoded(got.raw, root), case.id .. name)
            end
          end
          assert.are.same(store.tasks, record.stores[variant].tasks, case.id)
        end
      end
    end
    assert.is_true(count > 80, count)
  end)
end)
