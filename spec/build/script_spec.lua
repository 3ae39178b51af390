local script = require "moonsand.build.script"

local function is_mark(line)
  return line:find "^moonsand%-failure:" ~= nil
end

local function output()
  local seen = {}
  local one = script.output(function(text) seen[#seen + 1] = text end, is_mark)
  return one, function() return table.concat(seen) end
end

describe("the output of a script", function()
  it("is passed on as it comes, also when its last line is not complete", function()
    local one, seen = output()
    one:take "checking for gcc... "
    assert.are.equal("checking for gcc... ", seen())
  end)

  it("loses the lines that are only for us", function()
    local one, seen = output()
    one:take "a\nmoonsand-failure: x\nb\n"
    assert.are.equal("a\nb\n", seen())
    assert.are.equal("moonsand-failure: x\n", one.marks)
  end)

  it("holds back a line that may become one of them", function()
    local one, seen = output()
    one:take "a\nmoon"
    assert.are.equal("a\n", seen())
    one:take "sand-failure: x\n"
    assert.are.equal("a\n", seen())
  end)

  it("loses nothing at its end", function()
    local one, seen = output()
    one:take "moonsa"
    one:finish()
    assert.are.equal("moonsa", seen())
  end)
end)

describe("a trace", function()
  local trace = "\30\0315 \31do_compile source main\31/work\31make all\n" ..
    "\30\30\0317 5 \31helper do_compile source main\31/work/sub\31false 'a b'\n" ..
    "\30\0319 \31moonsand_end source\31/work\31printf x\n"

  it("gives the last command that is not a report", function()
    local last = script.last(trace)
    assert.are.equal("false 'a b'", last.command)
    assert.are.equal("/work/sub", last.cwd)
    assert.are.same({7, 5}, last.lines)
  end)

  it("leads to the line in the task's own function", function()
    local scripts = {["run.do_compile"] = {functions = {"do_compile", "helper"}, pieces = {
      {name = "do_compile", first = 4, last = 6, file = "p.bb", line = 10},
      {name = "helper", first = 7, last = 8, file = "base.bbclass", line = 1},
    }}}
    assert.are.equal("p.bb:12", script.place(script.last(trace), scripts))
  end)

  it("that is empty gives nothing", function()
    assert.is_nil(script.last "")
  end)
end)
