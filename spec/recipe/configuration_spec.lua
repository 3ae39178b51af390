local answers = require "spec.recipe.answers"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local recipe = require "moonsand.recipe"

describe("a configuration", function()
  local base = {
    ["/m/conf/moonsand.conf"] = table.concat({
      'BBFILES = "/m/*/*.bb /m/*/*.bbappend"',
      'PN = "${=from_file(1)}"',
      'PV = "${=from_file(2)}"',
      'PROVIDES:prepend = "${PN} "',
      'OVERRIDES = "pn-${PN}"',
      "",
    }, "\n"),
    ["/m/classes/base.bbclass"] = "addtask compile\naddtask install after compile\n" ..
      "do_compile() {\n  :\n}\n",
    ["/m/zlib/zlib_1.2.bb"] = 'DEPENDS = "make-native (>= 4)"\n',
    ["/m/zlib/zlib_1.10.bb"] = 'PROVIDES += "virtual/z"\n',
    ["/m/z/zlib-ng_2.bb"] = 'PROVIDES += "virtual/z"\n',
  }

  local function configure(more, variables)
    local files = {}
    for path, text in pairs(base) do files[path] = text end
    for path, text in pairs(more or {}) do files[path] = text end
    return recipe.configure {path = {"/m"}, disk = answers.disk(files), variables = variables}
  end

  local function problem_of(run, ...)
    local ok, problem = pcall(run, ...)
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    return problem
  end

  it("finds the recipe files of BBFILES, sorted", function()
    assert.are.same({"/m/z/zlib-ng_2.bb", "/m/zlib/zlib_1.10.bb", "/m/zlib/zlib_1.2.bb"},
      configure():recipes())
  end)

  it("loads a recipe with the tasks of the base class", function()
    local zlib = configure():load("/m/zlib/zlib_1.2.bb")
    assert.are.same({"zlib", "1.2", "/m/zlib/zlib_1.2.bb"}, {zlib.name, zlib.version, zlib.file})
    assert.are.equal("do_compile", zlib.tasks[1].name)
    assert.are.same({"do_compile"}, zlib.tasks[2].after)
    assert.are.same({"make-native"}, zlib.depends)
    assert.are.same({"zlib"}, zlib.provides)
  end)

  it("takes the latest version, by numbers", function()
    assert.are.equal("1.10", configure():find("zlib").version)
  end)

  it("takes the version and the provider that are preferred", function()
    local config = configure(nil, {
      PREFERRED_VERSION_zlib = "1.2%", ["PREFERRED_PROVIDER_virtual/z"] = "zlib-ng",
    })
    assert.are.equal("1.2", config:find("zlib").version)
    assert.are.equal("zlib-ng", config:find("virtual/z").name)
  end)

  it("warns when several recipes provide a name and none is preferred", function()
    local config = configure()
    config:find("virtual/z")
    assert.is_truthy(config.warnings[1]:find("PREFERRED_PROVIDER_virtual/z", 1, true))
  end)

  it("refuses a name that nothing provides, and proposes the nearest", function()
    local problem = problem_of(function() return configure():find("zlob") end)
    assert.are.same({"graph", "nothing provides 'zlob'", "did you mean 'zlib'?"},
      {problem.kind, problem.message, problem.hint})
  end)

  it("reads the bbappends that fit, in order, after the recipe", function()
    local config = configure {
      ["/m/a/zlib_%.bbappend"] = 'A .= "%"\n', ["/m/b/zlib_1.2.bbappend"] = 'A .= "2"\n',
      ["/m/c/zlib_1.10.bbappend"] = 'A .= "10"\n', ["/m/zlib/zlib_1.2.bb"] = 'A = "r"\n',
    }
    assert.are.equal("r%2", config:load("/m/zlib/zlib_1.2.bb").data:get("A"))
    assert.are.equal("%10", config:load("/m/zlib/zlib_1.10.bb").data:get("A"))
  end)

  it("refuses a bbappend that fits no recipe", function()
    local config = configure {["/m/a/zlub_%.bbappend"] = ""}
    assert.are.equal("/m/a/zlub_%.bbappend", problem_of(config.recipes, config).where)
  end)

  it("leaves out what BBMASK matches", function()
    assert.are.same({"/m/z/zlib-ng_2.bb"}, configure(nil, {BBMASK = "zlib_1\\..*"}):recipes())
  end)

  it("passes a recipe by that skips itself, and says why when it is asked for", function()
    local config = configure {["/m/x/x_1.bb"] = 'lua () {\n  d:skip("not for " .. PN)\n}\n'}
    assert.are.equal("not for x", config:load("/m/x/x_1.bb").skipped)
    local problem = problem_of(config.find, config, "x")
    assert.is_truthy(problem.message:find("not for x", 1, true))
  end)

  it("runs anonymous lua functions in order, after the names are expanded", function()
    local config = configure {
      ["/m/classes/c.bbclass"] = "lua () {\n  d:append('A', 'c')\n}\n",
      ["/m/x/x_1.bb"] = 'inherit c\nA_${PN} = "1"\nlua () {\n  d:append("A", A_x)\n}\n',
    }
    assert.are.equal("c1", config:load("/m/x/x_1.bb").data:get("A"))
  end)

  it("makes a variant for each word of BBCLASSEXTEND", function()
    local config = configure {
      ["/m/classes/native.bbclass"] = 'KIND = "native"\n',
      ["/m/x/x_1.bb"] = 'BBCLASSEXTEND = "native"\nKIND = "target"\n',
    }
    local plain, all = config:load("/m/x/x_1.bb")
    assert.are.same({"x", "target", "x-native", "native"}, {plain.name, plain.data:get("KIND"),
      all[2].name, all[2].data:get("KIND")})
    assert.are.equal("native", config:find("x-native").variant)
  end)

  it("reads layers and replaces LAYERDIR as text", function()
    local config = configure {
      ["/m/conf/bblayers.conf"] = 'BBLAYERS = "/l"\n',
      ["/l/conf/layer.conf"] = 'BBPATH .= ":${LAYERDIR}"\nX = "${LAYERDIR}/x"\n',
      ["/l/classes/c.bbclass"] = "",
    }
    assert.are.same({"/l/x", "/m:/l"}, {config.data:get("X"), config.data:get("BBPATH")})
    assert.is_nil(config.data:get("LAYERDIR"))
  end)

  it("reads conf/bitbake.conf when there is no conf/moonsand.conf", function()
    local config = recipe.configure {path = {"/b"}, disk = answers.disk {
      ["/b/conf/bitbake.conf"] = 'A = "1"\n', ["/b/conf/more.conf"] = 'A .= "2"\n',
    }, files = {"conf/more.conf"}}
    assert.are.equal("12", config.data:get("A"))
  end)

  it("is refused without a main configuration file", function()
    local problem = problem_of(recipe.configure, {path = {"/b"}, disk = answers.disk {}})
    assert.is_truthy(problem.message:find("conf/moonsand.conf", 1, true))
  end)

  it("names an option that it does not know", function()
    assert.has_error(function() recipe.configure {paths = {"/b"}} end,
      "recipe.configure: unknown option 'paths'")
  end)

  it("gives a task its override", function()
    local zlib = configure {["/m/zlib/zlib_1.2.bb"] = 'A = "0"\nA:task-install = "1"\n'}
      :load("/m/zlib/zlib_1.2.bb")
    assert.are.equal("0", zlib.data:get("A"))
    assert.are.equal("1", recipe.task_data(zlib.data, "do_install"):get("A"))
    assert.are.equal("0", recipe.task_data(zlib.data, "do_compile"):get("A"))
  end)
end)

describe("reading a recipe", function()
  local function read(files, main)
    local stores, problem = answers.run {files = files, main = main or "a.bb"}
    if problem then return nil, problem end
    return stores[""]
  end

  local function refused(files, where, words)
    local _, problem = read(files)
    assert.is_true(fault.is(problem), tostring(problem))
    assert.are.equal("recipe", problem.kind)
    assert.are.equal("/ROOT/" .. where, problem.where)
    assert.is_truthy(problem.message:find(words, 1, true), problem.message)
    assert.is_truthy(problem.hint)
  end

  it("takes a file called .conf, as an empty name makes it, for one that may be there", function()
    assert.are.equal("1", read({["a.bb"] = 'N = ""\nA = "1"\ninclude c/${N}.conf\n'}):get("A"))
    assert.are.equal("2", read({["a.bb"] = 'N = ""\nA = "1"\ninclude c/${N}.conf\n',
      ["c/.conf"] = 'A = "2"\n'}):get("A"))
  end)

  it("refuses what is not there or needs Python, each with its place and a hint", function()
    refused({["a.bb"] = "\nrequire b.inc\n"}, "a.bb:2", "Could not include required file b.inc")
    refused({["a.bb"] = "include b.txt\n"}, "a.bb:1", "not a BitBake file")
    refused({["a.bb"] = "\ndo_x() {\n"}, "a.bb:2", "never closed")
    refused({["a.bb"] = "inherit b\n"}, "a.bb:1", "Could not inherit file classes/b.bbclass")
    refused({["a.bb"] = "require b.inc\n", ["b.inc"] = "\nx\n"}, "b.inc:2", "unparsed line")
    refused({["a.bb"] = "require a.bb\n"}, "a.bb:1", "again and again")
    refused({["a.bb"] = "\npython () {\n    pass\n}\n"}, "a.bb:2", "Python")
    refused({["a.bb"] = "addhandler h\n"}, "a.bb:1", "which is no function")
    refused({["a.bb"] = "addhandler h\npython h() {\n}\n"}, "a.bb:2", "needs Python")
    refused({["a.bb"] = "inherit ${@os.x}\n"}, "a.bb:1", "needs Python")
    refused({["a.bb"] = 'A := "${@os.x}"\n'}, "a.bb:1", "needs Python")
    refused({["a.bb"] = 'addtask x\n\ndo_x[depends] = "y"\n'}, "a.bb:3", "do_x[depends] holds 'y'")
    refused({["a.bb"] = 'A_append = "x"\n'}, "a.bb:1", "old override syntax")
  end)

  it("knows the place of each piece of a value, through classes and includes", function()
    local d = read {
      ["a.bb"] = 'inherit c\nrequire a.inc\nA:append = "4"\n', ["a.inc"] = '\nA += "3"\n',
      ["classes/c.bbclass"] = 'A ??= "0"\nA = "1"\n',
    }
    local places = {}
    for i, each in ipairs(d:where("A")) do
      places[i] = ("%s %s:%d"):format(each.operator, each.file:match("[^/]+$"), each.line)
    end
    assert.are.same({"??= c.bbclass:1", "= c.bbclass:2", "+= a.inc:2", "= a.bb:3"}, places)
  end)

  it("exports lua functions of a class as it does shell functions", function()
    local d = read {
      ["a.bb"] = "inherit c\n",
      ["classes/c.bbclass"] = "lua c_do_x() {\n  d:set('A', '1')\n}\nEXPORT_FUNCTIONS do_x\n",
    }
    assert.are.equal("1", d:flag("do_x", "lua"))
    require("moonsand.recipe.lua").call(d, "do_x")
    assert.are.equal("1", d:get("A"))
  end)

  it("lets deferred classes come after the appends, as BitBake does", function()
    local d = read {
      ["a.bb"] = 'inherit_defer ${C}\nA = "1"\nC = "c"\n', ["classes/c.bbclass"] = 'A .= "2"\n',
    }
    assert.are.equal("12", d:get("A"))
  end)

  it("defers the classes that BB_DEFER_BBCLASSES names", function()
    local d = read {
      ["a.bb"] = 'BB_DEFER_BBCLASSES = "c"\ninherit c\nA = "1"\n',
      ["classes/c.bbclass"] = 'A .= "2"\n',
    }
    assert.are.equal("12", d:get("A"))
  end)

  it("scans a class anew when its text has changed", function()
    local files = {["a.bb"] = "inherit c\n", ["classes/c.bbclass"] = 'A = "1"\n'}
    assert.are.equal("1", read(files):get("A"))
    files["classes/c.bbclass"] = 'A = "2"\n'
    assert.are.equal("2", read(files):get("A"))
  end)
end)

describe("the configuration that ships", function()
  it("reads a user's local.conf last, for all recipes or for one", function()
    local dir <close> = host.scratch()
    local function value(name)
      local config = recipe.configure {path = {dir.path, "recipes"}}
      return config:find(name).data:get "CFLAGS"
    end
    local before = value "zlib"
    dir:file("conf/local.conf", 'CFLAGS:append = " -g"\nCFLAGS:append:pn-zlib = " -O1"\n')
    assert.are.equal(before .. " -g -O1", value "zlib")
    assert.are.equal(before .. " -g", value "bzip2")
    dir:file("conf/local.conf", 'CFLAGS = "-O3"\n')
    assert.are.equal("-O3", value "zlib")
  end)
end)
