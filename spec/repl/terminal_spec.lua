-- The prompt at a terminal: the spec sits at the other end of it.
local core = require "moonsand.core"
local host = require "spec.support.host"
local terminal = require "spec.support.terminal"

local dir, t

local function start()
  return terminal.start {"env", "MOONSAND_DIR=" .. dir.path .. "/state", "HOME=" .. dir.path,
    "BBPATH=" .. dir.path .. "/recipes", "bin/moonsand", "repl"}
end

before_each(function()
  dir = host.scratch()
  t = start()
end)
after_each(function()
  t:close()
  dir:close()
end)

--- Type, once the prompt asks; what was shown before does not count any more.
local function enter(keys)
  local function asks()
    t:shows("\0", 0) -- reads what there is
    return t.shown:find "> $" and t:is_raw()
  end
  assert(host.eventually(asks, 30), t.shown)
  t.shown = ""
  t:type(keys)
end

local function shows(text) assert.is_true(t:shows(text), t.shown) end

local function leave()
  enter "\4"
  assert.are.equal(0, t:wait().exit_code)
end

describe("the prompt at a terminal", function()
  it("greets, takes a chunk of several lines, and says goodbye", function()
    assert(t:shows "user namespaces, overlay: ")
    enter "for i = 1, 2 do\r"
    shows ">> "
    enter "print(i * 21) end\r"
    shows "42"
    enter "box = sandbox {}\r"
    shows "sandbox 1"
    leave()
    assert.is_truthy(t.shown:find("closed 1 sandbox\r\n", 1, true), t.shown)
    assert.is_false(t:is_raw())
  end)

  it("completes with Tab", function()
    enter "box = sandbox {}\r"
    enter "box.la\t\r"
    shows "{}"
    enter "string.re\t\t"
    shows "rep"
    shows "reverse"
    t:type "p('x', 3)\r"
    shows '"xxx"'
  end)

  it("forgets the line, and an unfinished chunk, at ctrl-C", function()
    enter "if true then\r"
    shows ">> "
    enter "nonsense\3"
    shows "^C"
    enter "1 + 1\r"
    shows "2"
  end)

  it("stops a loop at ctrl-C, and only that", function()
    enter "x = 7; print('on' .. ' it'); io.flush(); while true do end\r"
    shows "on it"
    t:type "\3"
    shows "interrupted"
    enter "x\r"
    shows "7"
  end)

  it("stops what runs in a sandbox at ctrl-C, and nothing of it is left", function()
    local time = ("1000.%d"):format(core.time_ns())
    enter "box = sandbox {}\r"
    enter("box:run 'echo go\"\"ing; sleep " .. time .. "'\r")
    shows "going"
    t:type "\3"
    shows "interrupted"
    assert.is_true(host.eventually(function() return #host.processes("sleep\0" .. time) == 0 end))
    enter "box:run 'echo again'\r"
    shows "exit 0"
  end)

  it("stops a build at ctrl-C, and the next line can be stopped, too", function()
    dir:file("recipes/slow/slow_1.0.bb",
      "inherit base\ndo_compile() {\n    echo go''ing\n    sleep 1000\n}\n")
    enter(":build -v slow:compile\r")
    shows "going"
    t:type "\3"
    shows "interrupted"
    enter "print('spi' .. 'ns') while true do end\r"
    shows "spins"
    t:type "\3"
    shows "interrupted"
  end)

  it("opens a shell in a live sandbox and has the terminal again afterwards", function()
    enter "box = sandbox {}\r"
    enter ":shell box\r"
    shows "(sandbox 1) /work $ "
    t:type "echo 12345 >made; exit\r"
    shows "\r\nexit\r\n> "
    enter ":diff box\r"
    shows "/work/made"
    leave()
  end)

  it("has the lines of the session before", function()
    enter "'a line of before'\r"
    shows '"a line of before"'
    leave()
    t:close()
    t = start()
    enter "\27[A\r"
    shows '"a line of before"'
    assert.are.equal(384, core.stat(dir.path .. "/.local/state/moonsand/history").mode & 511)
  end)

  it("shows the traceback of a bug, and of nothing else", function()
    enter "error 'mine'\r"
    shows "input:1: mine\r\n> "
    assert.is_nil(t.shown:find("traceback", 1, true))
    enter "require('moonsand.order').keys(nil)\r"
    shows "stack traceback"
    shows "this is a bug in moonsand"
    enter "1\r"
    shows "1"
  end)
end)
