-- `moonsand plan` and `moonsand diff` as programs.
local diff = require "moonsand.cli.diff"
local command = require "spec.support.command"
local host = require "spec.support.host"
local json = require "dkjson"

local shell = command.hello

describe("moonsand plan", function()
  it("says what would run, why, how long it takes, and what is in the store", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, [[
      $M build -q hello
      sed -i 's/hello, moon/hello, sun/' "$R/hello/hello_1.0.bb"
      $M plan -j2 hello]])
    assert.are.equal(0, code, out)
    assert.is_truthy(out:find(
      '^hello:compile +run +%d+%.%ds  GREETING is "hello, sun", was "hello, moon"\n' ..
      "hello:install +run +%d+%.%ds  hello:compile runs\n"), out)
    assert.is_truthy(out:find(
      "\n8 tasks: 4 to run, 4 cached, 0 not needed · about %d+%.%ds with 2 jobs\n$"), out)
  end)

  it("runs exactly what it said, or less when something comes out the same", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello
      echo 'CFLAGS += "-g"' >>"$R/hello/hello_1.0.bb"
      $M plan hello | sed -n 's/ .*run .*//p' | grep : ; echo --
      $M build --progress=json hello 2>&1 | sed -n 's/.*task_started.*"task":"\([^"]*\)".*/\1/p']])
    local planned, ran = out:match "^(.*)%-%-\n(.*)$"
    assert.are.equal("hello:configure\nhello:compile\nhello:install\nhello:populate_sysroot\n",
      planned)
    assert.is_truthy(ran:find("hello:compile\n", 1, true), out)
    for task in ran:gmatch "[^\n]+" do assert.is_truthy(planned:find(task, 1, true), task) end
  end)

  it("knows that nothing has to run", function()
    local dir <close> = host.scratch()
    assert.are.equal("8 tasks: 0 to run, 8 cached, 0 not needed\n",
      (shell(dir, "$M build -q hello; $M plan hello")))
  end)

  it("follows each reason to its root when asked to", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello:install
      sed -i 's/hello, moon/hello, sun/' "$R/hello/hello_1.0.bb"
      cd "$R"; $M plan -v hello:install]])
    assert.is_truthy(out:find("hello:install would run again because\n" ..
      "  hello:compile  will run  because\n" ..
      '    GREETING  "hello, sun"  was "hello, moon"  hello/hello_1.0.bb:6\n', 1, true), out)
  end)

  it("prints JSON that says the same", function()
    local dir <close> = host.scratch()
    local value = assert(json.decode((shell(dir, "$M plan hello:unpack --json"))))
    assert.are.equal(2, value.counts.run)
    assert.are.equal("not built yet", value.tasks[2].why)
    assert.is_false(value.tasks[2].known)
  end)

  it("goes to another directory first", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M plan -C '" .. dir.path .. "/nowhere' hello")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("No such file or directory", 1, true), out)
    assert.is_truthy(shell(dir, "BBPATH=recipes $M plan -C '" .. dir.path .. "' hello:fetch")
      :find("^hello:fetch"))
  end)
end)

describe("moonsand build --until", function()
  it("does of each recipe only the tasks up to one", function()
    local dir <close> = host.scratch()
    dir:file("recipes/moon/moon_1.0.bb", 'DEPENDS = "hello"\n')
    local out, code = shell(dir, "$M build --until unpack moon")
    assert.are.equal(0, code, out)
    assert.is_truthy(out:find("hello:unpack ok", 1, true), out)
    assert.is_truthy(out:find("moon:unpack ok", 1, true), out)
    assert.is_nil(out:find ":compile")
    assert.is_truthy(out:find("\n4 tasks: 4 ok", 1, true), out)
  end)

  it("refuses a task that no recipe has", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build --until packge hello")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: no recipe of this build has the task 'packge'\n" ..
      "  moonsand tasks hello\n", out)
  end)
end)

describe("moonsand diff", function()
  it("shows what a task changed", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build -q hello:compile; $M diff hello:compile")
    assert.are.equal(0, code, out)
    assert.is_truthy(out:find(
      "^A  /build/hello +%d+ KB\n1 added, 0 modified, 0 deleted\n$"), out)
  end)

  it("shows what a failed task had changed", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      mkdir -p "$R/broken"
      printf 'do_compile() {\n echo half >half\n false\n}\n' >"$R/broken/broken_1.bb"
      $M build -q broken:compile >/dev/null 2>&1
      $M diff broken:compile]])
    assert.are.equal("A  /build/half           5 B\n1 added, 0 modified, 0 deleted\n", out)
  end)

  it("compares the last result with the one before", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello
      sed -i 's/hello, moon/hello, sun/' "$R/hello/hello_1.0.bb"
      printf 'do_install:append() {\n    echo new >"${D}/new"\n}\n' >>"$R/hello/hello_1.0.bb"
      $M build -q hello
      $M diff --results hello:install; $M diff -r --json hello:install]])
    assert.is_truthy(out:find("^A  /outputs/new +4 B\n" ..
      "M  /outputs/usr/bin/hello  %d+ KB[^\n]*\n1 added, 1 modified, 0 deleted\n"), out)
    assert.are.equal("/outputs/new", json.decode(out:match "\n(%[.*)$")[1].path)
  end)

  it("shows two signatures in full", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello:compile
      sed -i -e 's/hello, moon/hello, sun/' -e 's/-static/-static -g/' "$R/hello/hello_1.0.bb"
      $M build -q hello:compile
      cd "$R"; $M diff --signatures hello:compile]])
    assert.is_truthy(out:find("function do_compile\n  hello/hello_1.0.bb:8\n    -    ", 1, true),
      out)
    assert.is_truthy(out:find("variable GREETING\n  was (hello/hello_1.0.bb:6)\n" ..
      "    hello, moon\n  is (hello/hello_1.0.bb:6)\n    hello, sun\n", 1, true), out)
  end)

  it("says so when there is nothing to compare", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build -q hello:compile; $M diff -r hello:compile")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("there are no two results of 'hello:compile'", 1, true), out)
    out, code = shell(dir, "$M diff hello:install")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("'hello:install' has no result, and has not failed", 1, true), out)
  end)

  it("has sizes that are short", function()
    assert.are.equal("999 B", diff.size(999))
    assert.are.equal("1.0 KB", diff.size(1000))
    assert.are.equal("16 KB", diff.size(16384))
    assert.are.equal("2.1 GB", diff.size(2147483648))
  end)
end)
