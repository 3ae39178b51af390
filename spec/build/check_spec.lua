local clue = require "moonsand.build.clue"
local core = require "moonsand.core"
local project = require "spec.support.project"
local read = require("moonsand.text").read

local function task(body, more)
  return "deltask fetch unpack patch install populate_sysroot\n" .. body .. (more or "")
end

local files = {
  ["same/same_1.bb"] = task("do_configure() {\n    echo it > it\n}\n",
    "do_compile() {\n    ls > list\n}\n"),
  ["lots/lots_1.bb"] = task("do_compile() {\n    date +%T > time\n    touch $$\n}\n"),
  ["said/said_1.bb"] = task("do_compile() {\n    echo $$ > id\n}\n",
    'do_compile[unreproducible] = "an id is drawn"\n'),
  ["order/order_1.bb"] = task("do_configure() {\n    seq 40 | xargs touch\n}\n",
    "do_compile() {\n    find . -type f > names\n}\n"),
  ["fails/fails_1.bb"] = task("do_compile() {\n    test $$ -lt 10\n}\n",
    'do_compile[unreproducible] = "this is no excuse for a failure"\n'),
}

describe("a build that checks", function()
  local here, summary, checked

  setup(function()
    here, checked = project.new(), {}
    here:write(files)
    here:build {"same:compile", "said:compile"}
    summary = here:build({"same:compile", "lots:compile", "said:compile", "order:compile",
      "fails:compile"}, {check = true, jobs = 2})
    for _, one in ipairs(summary.checked) do checked[one.task] = one end
  end)
  teardown(function() here:close() end)

  local function difference(name, path)
    for _, one in ipairs(checked[name].differences) do
      if one.path == path then return one end
    end
  end

  it("finds nothing in tasks that come out the same, whether they were known or not", function()
    assert.are.equal("same", checked["same:configure"].outcome)
    assert.are.equal("same", checked["same:compile"].outcome)
    assert.are.equal("cached", summary.outcomes["same:compile"])
  end)

  it("fails for a task that writes the time, with the path, the byte, both values and a clue",
    function()
      assert.is_false(summary.ok)
      local one = difference("lots:compile", "/build/time")
      assert.are.equal("content", one.what)
      assert.are.same({9, 9}, {one.old, one.new})
      assert.is_true(one.offset < 8)
      assert.matches('^"%d%d:%d%d:%d%d"$', one.old_text)
      assert.are_not.equal(one.old_text, one.new_text)
      assert.are.same({"a time of day"}, one.clues)
      assert.matches("lots_1%.bb:2$", checked["lots:compile"].where)
    end)

  it("gives the second run other process ids, and names what only one of both has", function()
    local seen = {}
    for _, one in ipairs(checked["lots:compile"].differences) do seen[one.what] = one.path end
    assert.matches("^/build/%d+$", seen.first)
    assert.matches("^/build/%d+$", seen.second)
    assert.are.equal(3, checked["lots:compile"].count)
  end)

  it("lists files in another order", function()
    assert.are.equal("same", checked["order:configure"].outcome)
    local one = difference("order:compile", "/build/names")
    assert.are.same({"the same lines in another order"}, one.clues)
  end)

  it("excuses a task whose recipe says why", function()
    assert.are.equal("excused", checked["said:compile"].outcome)
    assert.are.equal("an id is drawn", checked["said:compile"].reason)
  end)

  it("tells a second run that fails from one that differs", function()
    local one = checked["fails:compile"]
    assert.are.same({"differs", 1, nil}, {one.outcome, one.exit_code, one.differences})
    assert.are.equal("ok", summary.outcomes["fails:compile"])
  end)

  it("counts them", function()
    local counts = summary.counts
    assert.are.same({6, 3, 1}, {counts.same, counts.differs, counts.excused})
  end)

  it("leaves the first result in the store, and the second one beside it", function()
    local one = difference("lots:compile", "/build/time")
    local builder <close> = here:builder()
    local record = builder:node("lots:compile").record
    local time = assert(read(builder.store:layer(record.layer).path .. "/build/time"))
    assert.are.equal(one.old_text, ('"%s"'):format(time:sub(1, -2)))
    time = assert(read(checked["lots:compile"].kept .. "/build/time"))
    assert.are.equal(one.new_text, ('"%s"'):format(time:sub(1, -2)))
    local layers, count = {}, 0
    for _, known in pairs(summary.results) do
      if known.layer and not layers[known.layer] then layers[known.layer], count = 1, count + 1 end
    end
    assert.are.equal(count, #here:stored "layers")
  end)

  it("is not asked to run again what the target's recipe depends on", function()
    here:write {["upon/upon_1.bb"] = task("do_compile() {\n    :\n}\n",
      'do_compile[depends] = "lots:do_compile"\n')}
    local other = here:build({"upon:compile"}, {check = true})
    assert.is_true(other.ok)
    for _, one in ipairs(other.checked) do assert.matches("^upon:", one.task) end
  end)
end)

describe("a clue", function()
  local dir

  before_each(function() dir = assert(core.mkdtemp "/tmp/moonsand-spec.") end)
  after_each(function() assert(core.remove_tree(dir)) end)

  local function of(old, new, offset)
    for name, text in pairs {old = old, new = new} do
      local file <close> = assert(io.open(dir .. "/" .. name, "wb"))
      file:write(text)
    end
    return clue.of {old = dir .. "/old", new = dir .. "/new", places = {"/srv/store"},
      difference = {old = #old, new = #new, offset = offset, old_bytes = old, new_bytes = new}}
  end

  it("knows times, dates and temporary files by their looks", function()
    assert.are.same({"a date"}, of("on 2026-01-02 x", "on 2026-01-03 x", 12))
    assert.are.same({"a time of day", "a date"},
      of("Nov 24 2026 12:00:01", "Nov 25 2026 12:00:02", 5))
    assert.are.same({"seconds since 1970"}, of("t=1790000001;", "t=1790000002;", 11))
    assert.are.same({"the name of a temporary file"}, of("/tmp/ccAb.o: x", "/tmp/ccBc.o: x", 7))
    assert.are.same({}, of("2026-01-02 a", "2026-01-02 b", 11))
  end)

  it("knows the time in the head of a gzip file", function()
    local list = of("\31\139\8\8\1\0\0\0", "\31\139\8\8\2\0\0\0", 4)
    assert.matches("gzip %-n", list[1])
  end)

  it("knows the path of a build, and words in another order", function()
    assert.are.same({"the path of a build: /srv/store"}, of("a /srv/store/x", "a /work", 3))
    assert.are.same({"the same words in another order"}, of("a b c\n", "c a b\n", 0))
  end)

  it("shows a line of text, or bytes", function()
    assert.are.equal('"b 1"', clue.piece("a\nb 1\nc", 5))
    assert.are.equal("00 01 ff", clue.piece("x\0\1\255", 2))
    assert.are.equal("its end", clue.piece("", 1))
  end)
end)
