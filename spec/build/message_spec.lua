local message = require "moonsand.build.message"

describe("messages among the output of a task", function()
  local got, splitter

  before_each(function()
    got = {}
    splitter = message.splitter(function(text) got[#got + 1] = text end,
      function(level, text) got[#got + 1] = {level, text} end)
  end)

  local all = "one " .. message.encode("warn", "two\nlines") .. "three\n" ..
    message.encode("progress", "40")

  it("are told from what the programs print, in order", function()
    splitter:take(all)
    assert.are.same({"one ", {"warn", "two\nlines"}, "three\n", {"progress", "40"}}, got)
  end)

  it("may come in pieces of any size", function()
    for i = 1, #all do splitter:take(all:sub(i, i)) end
    local texts, messages = {}, {}
    for _, each in ipairs(got) do
      table.insert(type(each) == "table" and messages or texts, each)
    end
    assert.are.equal("one three\n", table.concat(texts))
    assert.are.same({{"warn", "two\nlines"}, {"progress", "40"}}, messages)
  end)

  it("that never end are output, and so is what only looks like one", function()
    splitter:take "\30moon \30moonsand w never"
    splitter:take " ends"
    splitter:finish()
    assert.are.equal("\30moon \30moonsand w never ends", table.concat(got))
    got = {}
    splitter:take(("\30moonsand w " .. ("x"):rep(1 << 17)))
    assert.are.equal((1 << 17) + 12, #table.concat(got))
  end)

  it("cannot end another message", function()
    splitter:take(message.encode("note", "a\31b\30moonsand e c"))
    assert.are.same({{"note", "a?b?moonsand e c"}}, got)
  end)

  it("carry a failure with its fields", function()
    local failure = {where = "a.bb:4", command = "ls x", cwd = "/work", exit_code = 2,
      message = "it\nfailed"}
    assert.are.same(failure, message.decode_failure(message.encode_failure(failure)))
    assert.are.same({message = "odd"}, message.decode_failure "odd")
  end)
end)
