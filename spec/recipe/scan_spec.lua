local fault = require "moonsand.fault"
local scan = require "moonsand.recipe.scan"

describe("the scanner", function()
  local function one(text, file)
    local list = scan.scan(text, file or "a.bb")
    assert.are.equal(1, #list)
    return list[1]
  end

  local function refusal(text, file)
    local ok, problem = pcall(scan.scan, text, file or "a.bb")
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    assert.are.equal("recipe", problem.kind)
    assert.is_truthy(problem.hint)
    return problem
  end

  it("gives an assignment its file and the line where it ends", function()
    local list = scan.scan('\n# words\nA = "1 \\\n  2"\nB[f] ?= \'x\'\n', "a.conf")
    assert.are.same({kind = "set", name = "A", operator = "=", text = "1   2", file = "a.conf",
      line = 4}, list[1])
    assert.are.same({kind = "set", name = "B", flag = "f", operator = "?=", text = "x",
      file = "a.conf", line = 5}, list[2])
  end)

  it("knows every operator", function()
    for _, operator in ipairs {"=", ":=", "?=", "??=", "+=", "=+", ".=", "=."} do
      assert.are.equal(operator, one(('A %s "x"'):format(operator)).operator)
    end
  end)

  it("splits a name from an operator that touches it", function()
    local list = scan.scan('A+="x"\n', "a.bb")
    assert.are.equal("warning", list[1].kind)
    assert.are.equal("A", list[2].name)
    assert.are.equal("+=", list[2].operator)
    assert.are.equal("A+", one('A+ = "x"').name)
    assert.are.equal("=+", scan.scan('A+=+"x"', "a.bb")[2].operator)
  end)

  it("keeps a function's body as it is, without trailing blanks", function()
    local statement = one("fakeroot do_x() {\n  echo '}'\n\tif a; then  \n}; fi\n}\n")
    assert.are.equal("  echo '}'\n\tif a; then\n}; fi\n", statement.text)
    assert.are.equal("do_x", statement.name)
    assert.is_true(statement.fakeroot)
    assert.are.equal(1, statement.line)
  end)

  it("goes on with the right line after a function", function()
    local list = scan.scan('do_x() {\n}\nA = "1"\ndo_y() {\n  a\n  b\n}\nB = "2"\n', "a.bb")
    assert.are.equal("", list[1].text)
    assert.are.equal(3, list[2].line)
    assert.are.equal(8, list[4].line)
  end)

  it("tells the languages of functions apart", function()
    assert.are.equal("lua", one("lua do_x() {\n}\n").language)
    assert.are.equal("python", one("python do_x() {\n}\n").language)
    local anonymous = one("lua () {\n  d:set('A', '1')\n}\n")
    assert.is_true(anonymous.anonymous)
    assert.are.equal("lua", anonymous.language)
  end)

  it("cuts addtask at before and after", function()
    local statement = one("addtask a b after c after f before d e # words\n")
    assert.are.equal("a b", statement.name)
    assert.are.equal("c f", statement.after)
    assert.are.equal("d e ", statement.before)
  end)

  it("glues the lists of before and after that take turns, as BitBake does", function()
    assert.are.equal("bd", one("addtask a after b before c after d\n").after)
  end)

  it("names the class that exports functions", function()
    assert.are.equal("make", one("EXPORT_FUNCTIONS do_x\n", "classes/make.bbclass").name)
  end)

  it("refuses an unknown statement with its place and what to do", function()
    local problem = refusal('A = "1"\n\noops\n')
    assert.are.equal("a.bb:3", problem.where)
    assert.are.equal("unparsed line: 'oops'", problem.message)
  end)

  it("refuses a value without quotes, and says so", function()
    assert.are.equal("put the value in quotes", refusal("A = 1\n").hint)
  end)

  it("refuses a comment behind a value, and says so", function()
    assert.are.equal("a comment needs a line of its own", refusal('A = "1" # one\n').hint)
  end)

  it("refuses an indented statement, and says so", function()
    assert.are.equal("statements and comments begin in the first column", refusal(' A = "1"').hint)
  end)

  it("refuses a brace on the line below, and says so", function()
    assert.is_truthy(refusal("do_x()\n{\n}\n").hint:find("do_x() {", 1, true) or
      refusal("do_x()\n{\n}\n").hint:find("opening brace", 1, true))
  end)

  it("refuses a function without an end, and names the line where it begins", function()
    local problem = refusal("\ndo_x() {\n  echo\n")
    assert.are.equal("a.bb:4", problem.where)
    assert.is_truthy(problem.hint:find("line 2", 1, true))
  end)

  it("refuses a comment inside a continued value", function()
    local problem = refusal('A = "a \\\n# b \\\n c"\n')
    assert.are.equal("a.bb:2", problem.where)
    assert.are.equal("syntax", problem.reason)
  end)

  it("refuses a continued comment that something else follows, in every kind of file", function()
    for _, file in ipairs {"a.bb", "a.conf"} do
      local problem = refusal('A = "1"\n# b \\\nC = "2"\n', file)
      assert.are.equal(file .. ":2", problem.where)
      assert.are.equal("syntax", problem.reason)
    end
    assert.are.equal("1 # b  2", one('A = "1 \\\n# b \\\n 2"\n', "a.conf").text)
  end)

  it("knows only configuration statements in a .conf file", function()
    assert.are.equal("a.conf:1", refusal("inherit x\n", "a.conf").where)
    assert.are.equal("a.conf:1", refusal("addtask x\n", "a.conf").where)
  end)
end)
