-- Python in metadata, run by the helper in its sandbox.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local python = require "moonsand.build.python"
local recipes = require "spec.support.python"

describe("Python in recipes", function()
  if not core.stat("/usr/bin/python3") then
    it("is run by /usr/bin/python3", function() pending("there is no /usr/bin/python3") end)
    return
  end

  after_each(recipes.close)

  local function read(text, how)
    local files = type(text) == "table" and text or {["a_1.bb"] = text}
    local stores, problem, config = recipes.read(files, how)
    if problem then return nil, problem, config end
    return stores[""], nil, config
  end

  local function value(code, more)
    local d = assert(read((more or "") .. '\nA = "${@' .. code .. '}"\n'))
    return d:get("A")
  end

  it("sees variables by name and the functions of def", function()
    local d = assert(read [[
def twice(d, name):
    return d.getVar(name) * 2

B = "x${C}"
C = "y"
A = "${@twice(d, 'B')} ${@'%s!' % B} ${@[n for n in (d.getVar('C'),)][0]}"
]])
    assert.are.equal("xyxy xy! y", d:get("A"))
  end)

  it("asks once for a list that code reads again, and gives each reader its own", function()
    local d, _, config = read [[
addtask a
addtask b after do_a
addtask c after do_b
addtask d after do_b
def needs(d):
    for i in range(50):
        d.getVarFlag("do_c", "deps", False).append("do_x")
    return " ".join(d.getVarFlag("do_c", "deps", False))

A = "${@needs(d)}"
B = "${@' '.join(bb.build.tasksbetween('do_a', 'do_c', d))}"
python () {
    before = d.getVarFlag("do_d", "deps", False)
    bb.build.addtask("do_e", "do_d", None, d)
    d.setVar("C", "%s, then %s" % (before, sorted(d.getVarFlag("do_d", "deps", False))))
}
]]
    local helper, count = config.python.helper, 0
    local serve = helper.serve.g
    helper.serve.g = function(...)
      count = count + 1
      return serve(...)
    end
    assert.are.equal("do_b", d:get("A"))
    assert.are.equal(1, count)
    assert.are.equal("do_a do_b do_c", d:get("B"))
    assert.are.equal("['do_b'], then ['do_b', 'do_e']", d:get("C"))
  end)

  it("makes a value anew whose list was at hand, once the list is another one", function()
    local d = assert(read [[
addtask c after do_b
A = "${@' '.join(d.getVarFlag('do_c', 'deps', False))}"
B = "${@'+'.join(d.getVarFlag('do_c', 'deps', False))}"
]])
    assert.are.equal("do_b", d:get("A"))
    assert.are.equal("do_b", d:get("B")) -- Python remembers the list that A has asked for
    d:set_flag("do_c", "deps", {"do_b", "do_x"})
    assert.are.equal("do_b do_x", d:get("A"))
    assert.are.equal("do_b+do_x", d:get("B"))
  end)

  it("takes from BITBAKE_LIB the modules that its own bb does not have, and no others", function()
    local scratch <close> = host.scratch()
    scratch:file("lib/bb/__init__.py", "raise Exception('not this one')\n")
    scratch:file("lib/bb/utils.py", "raise Exception('nor this one')\n")
    scratch:file("lib/bb/more.py", "import bb.utils\ndef word():\n    return 'theirs'\n")
    local how = python.new(core.realpath("python"), nil, scratch.path .. "/lib")
    local text = 'python () {\n    import bb.more\n    d.setVar("A", bb.more.word())\n}\n'
    assert.are.equal("theirs", assert(read(text, how)):get("A"))
    local _, problem = read(text)
    assert.is_truthy(problem.message:find("No module named 'bb.more'", 1, true), problem.message)
    for _, directory in ipairs {scratch.path, "lib"} do
      local ok, refusal = pcall(python.new, core.realpath("python"), nil, directory)
      assert.is_false(ok)
      assert.is_truthy(refusal.message:find("holds no bb/__init__.py", 1, true))
    end
  end)

  it("lists flags in the order in which they were set", function()
    local d = assert(read [[
F[zeta] = "1"
F[alpha] = "2"
F[weak] ??= "3"
F[mid] = "4"
F[zeta] = "5"
F[weak] = "6"
python () {
    d.setVar("A", " ".join(d.getVarFlags("F")))
    d.delVarFlag("F", "zeta")
    d.setVarFlag("F", "zeta", "7")
    d.setVarFlag("F", "none", None)
    d.setVar("B", " ".join(d.getVarFlags("F")))
}
]])
    assert.are.equal("zeta alpha mid weak", d:get("A"))
    assert.are.equal("alpha mid weak zeta none", d:get("B"))
  end)

  it("gives the words of a set in the same order in every process", function()
    local code = "' '.join({'vfat', 'alsa', 'pci', 'bluetooth', 'usb', 'x11', 'wayland'})"
    assert.are.equal(value(code), value(code))
  end)

  it("changes the store from anonymous functions, and the history names the line", function()
    local d = assert(read [[
A = "1"
A:append = " kept"
F[depends] = "a:do_b"
python () {
    d.setVar("B", d.getVar("A"))
    d.appendVar("B", " 2")
    d.prependVar("B", "0 ")
    d.setVarFlag("B", "doc", "text")
    d.appendVarFlag("F", "depends", " c:do_d")
    d.delVar("A")
    d.renameVar("B", "C")
}
python () {
    d.setVar("D", d.getVar("C") + str(d.getVar("A")) + str(d.getVarFlags("F")))
}
]])
    assert.are.equal("0 1 kept 2", d:get("C"))
    assert.are.equal("0 1 kept 2None{'depends': 'a:do_b c:do_d'}", d:get("D"))
    local where = d:where("D")
    assert.are.equal("/ROOT/a_1.bb", where[#where].file)
    assert.are.equal(14, where[#where].line)
  end)

  it("knows the versions in dependencies from names with parentheses", function()
    assert.are.equal("{'a': ['>= 1 b'], 'c(D)': [], 'e': ['= 2', '< 3']}", value("dict(" ..
      "bb.utils.explode_dep_versions2('a (>= 1 b) c(D) e (= 2) e ( < 3)'))"))
  end)

  it("works on copies that leave the original alone", function()
    local d = assert(read [[
A = "1 ${B}"
B = "2"
python () {
    copy = d.createCopy()
    copy.setVar("B", "3")
    d.setVar("C", copy.getVar("A"))
    for n in range(200):
        bb.data.createCopy(copy).setVar("B", str(n))
    d.setVar("D", copy.expand("${B}"))
}
]])
    assert.are.equal("1 3", d:get("C"))
    assert.are.equal("3", d:get("D"))
    assert.are.equal("1 2", d:get("A"))
  end)

  it("knows classes, tasks and keys", function()
    local d = assert(read {["a_1.bb"] = [[
inherit k
do_x() {
    :
}
addtask x
python () {
    d.setVar("A", "%s %s" % (bb.data.inherits_class("k", d), bb.data.inherits_class("l", d)))
    bb.build.addtask("do_y", None, "do_x", d)
    d.setVar("B", "do_x" in d.keys())
    d.setVar("C", " ".join(d.getVar("__BBTASKS", False)))
}
]], ["classes/k.bbclass"] = "K = \"1\"\n"})
    assert.are.equal("True False", d:get("A"))
    assert.are.equal("do_x do_y", d:get("C"))
    assert.are.same({"do_x"}, d:raw_flag("do_y", "deps"))
  end)

  it("asks for nothing twice and is never told an old value", function()
    assert.are.equal("1 2 3", value("f(d)", [[
B = "1"
C = "${B}"
def f(d):
    one = d.getVar("C")
    d.setVar("B", "2")
    two = d.getVar("C")
    d.setVar("C", "3")
    return " ".join((one, two, d.getVar("C")))
]]))
    local d = assert(read 'B = "1"\nA = "${@\'%s\' % d.getVar(\'B\')}"\n')
    for n = 1, 5 do
      d:set("B", tostring(n))
      assert.are.equal(tostring(n), d:get("A"))
    end
  end)

  it("sees the functions of its own recipe only", function()
    local how = python.new(core.realpath("python"))
    local one, _, config = read({["a_1.bb"] = 'def f():\n    return "one"\nA = "${@f()}"\n'}, how)
    local two = config:copy()
    two:put("A", "${@f()}")
    assert.are.equal("one", one:get("A"))
    local ok, problem = pcall(two.get, two, "A")
    assert.is_false(ok)
    assert.is_truthy(problem.message:find("name 'f' is not defined", 1, true))
    one:set("B", "${@f()}")
    assert.are.equal("one", one:get("B"))
  end)

  it("nests: an expression may need variables that need Python", function()
    local d = assert(read [[
A = "${@'%s' % d.getVar('B')}"
B = "${@'%s' % d.getVar('C')}"
C = "${@'%s' % 'c'}"
L = "${@'%s' % d.getVar('L2')}"
L2 = "${@'%s' % d.getVar('L')}"
]])
    assert.are.equal("c", d:get("A"))
    local ok, problem = pcall(d.get, d, "L")
    assert.is_false(ok)
    assert.is_truthy(problem.message:find("refers to itself", 1, true))
    assert.are.equal("c", d:get("A"))
  end)

  it("does a write that needs Python itself before the question after it", function()
    local d = assert(read [[
OVERRIDES = "${MACHINE}"
MACHINE = "${@['x', 'y'][len(d.getVar('N') or '') > 1]}"
N = "1"
A = "none"
A:x = "${OVERRIDES}"
A:y = "${OVERRIDES} ${@'%s' % d.getVar('N')}"
python () {
    d.getVar("A")
    d.setVar("N", "22")
    d.setVar("MACHINE", "${@['x', 'y'][len(d.getVar('N')) > 1]}")
    d.setVar("B", d.getVar("A"))
}
]])
    assert.are.equal("y 22", d:get("B"))
  end)

  it("may catch the failure of a value, and asks on", function()
    local d = assert(read [[
A = "${B}"
B = "${@1 / 0}"
C = "${A}"
python () {
    try:
        d.getVar("C")
    except bb.data_smart.ExpansionError as e:
        d.setVar("D", "caught " + str("ZeroDivisionError" in str(e)))
    d.setVar("B", "fine")
    d.setVar("E", d.getVar("C"))
}
]])
    assert.are.equal("caught True", d:get("D"))
    assert.are.equal("fine", d:get("E"))
  end)

  it("skips recipes, fails with bb.fatal, warns with bb.warn", function()
    local d, _, config = read [[
python () {
    bb.warn("careful")
    raise bb.parse.SkipRecipe("old")
}
]]
    assert.are.equal("old", d.state.skipped)
    assert.are.same({"careful"}, config.log)
    local _, problem = read 'python () {\n    bb.fatal("no ", "way")\n}\n'
    assert.are.equal("no way", problem.message)
    assert.are.equal("/ROOT/a_1.bb:2", problem.where)
  end)

  it("fails at the line of the metadata", function()
    local _, problem = read [[
A = "1"

def f():
    x = 1
    return x / 0

python () {
    f()
}
]]
    assert.are.equal("/ROOT/a_1.bb:5", problem.where)
    assert.is_truthy(problem.message:find("ZeroDivisionError: division by zero", 1, true))
    assert.are.same({"/ROOT/a_1.bb:8", "/ROOT/a_1.bb:5"}, problem.trace)
    _, problem = read 'A = "1"\npython () {\n    if:\n}\n'
    assert.are.equal("/ROOT/a_1.bb:3", problem.where)
    local store = assert(read '\nA = "${@\'%d\' % B}"\nB = "x"\n')
    local ok
    ok, problem = pcall(store.get, store, "A")
    assert.is_false(ok)
    assert.are.equal("/ROOT/a_1.bb:2", problem.where)
  end)

  it("lets event handlers see what they ask for", function()
    local d = assert(read [[
addhandler h
h[eventmask] = "bb.event.RecipePreFinalise bb.event.RecipeParsed"
python h() {
    d.setVar("A", (d.getVar("A") or "") + bb.event.getName(e) + " " + str(d.getVar("B")) + ";")
}
python () {
    d.setVar("B", "1")
}
]])
    assert.are.equal("RecipePreFinalise None;RecipeParsed 1;", d:get("A"))
  end)

  it("passes values through filters last", function()
    local d = assert(read [[
A = "a b"
A:append = " c"
A:remove = "b"
python () {
    d.setVarFilter("A", "suffix(val, '-native')")
}
]])
    assert.are.equal("a-native c-native", d:get("A"))
    assert.are.equal("a b c", d:raw("A"))
  end)

  it("cannot change files or reach the network, and sees no other file of the host", function()
    local scratch <close> = host.scratch()
    local outside = scratch:file("outside", "x")
    local d = assert(read(([[
def attempt(f):
    try:
        return str(f())
    except OSError as e:
        return "no"

A = "${@attempt(lambda: open('%s').read())}"
B = "${@attempt(lambda: open('/usr/moonsand-spec', 'w'))}"
C = "${@attempt(lambda: __import__('socket').create_connection(('127.0.0.1', 1), 1))}"
]]):format(outside)))
    assert.are.equal("no no no", d:expand("${A} ${B} ${C}"))
  end)

  it("that ends in the middle is a fault, and the next question starts it again", function()
    local d = assert(read 'A = "${@os._exit(1)}"\nB = "${@\'%s\' % 1}"\n')
    for _ = 1, 3 do
      local ok, problem = pcall(d.get, d, "A")
      assert.is_false(ok)
      assert.are.equal("helper", problem.reason)
      assert.is_truthy(problem.message:find("ended", 1, true))
      assert.is_truthy(problem.hint)
      d:set("B", "${@'%s' % 1}")
      assert.are.equal("1", d:get("B"))
    end
  end)

  it("that is killed between two questions is a fault, never a wrong value", function()
    local d, _, config = read 'A = "${@\'%s\' % B}"\n'
    local helper, faults = config.python.helper, 0
    for n = 1, 6 do
      d:set("B", tostring(n))
      local ok, got = pcall(d.get, d, "A")
      if ok then
        assert.are.equal(tostring(n), got)
        helper.process:kill("KILL")
        host.eventually(function() return helper.process.process:wait() end)
      else
        assert.are.equal("helper", got.reason)
        assert.are.equal("/ROOT/a_1.bb:1", got.where)
        faults = faults + 1
      end
    end
    assert.are.equal(3, faults)
  end)

  it("that is killed at any moment is a fault, never a wrong value", function()
    local d, _, config = read [[
def slow(d, n):
    for each in range(int(n)):
        d.setVar("X", str(each))
        d.getVar("X")
    return d.getVar("B") * 2

A = "${@slow(d, C)}"
]]
    math.randomseed(11)
    local helper, faults = config.python.helper, 0
    for n = 1, 40 do
      d:set("B", ("<%d>"):format(n))
      d:set("C", tostring(math.random(0, 300)))
      helper:start(config.python.directories)
      local pid = helper.process.process:pid()
      local killer = core.fork()
      if killer == false then
        os.execute(("sleep 0.0%02d; kill -KILL %d 2>/dev/null"):format(math.random(0, 60), pid))
        os.exit(0, false)
      end
      local ok, got = pcall(d.get, d, "A")
      host.eventually(function() return killer:wait() end)
      if ok then
        assert.are.equal(("<%d><%d>"):format(n, n), got)
      else
        assert.are.equal("helper", got.reason)
        assert.is_truthy(got.where)
        faults = faults + 1
      end
    end
    d:set("B", "over")
    helper:close()
    assert.are.equal("overover", d:get("A"))
    assert.is_true(faults > 0)
  end)

  local function bounded(text, bounds)
    local all = {seconds = 1, memory = 2048, patience = 600}
    for name, bound in pairs(bounds or {}) do all[name] = bound end
    return read(text, python.new(core.realpath("python"), all))
  end

  it("that does not end is a fault with the line, and can be asked again", function()
    local _, problem = bounded("\npython () {\n    n = 1\n    while True:\n        n = 2\n}\n")
    assert.matches("it does not end: more than 1 seconds", problem.message)
    assert.matches("^/ROOT/a_1.bb:[45]$", problem.where)
    local d = bounded('A = "${@[x for x in iter(int, 1)]}"\nB = "${@\'%s\' % 1}"\n')
    local ok, other = pcall(d.get, d, "A")
    assert.is_false(ok)
    assert.are.equal("/ROOT/a_1.bb:1", other.where)
    assert.are.equal("1", d:get("B"))
  end)

  it("that does not end while it asks the store is a fault, too", function()
    local _, problem = bounded('python () {\n    while True:\n        d.setVar("A", "1")\n' ..
      '        d.getVar("A")\n}\n')
    assert.matches("it does not end", problem.message)
  end)

  it("that waits for ever is a fault with the line of the function", function()
    local _, problem = bounded("\npython () {\n    import time\n    time.sleep(1000)\n}\n",
      {patience = 1})
    assert.matches("said nothing for 1 seconds", problem.message)
    assert.are.equal("/ROOT/a_1.bb:2", problem.where)
  end)

  it("that wants more memory than there is is a fault with the line", function()
    local _, problem = bounded("\npython () {\n    n = 10\n    s = 'x' * (n << 30)\n}\n")
    assert.matches("more than 2048 MiB", problem.message)
    assert.are.equal("/ROOT/a_1.bb:4", problem.where)
  end)

  it("may write to any output, and the answers stay whole", function()
    local d = assert(read [[
def noise(d):
    import subprocess, sys
    print("R" * 50)
    sys.stderr.write("Z\n")
    sys.stdout.flush()
    for number in (1, 2, *range(3, 64)):
        try:
            os.write(number, b"\0\0\0\1R")
        except OSError:
            pass
    subprocess.run("echo noise; echo noise >&2; echo noise >&3", shell=True)
    os.close(1)
    return "quiet" + d.getVar("B")

A = "${@noise(d)}"
B = "!"
]], {start = python.new(core.realpath "python").start})
    assert.are.equal("quiet!", d:get "A")
  end)

  it("is a fault with the line of the recipe where there is none", function()
    local _, problem = read('\npython () {\n    pass\n}\n', {start = function()
      fault.throw("host", "there is no /usr/bin/python3", {hint = "apt install python3"})
    end})
    assert.are.equal("/ROOT/a_1.bb:2", problem.where)
    assert.is_truthy(problem.message:find("there is no /usr/bin/python3", 1, true))
    assert.are.equal("apt install python3", problem.hint)
  end)
end)
