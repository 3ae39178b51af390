local complete = require "moonsand.repl.complete"
local prompts = require "spec.support.prompt"

local prompt, session

before_each(function()
  prompt = prompts.new()
  session = prompt.session
end)
after_each(function() prompt:close() end)

--- The candidates for what is before the cursor.
local function candidates(text) return (complete.candidates(session, text)) end

describe("a completion", function()
  it("knows keywords, globals of Lua, parts of the toolkit, and what was made", function()
    prompt:talk "recently = 1"
    assert.are.same({"recently", "recipe", "repeat", "require", "return"}, candidates "x = re")
    assert.are.same({"end"}, candidates "for i = 1, 2 do print(i) en")
  end)

  it("knows the fields of tables, modules and live objects, also of fields", function()
    prompt:talk("t = {first = {second = 1}, ['no name'] = 1}", "box = sandbox {}")
    assert.are.same({"first"}, candidates "t.")
    assert.are.same({"second"}, candidates "print(t.first.s")
    assert.are.same({"layers"}, candidates "box.la")
    assert.are.same({"format"}, candidates "string.form")
    assert.are.same({"new"}, candidates "sandbox.n")
    assert.are.same({"sandbox", "scope"}, candidates "moonsand.s")
    assert.are.same({}, candidates "nosuch.field.")
  end)

  it("offers functions only after a colon", function()
    prompt:talk("box = sandbox {}", "word = 'x'")
    assert.are.same({"files", "fork", "freeze"}, candidates "box:f")
    assert.are.same({}, candidates "box:lay")
    assert.are.same({"upper"}, candidates "word:up")
  end)

  it("knows the variables of a live recipe", function()
    prompt:talk "r = recipe 'zlib'"
    assert.are.same({"SRC_URI"}, candidates "r.SRC_UR")
  end)

  it("calls no function, and survives an index that raises", function()
    prompt:talk "bad = setmetatable({}, {__index = function() error 'no' end})"
    assert.are.same({}, candidates "bad.x.y")
    assert.are.same({}, candidates "os.exit().")
  end)

  it("knows paths inside of a sandbox in what it is to run", function()
    prompt:talk("box = sandbox {}", "box:run 'mkdir -p deep/er; echo >deep/file'")
    assert.are.same({"/work/deep/"}, candidates "box:run 'ls /work/d")
    assert.are.same({"deep/er/", "deep/file"}, candidates "box:run('cat deep/")
    assert.are.same({"/work/deep/er/"}, candidates [[for n in box:files "/work/deep/e]])
  end)

  it("knows paths outside in other strings", function()
    prompt.dir:file("some/file", "")
    assert.are.same({prompt.dir.path .. "/some/"},
      candidates("io.open '" .. prompt.dir.path .. "/so"))
  end)

  it("knows names of recipes, tasks and layers where they are asked for", function()
    prompt:talk("box = sandbox {}", "box:freeze 'toolbox'")
    assert.are.same({"zlib"}, candidates "recipe 'zli")
    assert.are.same({"zlib:compile", "zlib:configure"}, candidates ":log zlib:co")
    assert.are.same({"toolbox"}, candidates "layer 'too")
  end)

  it("knows the commands, the live sandboxes that they take, and the options of verbs", function()
    prompt:talk "box = sandbox {}"
    assert.are.same({"fork", "freeze"}, candidates ":f")
    assert.are.same({"box"}, candidates ":fork b")
    assert.are.same({"--follow"}, candidates ":log --fo")
    assert.are.same({"where", "why"}, candidates ":help wh")
  end)

  it("inserts what all candidates share, then shows them", function()
    local insert, show = complete.complete(session, "string.fo", 80)
    assert.are.same({"rmat"}, {insert, show})
    insert, show = complete.complete(session, "string.re", 80)
    assert.is_nil(insert)
    assert.are.equal("rep      reverse\n", show)
  end)

  it("is an indentation at the beginning of a line", function()
    assert.are.equal("  ", (complete.complete(session, "  ", 80)))
  end)

  it("is shown in as many columns as there is room for", function()
    local list = {"aaaa", "bb", "cc", "dd", "ee"}
    assert.are.equal("aaaa  cc    ee\nbb    dd\n", complete.columns(list, 20))
    assert.are.equal("aaaa\nbb\ncc\ndd\nee\n", complete.columns(list, 9))
  end)
end)
