-- The spec sits at the other end of a terminal.
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"
local terminal = require "spec.support.terminal"

local editor = [[
  local core = require "moonsand.core"
  local editor <close> = assert(core.editor "spec")
  editor:add "an older line"
  while true do
    local line = editor:read("> ", function(before, after)
      if before == "raise" then error "ouch" end
      if before == "many" then return nil, "one  two\n" end
      if before == "ab" then return "c" .. after end
    end)
    print(line and "<" .. line .. ">" or tostring(line))
    if line == nil then break end
  end
]]

--- A terminal with an editor, once it asks; `shell` starts the text in its $0.
local function start(text, shell)
  text = text or editor
  local t = terminal.start(shell and {"bash", "-c", shell, text} or {"lua5.4", "-e", text})
  assert(t:shows "> ", t.shown)
  return t
end

--- Type, once the editor has the terminal: before, keys would be the terminal's own.
local function enter(t, keys)
  assert(host.eventually(function() return t:is_raw() end), t.shown)
  t:type(keys)
end

local function shows(t, text)
  assert.is_true(t:shows(text), t.shown)
end

describe("an editor", function()
  it("gives the line that was typed, and edits it with the arrow keys", function()
    local t <close> = start()
    enter(t, "ac\27[Db\r")
    shows(t, "<abc>")
  end)

  it("takes letters that are no ASCII, also where the locale knows ASCII only", function()
    local t <close> = start()
    enter(t, "hürth\27[D\27[D\27[D\127ö\r")
    shows(t, "<hörth>")
  end)

  it("has a history", function()
    local t <close> = start()
    enter(t, "\27[A\r")
    shows(t, "<an older line>")
  end)

  it("inserts what the caller completes", function()
    local t <close> = start()
    enter(t, "ab\t!\r")
    shows(t, "<abc!>")
  end)

  it("shows what the caller wants to be shown, and the line again", function()
    local t <close> = start()
    enter(t, "many\t")
    shows(t, "one  two")
    t:type " more\r"
    shows(t, "<many more>")
  end)

  it("raises what the completion raises, and the terminal is as before", function()
    local t <close> = start()
    enter(t, "raise\t")
    assert.are.equal(1, t:wait().exit_code)
    assert.is_truthy(t.shown:find("ouch", 1, true), t.shown)
    assert.is_false(t:is_raw())
  end)

  it("forgets the line at ctrl-C, wherever the cursor is", function()
    local t <close> = start()
    enter(t, "abc\27[D\27[D\3")
    shows(t, "> abc")
    shows(t, "^C\r\nfalse")
  end)

  it("has no more lines at ctrl-D", function()
    local t <close> = start()
    enter(t, "\4")
    assert.are.equal(0, t:wait().exit_code)
    assert.is_truthy(t.shown:find("nil", 1, true), t.shown)
    assert.is_false(t:is_raw())
  end)

  it("gives the terminal back while it is stopped", function()
    local t <close> = start(editor, [[set -m; lua5.4 -e "$0"; echo "stopped"; fg >/dev/null]])
    enter(t, "half\26")
    shows(t, "stopped")
    enter(t, " a line\r")
    shows(t, "<half a line>")
  end)

  it("gives the terminal back when it is ended by a signal", function()
    local t <close> = start()
    enter(t, "half")
    t.process:kill "TERM"
    assert.are.equal("TERM", t:wait().signal)
    assert.is_false(t:is_raw())
  end)

  it("cannot read twice at a time, nor once it is closed", function()
    local t <close> = start [[
      local core = require "moonsand.core"
      local editor = assert(core.editor "spec")
      editor:read("> ", function() return (select(2, pcall(editor.read, editor, "no "))) end)
      editor:close()
      print(select(2, pcall(editor.read, editor, "no ")))
    ]]
    enter(t, "\t\r")
    assert.are.equal(0, t:wait().exit_code)
    assert.is_truthy(t.shown:find("an editor is reading", 1, true), t.shown)
    assert.is_truthy(t.shown:find("the editor is closed", 1, true), t.shown)
  end)

  it("is not there on a host without the library, which is said", function()
    local library
    for _, name in ipairs(assert(core.readdir "/usr/lib")) do
      library = library or core.realpath("/usr/lib/" .. name .. "/libedit.so.2")
    end
    local result = sandbox.new {
      command = {"lua5.4", "-e", "print(require 'moonsand.core'.editor 'x')"},
      binds = {{source = core.realpath ".", target = "/tree"}}, cwd = "/tree",
      mask = {library}, env = host.environment(), stderr = "stdout",
    }:run()
    assert.matches("^nil\tno library to edit lines with: .*\t2\n$", result.stdout)
  end)
end)

describe("what runs interruptibly", function()
  local function run(text)
    return host.lua([[
      local core = require "moonsand.core"
      local function kill() assert(core.raise "INT") end
    ]] .. text)
  end

  it("gives its results as xpcall does", function()
    assert.are.same({true, 1, nil, 3}, {core.interruptible(function(a) return a, nil, 3 end,
      print, 1)})
    assert.are.same({false, "<x>"}, {core.interruptible(function() error("x", 0) end,
      function(e) return "<" .. e .. ">" end)})
  end)

  it("ends with an error at the signal INT", function()
    assert.are.equal("false\tinterrupted!\nstill here\n", (run [[
      print(core.interruptible(function() kill() while true do end end,
        function(e) return (e:gsub("^.*: ", "")) end))
      print "still here"
    ]]))
  end)

  it("ends also in a coroutine, and while it waits", function()
    assert.are.equal("false\nfalse\n", (run [[
      local function same(e) return e end
      print((core.interruptible(function()
        local co = coroutine.wrap(function() kill() while true do end end)
        co()
      end, same)))
      local pid = core.getpid()
      local child <close> = assert(core.spawn {
        {"exec", argv = {"/bin/sh", "-c", "sleep 0.2; kill -INT " .. pid}, init = false}})
      print((core.interruptible(function()
        while true do core.poll({}, 100) end
      end, same)))
    ]]))
  end)

  it("lets signals through that what ran has blocked", function()
    assert.are.equal("true\nfalse\n", (run [[
      print((core.interruptible(function() core.signals "INT" end, print)))
      print((core.interruptible(function() kill() while true do end end,
        function() end)))
    ]]))
  end)

  it("is as before afterwards: the signal ends the process", function()
    local _, ended = run [[
      io.stderr:close()
      core.interruptible(function() end, print)
      kill()
      while true do end
    ]]
    assert.is_true(ended.signal == "INT" or ended.exit_code ~= 0)
  end)
end)
