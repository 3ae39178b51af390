-- `moonsand build` and `moonsand vars` as programs, over small recipes that need no network.
local core = require "moonsand.core"
local command = require "spec.support.command"
local host = require "spec.support.host"

local json = require "dkjson"

local shell = command.shell

local broken = [[
do_configure() {
    echo configured
}
do_compile() {
    echo before
    echo "x.c:1: error: no" >&2
    false
}
do_install() {
    :
}
]]

describe("moonsand build", function()
  it("says what it did, and the second time that all is cached", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build hello")
    assert.are.equal(0, code)
    assert.is_truthy(out:find("%[5/8%] hello:compile ok %d+%.%ds\n"), out)
    assert.is_truthy(out:find("\n8 tasks: 8 ok, 0 cached, 0 failed, 0 not started in ", 1, true))
    out, code = shell(dir, "$M build hello")
    assert.are.equal(0, code)
    assert.is_truthy(out:find("[5/8] hello:compile cached\n", 1, true), out)
    assert.is_truthy(out:find("\n8 tasks: 0 ok, 8 cached, 0 failed, 0 not started in ", 1, true))
  end)

  it("shows the command, the lines and the log of a failure, and exits with 1", function()
    local dir <close> = host.scratch()
    dir:file("recipes/broken/broken_1.0.bb", broken)
    local out, code = shell(dir, "$M build broken")
    assert.are.equal(1, code)
    assert.is_truthy(out:find("broken:compile failed after [^\n]*: exit 1 +[^\n]*" ..
      "recipes/broken/broken_1%.0%.bb:7\n\n    false +in /work/"), out)
    assert.is_truthy(out:find("  │ before\n  │ x.c:1: error: no\n", 1, true))
    assert.is_truthy(out:find("moonsand log   broken:compile +2 lines\n"))
    assert.is_truthy(out:find("\n8 tasks: 4 ok, 0 cached, 1 failed, 3 not started in ", 1, true))
  end)

  it("explains before it runs, and runs nothing", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build -n hello:compile")
    assert.are.equal(0, code)
    assert.is_truthy(out:find("hello:compile +run +%? +not built yet\n"))
    assert.is_nil(out:find("hello:install", 1, true))
    assert.is_truthy(shell(dir, "$M build hello:compile"):find("5 ok, 0 cached", 1, true))
  end)

  it("runs a task again when asked to", function()
    local dir <close> = host.scratch()
    shell(dir, "$M build -q hello:configure")
    local out = shell(dir, "$M build -f hello:configure hello:configure")
    assert.is_truthy(out:find("hello:configure ok", 1, true), out)
    assert.is_truthy(out:find("hello:unpack cached", 1, true))
  end)

  it("writes every event as JSON", function()
    local dir <close> = host.scratch()
    local events = {}
    for line in shell(dir, "$M build --progress=json hello:unpack"):gmatch("[^\n]+") do
      events[#events + 1] = assert(json.decode(line))
    end
    assert.are.equal("build_started", events[1].event)
    assert.are.equal(2, events[1].total)
    assert.are.equal("build_ended", events[#events].event)
    assert.is_true(events[#events].ok)
  end)

  it("shows what the tasks print when asked to, each line with its task", function()
    local dir <close> = host.scratch()
    dir:file("recipes/broken/broken_1.0.bb", broken)
    local out = shell(dir, "$M build -v broken:configure")
    assert.is_truthy(out:find("broken:configure | configured\n", 1, true), out)
  end)

  it("says nothing when asked to be quiet and all is well", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build -q hello:unpack")
    assert.are.equal("", out)
    assert.are.equal(0, code)
  end)

  it("exits with 1 when a task came out otherwise the second time", function()
    local dir <close> = host.scratch()
    dir:file("recipes/odd/odd_1.0.bb", "do_unpack() {\n    echo $$ > id\n}\n")
    local out, code = shell(dir, "$M build --check odd:unpack")
    assert.are.equal(1, code, out)
    assert.is_truthy(out:find("\nodd:unpack is not reproducible", 1, true), out)
    assert.is_truthy(out:find("\n1 run once more: 0 the same, 1 differs, 0 ex", 1, true), out)
  end)

  it("exits with 2 for a target that nobody provides, and names the nearest", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build helo")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("moonsand: nothing provides 'helo'", 1, true), out)
    assert.is_truthy(out:find("did you mean 'hello'?", 1, true), out)
  end)

  it("looks at what tasks open when asked to, of dependencies or of all", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build --audit --until unpack hello")
    assert.are.equal(0, code)
    assert.matches("\naudit: 0 findings in 1 recipe\n", out)
    out, code = shell(dir, "$M build --audit=full --until unpack -f hello:unpack hello")
    assert.are.equal(0, code)
    assert.matches("\naudit: %d+ findings? in 1 recipe\n", out)
    out, code = shell(dir, "$M build --audit=half hello")
    assert.are.equal(2, code)
    assert.matches("'%-%-audit=half': there are %-%-audit and %-%-audit=full", out)
  end)

  it("ends with 130 and kills what runs when it is interrupted", function()
    local dir <close> = host.scratch()
    local sleep = "sleep 4" .. core.getpid()
    dir:file("recipes/slow/slow_1.0.bb",
      ("do_compile() {\n    echo started\n    %s\n}\n"):format(sleep))
    local out, code = shell(dir, ("cd %s; "):format(dir.path) .. [[
      mkfifo up
      $M build -v slow:compile >up 2>&1 &
      exec 3<up
      while read -r line <&3; do
        case $line in *started) break ;; esac
      done
      kill -INT $!; wait $!]])
    assert.are.equal(130, code, out)
    assert.are.same({}, host.eventually(function()
      local left = host.processes((sleep:gsub(" ", "\0")))
      return #left == 0 and left
    end))
  end)
end)

describe("moonsand shell RECIPE:TASK", function()
  it("enters the sandbox as it stopped, and keeps what is changed", function()
    local dir <close> = host.scratch()
    dir:file("recipes/broken/broken_1.0.bb", broken)
    shell(dir, "$M build -q broken")
    local out, code = shell(dir, [[
      $M shell broken:compile -- sh -c 'pwd; echo $CC; echo kept >note; exit 4']])
    assert.are.equal("/work/build\ngcc\n", out)
    assert.are.equal(4, code)
    assert.are.equal("kept\n", (shell(dir, "$M shell broken:compile -- cat note")))
    out, code = shell(dir, "$M shell broken:compile -- bash /run/moonsand/run.do_compile")
    assert.are.equal(1, code)
    assert.is_truthy(out:find("before\n", 1, true))
  end)

  it("enters a task that went well as it ended, and forgets what is changed", function()
    local dir <close> = host.scratch()
    shell(dir, "$M build -q hello:compile")
    local out = shell(dir, [[
      $M shell hello:compile -- sh -c 'ls; touch new'
      $M shell hello:install -- sh -c 'ls . /work/build; touch new']])
    assert.is_truthy(out:find("^hello\n"), out)
    assert.is_truthy(out:find("/work/build:\nhello\n", 1, true), out)
    assert.is_nil(out:find("new", 1, true))
  end)

  it("runs its input there when there is no terminal", function()
    local dir <close> = host.scratch()
    shell(dir, "$M build -q hello:configure")
    assert.are.equal("/work/build gcc\n",
      (shell(dir, "echo 'echo $PWD $CC' | $M shell hello:configure")))
  end)

  it("says what has to be built first", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M shell hello:compile -- true")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: what 'hello:compile' starts from is not built yet\n" ..
      "  moonsand build hello:compile\n", out)
  end)
end)

describe("moonsand vars", function()
  it("prints a value, the text behind it, or where it comes from", function()
    local dir <close> = host.scratch()
    assert.are.equal("hello, moon\n", (shell(dir, "$M vars hello GREETING")))
    assert.are.equal("/work/src\n", (shell(dir, "$M vars hello S")))
    assert.are.equal("${WORKDIR}/src\n", (shell(dir, "$M vars hello S --raw")))
    assert.are.equal('examples/recipes/hello/hello_1.0.bb:6  GREETING ?= "hello, moon"\n',
      (shell(dir, "$M vars hello GREETING --where")))
  end)

  it("lists them all", function()
    local dir <close> = host.scratch()
    local out = shell(dir, "$M vars examples/recipes/hello/hello_1.0.bb")
    assert.is_truthy(out:find('\nGREETING="hello, moon"\n', 1, true))
    assert.is_nil(out:find("\ndo_compile=", 1, true))
  end)

  it("names the nearest variable", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M vars hello GRETING")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("did you mean 'GREETING'?", 1, true))
  end)

  it("prints JSON that says the same", function()
    local dir <close> = host.scratch()
    local value = json.decode((shell(dir, "$M vars hello GREETING --where --json")))
    assert.are.equal("hello, moon", value.value)
    assert.are.equal(6, value.where[1].line)
  end)
end)
