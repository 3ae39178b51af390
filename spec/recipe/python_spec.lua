local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"

describe("Python expressions", function()
  local d

  before_each(function()
    d = data.new()
    d:put("PV", "1.2.13")
    d:put("F", "x y z")
    d:put("EMPTY", "")
  end)

  local function value(code)
    return d:expand("${@" .. code .. "}")
  end

  local function refused(code)
    local ok, problem = pcall(value, code)
    assert.is_false(ok, code)
    assert.is_true(fault.is(problem))
    return problem
  end

  it("ask for variables and words in them", function()
    assert.are.equal("1.2.13", value "d.getVar('PV')")
    assert.are.equal("yes", value "bb.utils.contains('F', 'x z', 'yes', 'no', d)")
    assert.are.equal("no", value "bb.utils.contains('NONE', 'x', 'yes', 'no', d)")
    assert.are.equal("yes", value "bb.utils.contains_any('F', 'q z', 'yes', 'no', d)")
    assert.are.equal("x z", value "bb.utils.filter('F', 'z q x', d)")
    assert.are.equal("1.2.13", value "PV")
  end)

  it("choose, combine and cut", function()
    assert.are.equal("b", value "'a' if d.getVar('EMPTY') else 'b'")
    assert.are.equal("default", value "d.getVar('NONE') or 'default'")
    assert.are.equal("1.2", value "'.'.join(d.getVar('PV').split('.')[0:2])")
    assert.are.equal("13", value "PV.split('.')[-1]")
    assert.are.equal("1_2_13", value "d.getVar('PV').replace('.', '_')")
    assert.are.equal("True", value "'y' in d.getVar('F').split() and not d.getVar('EMPTY')")
    assert.are.equal("None", value "d.getVar('NONE')")
  end)

  it("clean paths as Python does", function()
    for path, clean in pairs {["/a/b/../c/"] = "/a/c", ["a/./b//c"] = "a/b/c", [""] = ".",
      ["../a/.."] = "..", ["/.."] = "/", ["///a"] = "/a", ["a/.."] = ".", ["../../a"] = "../../a",
    } do
      assert.are.equal(clean, value(("os.path.normpath('%s')"):format(path)), path)
    end
    assert.are.equal("python", refused("os.path.normpath('//a')").reason)
  end)

  it("are refused when they need Python, with the place", function()
    d:put("A", "${@os.path.join('a', 'b')}", {operator = "=", file = "a.bb", line = 5})
    local ok, problem = pcall(d.get, d, "A")
    assert.is_false(ok)
    assert.are.equal("a.bb:5", problem.where)
    assert.are.equal("python", problem.reason)
    for _, code in ipairs {"'%s' % 1", "[x for x in F]", "f'{PV}'", "r'a'", "1.5", "2**3", "{}[1]",
      "'\\x41'", "unknown", "lambda: 1", "d.setVar('A', '1')", "1 < 2 < 3"} do
      assert.are.equal("python", refused(code).reason, code)
    end
  end)

  it("fail where Python would", function()
    assert.are.equal("expansion", refused("d.getVar('NONE').upper()").reason)
    assert.are.equal("expansion", refused("PV.split('.')[7]").reason)
  end)
end)
