local command = require "moonsand.recipe.command"
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local fuzz = require "fuzz.recipes"
local mutator = require "fuzz.mutator"
local parse = require "moonsand.recipe.parse"
local recipe = require "moonsand.recipe"

-- Work that an endless or a quadratic reader never gets done.
local few = {memory = 256 << 20, steps = 20000000}

local function bounded(run, ...)
  local ok, value = core.bounded(few, run, fault.traced, ...)
  if not ok and not fault.is(value) then error(value, 0) end
  return value
end

local function problem_of(run, ...)
  local problem = bounded(run, ...)
  assert.is_true(fault.is(problem))
  return problem
end

local function read(text, more)
  local files = {["/x/x.bb"] = text}
  for name, other in pairs(more or {}) do files["/x/" .. name] = other end
  local sample = {files = files, main = "/x/x.bb"}
  local reader, d = parse.reader(mutator.disk(sample)), data.new()
  d:put("BBPATH", "/x")
  parse.read(reader, d, sample.main)
  return d
end

describe("mutated recipes", function()
  it("give values or faults, thousands of them", function()
    local problems = {}
    fuzz.run(mutator.shipped "recipes", 4000, 1, 1, function(i, problem)
      problems[#problems + 1] = ("input %d: %s"):format(i, problem)
    end)
    assert.are.same({}, problems)
  end)

  it("are the same texts for the same seed", function()
    local samples = mutator.shipped "recipes"
    local one, two = mutator.input(samples, 7, 99), mutator.input(samples, 7, 99)
    assert.are.equal(one.files[one.main], two.files[two.main])
    local other = mutator.input(samples, 8, 99)
    assert.are_not.equal(one.files[one.main], other.files[other.main])
  end)

  it("are found out when they break the reader", function()
    local sample = {files = {["/x/x.bb"] = 'A = "1"\n'}, main = "/x/x.bb", bbpath = "/x"}
    assert.is_nil(fuzz.judge(sample))
    local run = parse.run
    finally(function() parse.run = run end)
    parse.run = function() error("broken") end
    assert.matches("broken", fuzz.judge(sample))
    parse.run = function() while true do end end
    assert.matches("more than 1 s", fuzz.judge(sample))
  end)
end)

describe("the reader's bounds", function()
  it("refuse values that double in every line", function()
    local lines = {'A0 = "0123456789"\n'}
    for i = 1, 40 do lines[#lines + 1] = ('A%d = "${A%d}${A%d}"\n'):format(i, i - 1, i - 1) end
    local d = read(table.concat(lines))
    local problem = problem_of(d.get, d, "A40")
    assert.matches("longer than 16 MiB", problem.message)
    assert.matches("/x/x.bb:%d+", problem.where)
    assert.are.equal("01234567890123456789", d:get "A1")
  end)

  it("refuse an expression that gives itself", function()
    local d = read([[A = "x${@d.getVar('A', False)}"]] .. "\n")
    local problem = problem_of(d.get, d, "A")
    assert.matches("never comes to an end", problem.message)
    assert.are.equal("/x/x.bb:1", problem.where)
  end)

  it("refuse Lua that does not end", function()
    local d = read('A = "${=(function() while true do end end)()}"\n')
    local problem = problem_of(d.get, d, "A")
    assert.matches("does not end", problem.message)
    assert.are.equal("/x/x.bb:1", problem.where)
  end)

  it("refuse Lua that wants the whole memory", function()
    local d = read([[A = "${=('x'):rep(1 << 40)}"]] .. "\n" ..
      [[B = "${=(function() local s = 'x' while true do s = s .. s end end)()}"]] .. "\n")
    local ok, problem = pcall(d.get, d, "A")
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    ok, problem = pcall(d.get, d, "B")
    assert.is_false(ok)
    assert.matches("needs more than 128 MiB", problem.message)
    assert.are.equal("/x/x.bb:2", problem.where)
  end)

  it("refuse a file that includes itself, also by way of others", function()
    local problem = problem_of(read, "require a.inc\n",
      {["a.inc"] = "require b.inc\n", ["b.inc"] = "require a.inc\n"})
    assert.matches("again and again", problem.message)
  end)

  it("read classes that inherit each other once", function()
    local d = read("inherit a\n", {
      ["classes/a.bbclass"] = 'inherit b\nA = "a"\n',
      ["classes/b.bbclass"] = 'inherit a\nB = "b"\n',
    })
    assert.are.equal("ab", d:get "A" .. d:get "B")
  end)

  it("take a value of 10 MB, and a reference to it", function()
    local text = ("word "):rep(2 << 20)
    local d = read(('A = "%s"\nB = "${A}x"\n'):format(text))
    assert.are.equal(#text + 1, #d:get "B")
  end)

  it("take 100,000 overrides", function()
    local lines, names = {}, {}
    for i = 1, 100000 do
      lines[i] = ('A:o%d = "%d"\n'):format(i, i)
      names[i] = "o" .. i
    end
    lines[#lines + 1] = ('OVERRIDES = "%s"\n'):format(table.concat(names, ":"))
    local d = read(table.concat(lines))
    assert.are.equal("100000", d:get "A")
  end)

  it("read many expressions in one line without looking at it for each of them again", function()
    local d = read(('A = "%s"\n'):format(("${={ "):rep(20000)))
    bounded(d.get, d, "A")
  end)

  it("read a task's name of many operations", function()
    bounded(read, "addtask x" .. (":prepend"):rep(20000) .. "\n")
  end)

  it("find the commands of a shell text with odd blanks and endings", function()
    for _, text in ipairs {"a \f b", "a\v", "for", "case x in",
      "case x\\", "a \\", "x `\\", "${x\\", '"$('} do
      assert.is_table(bounded(command.words, text))
    end
    assert.is_true(command.words("a \fb").called.a)
  end)

  it("leave what is nested too deeply, or lacks an argument, to Python", function()
    local d = read(('A = "${@%s1%s}"\n'):format(("("):rep(1000), (")"):rep(1000)) ..
      [[B = "${@bb.utils.contains('A', 'x', 'y')}"]] .. "\n")
    for _, name in ipairs {"A", "B"} do
      assert.are.equal("python", problem_of(d.get, d, name).reason)
    end
  end)

  it("ask a signature's questions of any recipe", function()
    local d = read("do_x() {\n    a \f \\\n}\naddtask x\n")
    assert.is_table((recipe.references(d, "do_x")))
  end)
end)
