local decide = require "moonsand.build.decide"
local project = require "spec.support.project"
local text = require "moonsand.text"
local why = require "moonsand.build.why"

local function decision(fields)
  local all = {cause = "changed", changes = {}, inputs = {}, same = {}}
  for name, value in pairs(fields) do all[name] = value end
  return all
end

describe("the sentence of a decision", function()
  it("names the variable and both of its values", function()
    assert.are.equal('CFLAGS is "-O3", was "-O2"', why.sentence(decision {
      changes = {{kind = "variable", name = "CFLAGS", old = "-O2", new = "-O3"}}}))
  end)

  it("puts what a person changed before what follows from it", function()
    assert.are.equal('CFLAGS is "-O3", was "-O2", and 2 more', why.sentence(decision {
      changes = {
        {kind = "host", name = "libc", old = "a", new = "b"},
        {kind = "variable", name = "CFLAGS", old = "-O2", new = "-O3"},
      },
      inputs = {{task = "zlib:install", old = "a", new = "b"}},
    }))
  end)

  it("shortens digests", function()
    assert.are.equal("archive x.tar is bbbbbbbb…, was aaaaaaaa…", why.sentence(decision {
      changes = {{kind = "source", name = "archive x.tar", old = ("a"):rep(64),
        new = ("b"):rep(64)}}}))
  end)

  it("says what is new and what is gone", function()
    assert.are.equal("A is new", why.sentence(decision {
      changes = {{kind = "variable", name = "A", new = "1"}}}))
    assert.are.equal("A is gone", why.sentence(decision {
      changes = {{kind = "variable", name = "A", old = "1"}}}))
  end)

  it("names the task that came out anew, or is going to run", function()
    local link = {task = "zlib:install", old = "a", new = "b"}
    assert.are.equal("zlib:install came out anew", why.sentence(decision {inputs = {link}}))
    link.pending = true
    assert.are.equal("zlib:install runs", why.sentence(decision {inputs = {link}}))
  end)
end)

describe("the lines that changed", function()
  it("are those that came and went, in their order", function()
    assert.are.same({"-b", "+B", "+e"}, text.changes("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n"))
    assert.are.same({}, text.changes("a\n", "a\n"))
    assert.are.same({"-x"}, text.changes("a\nx\na\n", "a\na\n"))
  end)
end)

local files = {
  ["hello/hello_1.0.bb"] = [[
SRC_URI = "file://hello.h"
B = "${WORKDIR}"
GREETING = "hello"
do_compile() {
    echo "${GREETING}" >hello.txt
}
do_install() {
    install -D -m 0644 hello.txt "${D}${includedir}/hello.txt"
}
]],
  ["hello/files/hello.h"] = "one\n",
  ["moon/moon_1.0.bb"] = [[
DEPENDS = "hello"
MOON = "full"
do_compile() {
    cat ${STAGING_INCDIR}/hello.txt
    echo "${MOON}"
}
]],
}

describe("why a task ran", function()
  local here

  before_each(function()
    here = project.new()
    here:write(files)
  end)
  after_each(function() here:close() end)

  local function ask(task)
    local builder <close> = here:builder()
    return builder:why(task)
  end

  local function replace(name, old, new)
    here:write {[name] = (files[name]:gsub(old, new))}
  end

  it("has both values and both places of a variable", function()
    here:build {"moon"}
    replace("moon/moon_1.0.bb", 'MOON = "full"', '\nMOON = "new"')
    here:build {"moon"}
    local change = ask("moon:compile").changes[1]
    assert.are.same({
      kind = "variable", name = "MOON", old = "full", new = "new",
      where = here.path .. "/recipes/moon/moon_1.0.bb:3",
      old_where = here.path .. "/recipes/moon/moon_1.0.bb:2",
    }, change)
  end)

  it("leads over the tasks in between to what somebody changed", function()
    here:build {"moon"}
    replace("hello/hello_1.0.bb", '"hello"', '"hullo"')
    here:build {"moon"}
    local found, seen = ask "moon:compile", {}
    while found.links[1] do
      found = found.links[#found.links].because
      seen[#seen + 1] = found.task
    end
    assert.are.equal("GREETING", found.changes[1].name)
    assert.are.equal("hullo", found.changes[1].new)
    assert.are.equal("hello:compile", seen[#seen])
  end)

  it("answers for a build before, whatever was built of the others since then", function()
    here:build {"moon"}
    replace("hello/hello_1.0.bb", '"hello"', '"hullo"')
    here:build {"moon"}
    replace("hello/hello_1.0.bb", '"hello"', '"hallo"')
    here:build {"hello"}
    local found = ask "moon:compile"
    while found.links[1] do found = found.links[#found.links].because end
    assert.are.equal("hullo", found.changes[1].new)
    assert.are.equal("hello", found.changes[1].old)
  end)

  it("does not name a task that came out the same", function()
    here:build {"moon"}
    replace("hello/hello_1.0.bb", "echo", "echo ")
    replace("moon/moon_1.0.bb", '"full"', '"new"')
    here:build {"moon"}
    local found = ask "moon:compile"
    assert.are.equal("MOON", found.changes[1].name)
    assert.are.same({}, found.links)
  end)

  it("is written down before the task runs, so that it answers after a failure", function()
    here:build {"moon"}
    replace("moon/moon_1.0.bb", 'echo "${MOON}"', "false")
    assert.is_false(here:build({"moon"}).ok)
    assert.are.equal("do_compile", ask("moon:compile").changes[1].name)
  end)

  it("says that it was not built, was asked for, or that its result was gone", function()
    here:build {"moon"}
    assert.are.equal("new", ask("moon:compile").cause)
    here:build({"moon"}, {force = {"moon:compile"}})
    assert.are.equal("asked", ask("moon:compile").cause)
    os.execute(("rm -rf '%s/store'"):format(here.path))
    here:build {"moon"}
    assert.are.equal("gone", ask("moon:compile").cause)
  end)

  it("names the task that was asked for and came out otherwise", function()
    replace("hello/hello_1.0.bb", 'echo "${GREETING}"', "date +%%N")
    here:build {"moon"}
    here:build({"moon"}, {force = {"hello:compile"}})
    local found, last = ask "moon:compile", nil
    while found.links[1] do found, last = found.links[1].because, found.links[1].task end
    assert.are.equal("hello:compile", last)
    assert.are.equal("asked", found.cause)
  end)

  it("is told of a result that another build directory made", function()
    here:build {"moon"}
    replace("moon/moon_1.0.bb", '"full"', '"new"')
    here:build {"moon"}
    local builder <close> = here:builder {directory = here.path .. "/elsewhere"}
    assert.are.equal("MOON", builder:why("moon:compile").changes[1].name)
  end)

  it("is nothing for a task that never ran", function()
    assert.is_nil(ask "moon:compile")
  end)
end)

describe("a decision", function()
  it("reads as it was written", function()
    local one = decision {task = "a:b", time = 1764000000123456789, new = ("a"):rep(64),
      changes = {{kind = "variable", name = "A", old = "x\ty\n", new = "\"ä\""}}}
    assert.are.same(one, decide.decode(decide.encode(one)))
    assert.is_nil(decide.decode "")
    assert.is_nil(decide.decode "moonsand result 1\n")
  end)
end)
