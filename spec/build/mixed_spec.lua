local project = require "spec.support.project"
local python = require "moonsand.build.python"
local core = require "moonsand.core"
local recipe = require "moonsand.recipe"

-- A recipe of one task that matters.
local function one(body)
  return "deltask fetch unpack patch configure install populate_sysroot\n" .. body
end

describe("a task", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local function build(body, target)
    here:write {["x/x_1.0.bb"] = one(body)}
    local config <close> = recipe.configure {
      path = {here.path .. "/recipes", core.realpath "recipes"},
      python = python.new(core.realpath "python"),
      variables = {BBFILES = here.path .. "/recipes/*/*.bb"},
    }
    return here:build({target or "x:compile"}, {config = config})
  end

  local function succeeds(body)
    local summary = build(body)
    local log = here:log "x:compile"
    assert.is_true(summary.ok, log)
    return log
  end

  local function fails(body)
    assert.is_false(build(body).ok)
    return here:ended "x:compile"
  end

  local function messages(level)
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "task_message" and event.level == level then
        list[#list + 1] = event.text
      end
    end
    return list
  end

  it("in Python sees the store, and what it sets is seen by the functions after it", function()
    local log = succeeds [[
A = "moon"
do_compile[postfuncs] = "after"
python do_compile() {
    d.setVar("A", d.getVar("A") + "sand")
    print("in python", d.expand("${A}"), os.getcwd())
}
do_compile[dirs] = "${B}/one ${B}/two"
after() {
    echo "in shell ${A}"
}
]]
    assert.matches("in python moonsand /work/build/two\n", log, 1, true)
    assert.matches("in shell moonsand\n", log, 1, true)
  end)

  it("runs functions of every language in BitBake's order", function()
    local log = succeeds [[
do_compile[prefuncs] = "first second"
do_compile[postfuncs] = "last"
python first() {
    print("1 python")
}
second() {
    echo "2 shell"
}
lua do_compile() {
    print("3 lua " .. PN)
    call("helper")
}
python helper() {
    print("4 called")
    bb.build.exec_func("deeper", d)
}
deeper() {
    echo "5 deeper"
}
last() {
    echo "6 last"
}
]]
    assert.equal("1 python\n2 shell\n3 lua x\n4 called\n5 deeper\n6 last\n", log)
  end)

  it("in Lua has files, programs and messages, all inside of its sandbox", function()
    local log = succeeds [[
do_compile[dirs] = "${B}"
lua do_compile() {
    local file = assert(io.open("made", "w"))
    file:write(d:get("PN"))
    file:close()
    sh "cat made; echo"
    note(capture "pwd")
    warn("careful")
    assert(not io.open("/root/.bashrc"))
}
]]
    assert.matches("x\nNOTE: /work/build\nWARNING: careful\n", log, 1, true)
    assert.are.same({"careful"}, messages "warn")
    assert.are.same({"/work/build"}, messages "note")
  end)

  it("is in the very sandbox of a shell task: no network, nothing of the host's", function()
    local log = succeeds [[
python do_compile() {
    import socket
    print(os.listdir("/sys/class/net") if os.path.exists("/sys/class/net") else [])
    try:
        socket.create_connection(("192.0.2.1", 80), 1)
    except OSError as problem:
        print("no:", problem.errno)
    print(os.path.exists("/root/.bashrc"), bb.process.run("id -u")[0].strip())
}
]]
    assert.matches("no: 101", log, 1, true)
    assert.matches("False 0\n", log, 1, true)
  end)

  it("in Python has sets in one order, whatever seed and paths are for its programs", function()
    local log = succeeds [[
export PYTHONHASHSEED = "7"
export PYTHONPATH = "/work/modules"
export PYTHONHOME = "/nowhere"
export PYTHONSTARTUP
do_compile[prefuncs] = "again"
python again() {
    print("set", "".join({*"abcdefghijklmnop"}), hash("moonsand"), file=open("/work/set", "w"))
    print("environment", *(os.environ.get("PYTHON" + name, "none")
        for name in ("HASHSEED", "PATH", "HOME", "STARTUP")))
}
python do_compile() {
    import subprocess, sys
    command = "import sys; print('set', ''.join({*'abcdefghijklmnop'}), hash('moonsand'))"
    print(open("/work/set").read() == subprocess.run(["python3", "-c", command], text=True,
        stdout=subprocess.PIPE, env={"PYTHONHASHSEED": "0"}).stdout)
    print("path", "/work/modules" in sys.path, os.environ.get("MOONSAND_KEPT_PYTHONPATH"))
}
]]
    assert.matches("environment 7 /work/modules /nowhere none\nTrue\n", log, 1, true)
    assert.matches("path False None\n", log, 1, true)
  end)

  it("keeps what Python made as its result", function()
    local body = [[
do_compile[dirs] = "${B}"
python do_compile() {
    bb.utils.mkdirhier("a/b")
    with open("a/b/c", "w") as file:
        file.write("made by python")
}
addtask show after do_compile
do_show() {
    cat ${B}/a/b/c
}
]]
    succeeds(body)
    local summary = build(body, "x:show")
    assert.is_true(summary.ok)
    assert.are.equal("cached", summary.outcomes["x:compile"])
    assert.matches("made by python", here:log "x:show", 1, true)
  end)

  it("that fails in Python names the line and the exception", function()
    local event = fails "python do_compile() {\n    x = 1\n    raise KeyError('arm')\n}\n"
    assert.are.equal(here.path .. "/recipes/x/x_1.0.bb:4", event.where)
    assert.matches("KeyError: 'arm'", event.message, 1, true)
    assert.matches("KeyError", here:log "x:compile", 1, true)
  end)

  it("that fails in Lua names the line", function()
    local event = fails "lua do_compile() {\n    local x = 1\n    error('too bad')\n}\n"
    assert.are.equal(here.path .. "/recipes/x/x_1.0.bb:4", event.where)
    assert.matches("too bad", event.message, 1, true)
  end)

  it("that fails in a shell function between others names its command and line", function()
    local event = fails [[
do_compile[prefuncs] = "first"
first() {
    true
    ls /nothing/there
}
python do_compile() {
    print("not reached")
}
]]
    assert.are.equal(here.path .. "/recipes/x/x_1.0.bb:5", event.where)
    assert.are.equal("ls /nothing/there", event.command)
    assert.is_nil(here:log("x:compile"):find("not reached\n", 1, true))
  end)

  it("ends with bb.fatal's own words", function()
    local event = fails "python do_compile() {\n    bb.fatal('no moon today')\n}\n"
    assert.are.equal("no moon today", event.message)
  end)

  it("says what bbnote and its kin say in the log, and tells who builds", function()
    local log = succeeds [[
do_compile() {
    bbnote "a note"
    x=$(bbwarn "a warning"; echo captured)
    echo "$x"
    bberror "an error"
    bbplain "plain words"
    bbdebug 1 "details"
}
]]
    assert.are.equal("NOTE: a note\nWARNING: a warning\ncaptured\nERROR: an error\nplain words\n" ..
      "DEBUG: details\n", log)
    assert.are.same({"a warning"}, messages "warn")
    assert.are.same({"an error"}, messages "error")
    assert.are.same({"plain words"}, messages "plain")
  end)

  it("ends at bbfatal, and at its place", function()
    local event = fails "do_compile() {\n    true\n    bbfatal 'over'\n}\n"
    assert.are.equal(here.path .. "/recipes/x/x_1.0.bb:4", event.where)
    assert.are.same({"over"}, messages "error")
  end)

  it("tells how far it is", function()
    succeeds [[
python do_compile() {
    import bb.progress
    reporter = bb.progress.MultiStageProgressReporter(d, [1, 3])
    reporter.next_stage()
    reporter.next_stage(10)
    reporter.update(5)
    reporter.finish()
}
]]
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "task_progress" then list[#list + 1] = event.percent end
    end
    assert.are.same({0, 25, 62, 100}, list)
  end)

  it("in Python runs again when what it calls has changed, and only then", function()
    local body = [[
def words(d):
    return "%s"
B1 = "b"
python helper() {
    print(words(d), d.getVar("B1"))
}
python do_compile() {
    bb.build.exec_func("helper", d)
}
]]
    build(body:format "one")
    assert.are.equal("cached", build(body:format "one").outcomes["x:compile"])
    assert.are.equal("ok", build(body:format "two").outcomes["x:compile"])
    local other = (body:format "two"):gsub('B1 = "b"', 'B1 = "c"')
    assert.are.equal("ok", build(other, "x:compile").outcomes["x:compile"])
  end)

  it("in Python has the packages of metadata layers, and runs again when one changed", function()
    local function outcome(text)
      here:write {
        ["conf/spec.conf"] = "", ["lib/pk/__init__.py"] = 'BBIMPORTS = ["deep"]\n',
        ["lib/pk/deep.py"] = 'def word():\n    return "' .. text .. '"\n',
        ["x/x_1.0.bb"] = one "python do_compile() {\n    print(pk.deep.word())\n}\n",
      }
      local config <close> = recipe.configure {
        path = {here.path .. "/recipes", core.realpath "recipes"},
        python = python.new(core.realpath "python"),
        variables = {BBFILES = here.path .. "/recipes/*/*.bb"},
      }
      config.data.python:library(here.path .. "/recipes/lib", "pk", "")
      return here:build({"x:compile"}, {config = config}).outcomes["x:compile"]
    end
    assert.are.equal("ok", outcome "moon")
    assert.are.equal("moon\n", here:log "x:compile")
    assert.are.equal("cached", outcome "moon")
    assert.are.equal("ok", outcome "sand")
    assert.are.equal("sand\n", here:log "x:compile")
  end)

  it("has logs and run scripts by BitBake's names, and a list of their order", function()
    succeeds "do_compile[prefuncs] = 'first'\nfirst() {\n    :\n}\ndo_compile() {\n    echo x\n}\n"
    local place, pid = here.path .. "/build/x/", core.getpid()
    assert.are.equal("log.do_compile." .. pid, core.readlink(place .. "log.do_compile"))
    assert.are.equal("run.do_compile." .. pid, core.readlink(place .. "run.do_compile"))
    assert.is_table(core.stat(place .. "run.do_compile.first." .. pid))
    local lines = assert(io.open(place .. "log.task_order")):read "a"
    assert.matches("^%d+%-%d+%.%d+ do_compile %(%d+%): log%.do_compile%.%d+\n$", lines)
  end)

  it("does not run beside another one that has the same lock file", function()
    local body = one [[
do_compile[lockfiles] = "${WORKDIR}/lock"
python do_compile() {
    import time
    print("begin", time.monotonic_ns())
    time.sleep(0.3)
    print("end", time.monotonic_ns())
}
]]
    here:write {["y/y_1.0.bb"] = body, ["x/x_1.0.bb"] = body}
    local config <close> = recipe.configure {
      path = {here.path .. "/recipes", core.realpath "recipes"},
      python = python.new(core.realpath "python"),
      variables = {BBFILES = here.path .. "/recipes/*/*.bb"},
    }
    assert.is_true(here:build({"x:compile", "y:compile"}, {config = config, jobs = 2}).ok)
    local function times(name)
      local log = here:log(name .. ":compile")
      return tonumber(log:match "begin (%d+)"), tonumber(log:match "end (%d+)")
    end
    local x1, x2 = times "x"
    local y1, y2 = times "y"
    assert.is_true(x2 < y1 or y2 < x1)
  end)

  it("has the network only when its flag says so", function()
    local log = succeeds [[
do_compile[network] = "1"
do_compile[postfuncs] = "show"
python do_compile() {
    print(sorted(os.listdir("/proc/sys/net/ipv4/conf")))
}
show() {
    readlink /proc/self/ns/net
}
]]
    assert.matches(core.readlink "/proc/self/ns/net", log, 1, true)
  end)
end)
