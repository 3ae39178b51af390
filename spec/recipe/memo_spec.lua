-- What is remembered of Python: results of expressions, and values on Python's side.
local core = require "moonsand.core"
local host = require "spec.support.host"
local recipes = require "spec.support.python"

describe("Python's results", function()
  if not core.stat("/usr/bin/python3") then
    it("are remembered", function() pending("there is no /usr/bin/python3") end)
    return
  end

  after_each(recipes.close)

  -- A store, and the counts of what was asked: `E`, `B` of Python, `g` by it.
  local function read(files)
    local stores, problem, config = recipes.read(files)
    assert(stores, tostring(problem))
    local helper, asked = config.python.helper, {E = 0, g = 0}
    local request, get = helper.request, helper.serve.g
    function helper.request(self, kind, ...)
      asked[kind] = (asked[kind] or 0) + 1
      return request(self, kind, ...)
    end
    function helper.serve.g(...)
      asked.g = asked.g + 1
      return get(...)
    end
    return stores[""], asked
  end

  it("are asked for once for the same values, in whatever variable", function()
    local d, asked = read {["a_1.bb"] = [[
def f(d):
    return (d.getVar("X") or "").upper() + str(bb.data.inherits_class("k", d))
A = "${@f(d)}"
B = "${@f(d)}"
X = "${Y}"
Y = "y"
]]}
    assert.are.same({"YFalse", "YFalse"}, {d:get "A", d:get "B"})
    assert.are.equal(1, asked.E)
    d:set("Y", "z")
    assert.are.same({"ZFalse", "ZFalse"}, {d:get "A", d:get "B"})
    assert.are.equal(2, asked.E)
    d:set("Y", "y")
    assert.are.equal("YFalse", d:get "A")
    assert.are.equal(2, asked.E)
    d.state.classes = {"/c/k.bbclass"}
    d:forget_all()
    assert.are.equal("YTrue", d:get "A")
  end)

  it("are asked for again when a variable that they did not need before counts", function()
    local d = read {["a_1.bb"] = [[
A = "${@[d.getVar('X'), d.getVar('Z')][len([x for x in d.getVar('W').split()])]}"
W = ""
X = "x"
Z = "z"
F = "${@d.getVar('Z') if len(set(d.getVar('W').split())) else d.getVar('X')}"
]]}
    assert.are.same({"x", "x"}, {d:get "A", d:get "F"})
    d:set("W", "1")
    assert.are.same({"z", "z"}, {d:get "A", d:get "F"})
    d:set("Z", "zz")
    assert.are.same({"zz", "zz"}, {d:get "A", d:get "F"})
  end)

  it("are asked for each time when they depend on more than variables", function()
    local scratch <close> = host.scratch()
    local d = read {["a_1.bb"] = ([[
def seen(d):
    return str(os.path.exists("%s/x"))
def counted(d):
    global count
    count = globals().get("count", 0) + 1
    return str(count)
def written(d):
    d.setVar("W", "w")
    return "1"
A = "${@seen(d)}"
C = "${@counted(d)}"
K = "${@len(d.keys())}"
S = "${@written(d)}"
]]):format(scratch.path)}
    for n = 1, 3 do
      assert.are.same({"False", tostring(n), "1"}, {d:get "A", d:get "C", d:get "S"})
      assert.are.equal(tostring(#d:names()), d:get "K")
      d:set("N" .. n, "1")
    end
  end)

  it("do not tell an old value to an expression when what it read at hand is written", function()
    local d = read {["a_1.bb"] = [[
A = "${@'%s' % d.getVar('X')}"
B = "${@'<%s>' % d.getVar('X')}"
X = "1"
]]}
    assert.are.same({"1", "<1>"}, {d:get "A", d:get "B"})
    d:set("X", "2")
    assert.are.same({"2", "<2>"}, {d:get "A", d:get "B"})
  end)

  it("stay when Python writes a flag, unless a value was made with one", function()
    local d = read {["a_1.bb"] = [[
X = "1"
Y = "${@d.getVarFlag('X', 'f')} ${@'%s' % d.getVarFlag('X', 'f')}"
X[f] = "f"
X[g] = "${X}g"
Z[f] = "z"
python () {
    seen = [d.getVar("X"), d.getVarFlag("X", "g")]
    d.setVarFlag("Z", "f", "zz")
    seen += [d.getVar("X"), d.getVarFlag("Z", "f"), d.getVar("Y")]
    d.setVarFlag("X", "f", "ff")
    seen += [d.getVar("Y"), d.getVarFlag("X", "f")]
    d.setVarFlag("X", "g", "${X}gg")
    seen += [d.getVarFlag("X", "g"), d.getVar("X")]
    d.delVarFlag("X", "g")
    seen += [d.getVarFlag("X", "g")]
    d.setVar("SEEN", " ".join(str(each) for each in seen))
}
]]}
    assert.are.equal("1 1g 1 zz f f ff ff ff 1gg 1 None", d:get "SEEN")
  end)

  it("are expanded beforehand for a function that wanted them before; what fails is left alone",
    function()
      local text = [[
LOOP = "${LOOP}"
ONE = "${TWO}"
TWO = "2"
python () {
    try:
        loop = d.getVar("LOOP") if d.getVar("ONE") == "2" else "none"
    except bb.data_smart.ExpansionError:
        loop = "loop"
    d.setVar("SEEN", d.getVar("SEEN_BEFORE") + loop)
}
SEEN_BEFORE = "${@'%s' % d.getVar('ONE')} "
]]
      local d = read {["a_1.bb"] = text .. 'BBCLASSEXTEND = "k"\n',
        ["classes/k.bbclass"] = 'TWO = "3"\n'}
      assert.are.equal("2 loop", d:get "SEEN")
    end)
end)
