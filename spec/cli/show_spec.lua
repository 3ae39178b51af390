local format = require "moonsand.cli.show.format"
local json = require "moonsand.cli.show.json"
local plain = require "moonsand.cli.show.plain"
local screen = require "spec.support.screen"
local tty = require "moonsand.cli.show.tty"

local function ended(task, outcome, seconds, more)
  local event = {event = "task_ended", task = task, outcome = outcome, seconds = seconds}
  for key, value in pairs(more or {}) do event[key] = value end
  return event
end

local function started(total)
  return {event = "build_started", total = total, targets = {"zlib"}}
end

describe("numbers on the screen", function()
  it("are short", function()
    assert.are.equal("2.1s", format.duration(2.14))
    assert.are.equal("1m00s", format.duration(59.97))
    assert.are.equal("4m10s", format.duration(250))
    assert.are.equal("2h05m", format.duration(7500))
    assert.are.equal("12:03", format.clock(723.9))
    assert.are.equal("[  7/128]", format.counter(7, 128))
  end)

  it("are rounded when they are guesses", function()
    assert.are.equal("~5s", format.about(1))
    assert.are.equal("~40s", format.about(41.9))
    assert.are.equal("~2m", format.about(130))
    assert.are.equal("~1h05m", format.about(3900))
  end)

  it("become links where the terminal knows them", function()
    assert.are.equal("\27]8;;file:///a/b%20c.bb\27\\c.bb:1\27]8;;\27\\",
      format.link("c.bb:1", "/a/b c.bb:1", true))
    assert.are.equal("c.bb:1", format.link("c.bb:1", "/a/c.bb:1", false))
    assert.are.equal("c.bb:1", format.link("c.bb:1", "c.bb:1", true))
  end)

  it("are cut by characters, not bytes", function()
    assert.are.equal("äöü", format.fit("äöü", 3))
    assert.are.equal("äö…", format.fit("äöüß", 3))
  end)
end)

describe("what came out otherwise", function()
  local function shown(module, list)
    local options = screen.show {logs = {l = "x: error: y\n"}}
    local listener = module.new(options)
    local start = started(1)
    start.checks = #list
    listener:event(start)
    for _, event in ipairs(list) do
      event.event, event.seconds = "task_checked", 1
      options.now = options.now + 1
      listener:event(event)
    end
    listener:event {event = "build_ended", ok = false, seconds = 2,
      counts = {ok = 1, same = 1, differs = 1, excused = 0}}
    return options.written()
  end

  local function differs(more)
    local event = {task = "a:b", outcome = "differs", where = "/r/a.bb:2", kept = "/k", log = "l"}
    for key, value in pairs(more) do event[key] = value end
    return event
  end

  local block = "\na:b is not reproducible: run once more, it came out otherwise\n" ..
    "  /r/a.bb:2\n\n" ..
    "    /t                                                               byte 3 of 9\n" ..
    "      \"10\"\n      \"12\"\n      → a time of day\n" ..
    "    /m                                                        mode 0644 and 0600\n" ..
    "    /n                                             file only in the first result\n" ..
    "\n  second result /k\n  second log    l\n" ..
    "  excuse it     do_b[unreproducible] = \"why\"\n"

  local list = {
    {path = "/t", what = "content", old = 9, new = 9, offset = 2, old_text = '"10"',
      new_text = '"12"', clues = {"a time of day"}},
    {path = "/m", what = "mode", old = "0644", new = "0600"},
    {path = "/n", what = "first", old = "file"},
  }

  it("is shown with paths, places, values and what to do", function()
    local text = shown(plain, {{task = "c:d", outcome = "same"},
      differs {differences = list, count = 3}})
    assert.are.equal("[1/3] c:d same 1.0s\n[2/3] a:b differs 1.0s\n" .. block ..
      "1 task: 1 ok, 0 cached, 0 failed, 0 not started in 2.0s\n" ..
      "2 run once more: 1 the same, 1 differs, 0 excused\n", text)
  end)

  it("is told with the reason, when it is excused", function()
    local text = shown(plain, {{task = "a:b", outcome = "excused", reason = "lots are drawn"}})
    assert.is_truthy(text:find("[1/2] a:b excused 1.0s   lots are drawn\n", 1, true), text)
  end)

  it("is shown with the lines of the log, when the second run failed", function()
    local text = shown(plain, {differs {command = "false", exit_code = 1}})
    assert.is_truthy(text:find("run once more, it failed\n  /r/a.bb:2\n\n    false\n" ..
      "  │ x: error: y\n\n  second result /k\n", 1, true), text)
  end)

  it("is above the footer of a terminal", function()
    local text = shown(tty, {differs {differences = list, count = 3}})
    assert.is_truthy(text:find("a:b                 differs  1.0s\n", 1, true), text)
    assert.is_truthy(text:find(block, 1, true), text)
  end)
end)

describe("the plain listener", function()
  it("writes a line for each task that ended", function()
    local options = screen.show()
    local listener = plain.new(options)
    listener:event(started(12))
    listener:event {event = "task_started", task = "zlib:fetch"}
    listener:event(ended("zlib:fetch", "cached"))
    listener:event(ended("zlib:configure", "ok", 2.1))
    assert.are.equal("[ 1/12] zlib:fetch cached\n[ 2/12] zlib:configure ok 2.1s\n",
      options.written())
  end)

  it("writes what an audit found with its place, and what to do about it", function()
    local event = {event = "audit_finding", text = "a opens b.h of 'b'", fix = 'DEPENDS += "b"',
      where = "/r/a.bb:3"}
    for _, listener in ipairs {plain, tty} do
      local options = screen.show {here = "/r"}
      local own = listener.new(options)
      own:event(event)
      own:close()
      assert.matches("audit: a opens b.h of 'b'  +a.bb:3\n    DEPENDS %+= \"b\"\n",
        options.written())
      options = screen.show {quiet = true}
      own = listener.new(options)
      own:event(event)
      own:close()
      assert.are.equal("", options.written())
    end
  end)

  it("writes what a task says to who builds, unless it shows the whole log", function()
    local function said(options)
      local show = screen.show(options)
      local listener = plain.new(show)
      for _, level in ipairs {"plain", "note", "warn", "error", "debug"} do
        listener:event {event = "task_message", task = "a:compile", level = level, text = "x\n"}
      end
      return show.written()
    end
    assert.are.equal("a:compile: x\nwarning: a:compile: x\nerror: a:compile: x\n", said())
    assert.are.equal("", said {verbose = true})
    assert.are.equal("error: a:compile: x\n", said {quiet = true})
  end)

  it("says after a minute of silence what still runs", function()
    local options = screen.show()
    local listener = plain.new(options)
    listener:event(started(2))
    listener:event {event = "task_started", task = "b:compile"}
    options.now = 10
    listener:event {event = "task_started", task = "a:compile"}
    options.now = 59
    listener:tick()
    assert.are.equal("", options.written())
    options.now = 60
    listener:tick()
    assert.are.equal("still running: b:compile 1m00s, a:compile 50.0s\n", options.written())
    options.now = 61
    listener:tick()
    assert.are.equal("", options.written())
  end)

  it("repeats the failures when something came after them", function()
    local options = screen.show {logs = {l = "x: error: y\n"}}
    local listener = plain.new(options)
    listener:event(started(2))
    listener:event(ended("a:b", "failed", 1, {exit_code = 1, log = "l"}))
    listener:event(ended("c:d", "ok", 1))
    options.written()
    listener:event {event = "build_ended", ok = false, seconds = 2, counts = {ok = 1, failed = 1}}
    assert.are.equal("\na:b failed after 1.0s: exit 1\n\n  │ x: error: y\n\n" ..
      "  moonsand log   a:b      1 line\n" ..
      "2 tasks: 1 ok, 0 cached, 1 failed, 0 not started in 2.0s\n", options.written())
  end)

  it("prefixes the lines of the logs when asked for everything", function()
    local options = screen.show {verbose = true}
    local listener = plain.new(options)
    listener:event {event = "task_log", task = "a:b", text = "one\ntw"}
    listener:event {event = "task_log", task = "a:b", text = "o\n"}
    assert.are.equal("a:b | one\na:b | two\n", options.written())
  end)

  it("says nothing of success when asked to be quiet", function()
    local options = screen.show {quiet = true}
    local listener = plain.new(options)
    listener:event(started(1))
    listener:event(ended("a:b", "ok", 1))
    listener:event {event = "task_started", task = "a:c"}
    options.now = 100
    listener:tick()
    listener:event {event = "build_ended", ok = true, seconds = 1, counts = {ok = 1}}
    assert.are.equal("", options.written())
  end)
end)

describe("the listener for a terminal", function()
  it("draws a footer with the longest-running task first", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(10))
    options.written()
    options.now = 1
    listener:event {event = "task_started", task = "zlib:compile"}
    options.now = 42
    listener:event {event = "task_started", task = "lua:fetch"}
    options.now = 43
    listener:event {event = "task_log", task = "zlib:compile", text = "cc a.c\ncc b.c\n\n"}
    options.written()
    options.now = 44
    listener:tick()
    assert.are.equal("\r\27[2A\27[J" ..
      "[ 0/10] 2 running · 0 cached · 0 failed · 44.0s\n" ..
      "  zlib:compile   0:43  cc b.c\n" ..
      "  lua:fetch      0:02  ", options.written())
  end)

  it("puts finished tasks above the footer", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(2))
    assert.are.equal("[0/2] 0 running · 0 cached · 0 failed · 0.0s", options.written())
    options.now = 1
    listener:event(ended("zlib:fetch", "cached"))
    assert.are.equal("\r\27[Jzlib:fetch          cached\n" ..
      "[1/2] 0 running · 1 cached · 0 failed · 1.0s", options.written())
  end)

  it("redraws at most ten times a second, and only when something changed", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(100))
    options.written()
    for i = 1, 20 do
      options.now = i / 1000
      listener:event(ended("a:t" .. i, "ok", 0))
    end
    assert.are.equal("", options.written())
    options.now = 0.2
    listener:tick()
    local _, count = options.written():gsub("\27%[J", "")
    assert.are.equal(1, count)
  end)

  it("never takes more than a third of the screen, nor more than a line's width", function()
    local options = screen.show {rows = 12, columns = 30}
    local listener = tty.new(options)
    listener:event(started(100))
    for i = 1, 20 do listener:event {event = "task_started", task = ("a:t%02d"):format(i)} end
    listener:event {event = "task_log", task = "a:t01", text = ("x"):rep(200)}
    options.written()
    options.now = 1
    listener:tick()
    local text = options.written():gsub("^.*\27%[J", "")
    local lines = 0
    for line in text:gmatch("[^\n]+") do
      lines = lines + 1
      assert.is_true(utf8.len(line) < 30)
    end
    assert.are.equal(4, lines)
  end)

  it("leaves out what matters least where there is little room", function()
    local options = screen.show {columns = 40}
    local listener = tty.new(options)
    listener:event(started(9))
    listener:event {event = "task_started", task = "a-recipe-with-a-long-name:compile"}
    listener:event {event = "task_log", task = "a-recipe-with-a-long-name:compile", text = "cc x\n"}
    options.written()
    options.now = 1
    listener:tick()
    assert.are.equal("\r\27[J[0/9] 1 running · 1.0s\n  a-recipe-with-a-lon…   0:01  cc x",
      options.written())
  end)

  it("says about how long it still takes, and counts down between events", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(9))
    listener:event {event = "task_started", task = "a:b", left = 130}
    options.written()
    options.now = 61
    listener:tick()
    assert.is_truthy(options.written():find(" · 1m01s · ~1m left\n", 1, true))
    options.now = 140
    listener:tick()
    assert.is_nil(options.written():find("left", 1, true))
  end)

  it("takes away all of a footer that the narrower window has wrapped", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(9))
    listener:event {event = "task_started", task = "a:b"}
    listener:event {event = "task_log", task = "a:b", text = ("x"):rep(79) .. "\n"}
    options.now = 1
    listener:tick()
    options.written()
    options.columns, options.now = 40, 2
    listener:tick()
    -- 46 columns and 79 are two rows of 40 each.
    assert.is_truthy(options.written():find("^\r\27%[3A\27%[J"))
  end)

  it("goes away for somebody else who writes, and comes back", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(9))
    listener:event {event = "task_started", task = "a:b"}
    listener:pause()
    assert.matches("\27%[J$", options.written())
    options.now = 1
    listener:tick()
    assert.matches("^%[0/9%] 1 running", options.written())
  end)

  it("leaves only the summary when the build ended", function()
    local options = screen.show()
    local listener = tty.new(options)
    listener:event(started(1))
    listener:event {event = "task_started", task = "a:b"}
    options.written()
    listener:event(ended("a:b", "ok", 0.5))
    listener:event {event = "build_ended", ok = true, seconds = 0.5, counts = {ok = 1}}
    assert.are.equal("\r\27[J" .. "a:b                 ok     0.5s\n" ..
      "1 task: 1 ok, 0 cached, 0 failed, 0 not started in 0.5s\n", options.written())
    listener:close()
    assert.are.equal("", options.written())
  end)
end)

describe("the listener for machines", function()
  it("writes one line of JSON for each event", function()
    local options = screen.show()
    local listener = json.new(options)
    listener:event {event = "task_ended", task = "a:b", outcome = "ok", time = 1764000000123456789}
    assert.are.equal(
      '{"event":"task_ended","time":1764000000123456789,"task":"a:b","outcome":"ok"}\n',
      options.written())
  end)

  it("has each key once, whatever else has one of that name", function()
    local line
    json.new({write = function(text) line = text end}):event {event = "audit_finding",
      kind = "write", path = "usr/x"}
    assert.are.equal('{"event":"audit_finding","kind":"write","path":"usr/x"}\n', line)
  end)

  it("writes UTF-8 whatever a task printed", function()
    local options = screen.show()
    json.new(options):event {event = "task_log", task = "a:b", text = "\xff\n"}
    assert.are.equal('{"event":"task_log","task":"a:b","text":"\\ufffd\\n"}\n', options.written())
  end)
end)
