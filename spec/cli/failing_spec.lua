-- What `moonsand build` does about a failure, at a terminal and without one.
local core = require "moonsand.core"
local host = require "spec.support.host"
local terminal = require "spec.support.terminal"

local broken = [[
do_configure() {
    echo configured
}
do_compile() {
    echo before
    test -e /work/mended
}
]]

local function command(dir, words)
  return {"sh", "-c", ("BBPATH='%s/recipes' MOONSAND_DIR='%s/state' LC_ALL=C.UTF-8 " ..
    "exec bin/moonsand %s"):format(dir.path, dir.path, words)}
end

local function shell(dir, text)
  local pipe <close> = assert(io.popen(([[
    exec 2>&1 </dev/null
    M="$PWD/bin/moonsand"
    export BBPATH='%s/recipes' MOONSAND_DIR='%s/state' LC_ALL=C.UTF-8
    %s]]):format(dir.path, dir.path, text)))
  local out = pipe:read("a")
  local _, how, code = pipe:close()
  return out, how == "exit" and code or how
end

local function project()
  local dir = host.scratch()
  dir:file("recipes/broken/broken_1.bb", broken)
  dir:file("recipes/good/good_1.bb", "do_compile() {\n    sleep 0.2\n}\n")
  return dir
end

describe("moonsand build --on-failure=ask", function()
  it("shows the failure and asks; the log, why, a shell, then the rest of the build", function()
    local dir <close> = project()
    local seat <close> = terminal.start(command(dir,
      "build -j1 --on-failure=ask broken:compile good:compile"))
    assert.is_true(seat:shows "[w]hy? ", seat.shown)
    assert.is_truthy(seat.shown:find("broken:compile failed after ", 1, true), seat.shown)
    seat.shown = ""
    seat:type "log\n"
    assert.is_true(seat:shows "before\r\n")
    assert.is_true(seat:shows "[w]hy? ")
    seat.shown = ""
    seat:type "w\n"
    assert.is_true(seat:shows "broken:compile ran because it was not built before")
    assert.is_true(seat:shows "[w]hy? ")
    seat.shown = ""
    seat:type "s\n"
    assert.is_true(seat:shows "failed at ", seat.shown)
    seat:type "pwd; exit\n"
    assert.is_true(seat:shows "/work/build\r\n")
    assert.is_true(seat:shows "[w]hy? ")
    seat:type "c\n"
    local ended = seat:wait()
    assert.are.equal(1, ended.exit_code)
    assert.matches("good:compile +\27%[32mok", seat.shown)
  end)

  it("runs the task again when asked to, and starts nothing when not", function()
    local dir <close> = project()
    local seat <close> = terminal.start(command(dir,
      "build -j1 --on-failure=ask broken:compile good:compile"))
    assert.is_true(seat:shows "[w]hy? ")
    seat.shown = ""
    seat:type "r\n"
    assert.is_true(seat:shows "[w]hy? ", seat.shown)
    seat:type "nonsense\nq\n"
    assert.are.equal(1, seat:wait().exit_code)
    assert.is_truthy(seat.shown:find("1 failed", 1, true), seat.shown)
    assert.is_nil(seat.shown:find("good:compile +\27%[32mok"))
  end)

  it("lets what runs go on and end while it asks, starts nothing, and tells of it after", function()
    local dir <close> = host.scratch()
    local function recipe(name, body)
      dir:file(("recipes/%s/%s_1.bb"):format(name, name), "deltask fetch unpack patch configure " ..
        "install populate_sysroot\ndo_compile() {\n" .. body .. "\n}\n")
    end
    recipe("broken", "false")
    recipe("long", "sleep 1; head -c 300000 /dev/zero | tr '\\0' '\\n'; echo the last line")
    recipe("other", "true")
    local seat <close> = terminal.start(command(dir,
      "build -j2 --on-failure=ask broken:compile long:compile other:compile"))
    assert.is_true(seat:shows "[w]hy? ", seat.shown)
    local log = dir.path .. "/state/build/long/log.do_compile"
    local text = host.eventually(function()
      local file <close> = io.open(log)
      local found = file and file:read "a" or ""
      return found:find "the last line" and found
    end, 20)
    assert.is_truthy(text)
    assert.is_nil(seat.shown:find "long:compile +\27%[32mok")
    seat:type "q\n"
    assert.are.equal(1, seat:wait().exit_code)
    assert.matches("long:compile +\27%[32mok", seat.shown)
    assert.is_nil(seat.shown:find "other:compile +\27%[32mok")
  end)

  it("ends at ctrl-C", function()
    local dir <close> = project()
    local seat <close> = terminal.start(command(dir, "build --on-failure=ask broken:compile"))
    assert.is_true(seat:shows "[w]hy? ")
    seat:type "\3"
    assert.are.equal(130, seat:wait().exit_code)
  end)

  it("is refused where nobody can answer", function()
    local dir <close> = project()
    local out, code = shell(dir, "$M build --on-failure=ask good:compile")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: --on-failure=ask needs a terminal\n" ..
      "  without one: --on-failure=stop, then moonsand shell RECIPE:TASK\n", out)
  end)
end)

describe("moonsand build --on-failure=shell", function()
  it("enters the sandbox of what failed, when everything has ended", function()
    local dir <close> = project()
    local seat <close> = terminal.start(command(dir, "build --on-failure=shell broken:compile"))
    assert.is_true(seat:shows "broken:compile as it stopped", seat.shown)
    assert.is_truthy(seat.shown:find("1 failed", 1, true), seat.shown)
    assert.is_true(seat:shows "failed at ", seat.shown)
    seat:type "pwd; exit\n"
    assert.is_true(seat:shows "/work/build\r\n")
    assert.are.equal(1, seat:wait().exit_code)
  end)
end)

describe("moonsand build --on-failure=keep-going", function()
  it("is -k", function()
    local dir <close> = project()
    local out, code = shell(dir, "$M build -j1 --on-failure=keep-going broken:compile good:compile")
    assert.are.equal(1, code)
    assert.is_truthy(out:find("good:compile ok", 1, true), out)
    out = shell(dir, "$M build -j1 --on-failure=stop broken:compile good:configure")
    assert.is_truthy(out:find("1 failed", 1, true), out)
    assert.are.equal(2, select(2, shell(dir, "$M build -k --on-failure=stop good")))
  end)
end)

describe("the lines of a failure", function()
  it("are also those that the recipe names", function()
    local dir <close> = host.scratch()
    dir:file("recipes/odd/odd_1.bb", [[
MOONSAND_ERROR_LINES = "^oh%sno"
do_compile() {
    for i in $(seq 40); do echo "line $i"; done
    echo "oh no: it is broken"
    for i in $(seq 40); do echo "after $i"; done
    exit 3
}
]])
    local out = shell(dir, "$M build odd:compile")
    assert.is_truthy(out:find("  │ line 40\n  │ oh no: it is broken\n  │ after 1\n", 1, true), out)
    assert.is_nil(out:find("after 40", 1, true), out)
  end)
end)

describe("a build that is interrupted", function()
  it("dies of the second signal while it still cleans up after the first", function()
    local dir <close> = host.scratch()
    local sleep = "sleep 4" .. core.getpid()
    dir:file("recipes/slow/slow_1.bb",
      ("do_compile() {\n    echo started\n    %s\n}\n"):format(sleep))
    local reader <close>, writer = assert(core.pipe())
    local process <close> = host.start(command(dir, "build -v slow:compile"),
      {[0] = 0, [1] = writer, [2] = writer})
    writer:close()
    local text = ""
    repeat text = text .. assert(reader:read()) until text:find "| started\n"
    process:kill "INT"
    process:kill "INT"
    local ended = assert(host.eventually(function() return process:wait() end, 30))
    assert.is_true(ended.exit_code == 130 or ended.signal == "INT")
    assert.are.same({}, host.eventually(function()
      local left = host.processes((sleep:gsub(" ", "\0")))
      return #left == 0 and left
    end))
  end)
end)
