-- `moonsand log` as a program, over small recipes that need no network.
local command = require "spec.support.command"
local host = require "spec.support.host"
local json = require "dkjson"
local log = require "moonsand.build.log"
local project = require "spec.support.project"
local core = require "moonsand.core"

local shell = command.shell

local talker = "do_compile() {\n    printf 'one\\ntwo'\n    exit $FAILS\n}\nFAILS = \"%d\"\n"

describe("moonsand log", function()
  it("prints what a task said, byte for byte, whether it failed or not", function()
    local dir <close> = host.scratch()
    dir:file("recipes/good/good_1.0.bb", talker:format(0))
    dir:file("recipes/bad/bad_1.0.bb", talker:format(3))
    shell(dir, "$M build -q -k good:compile bad:compile")
    assert.are.same({"one\ntwo", 0}, {shell(dir, "$M log good:compile")})
    assert.are.same({"one\ntwo", 0}, {shell(dir, "$M log bad:do_compile")})
  end)

  it("is of the last run, not of the one before", function()
    local dir <close> = host.scratch()
    dir:file("recipes/good/good_1.0.bb", talker:format(0))
    shell(dir, "$M build -q good:compile")
    dir:file("recipes/good/good_1.0.bb", "do_compile() {\n    echo 3\n}\n")
    shell(dir, "$M build -q good:compile")
    assert.are.equal("3\n", (shell(dir, "$M log good:compile")))
  end)

  it("needs no recipe that can be read", function()
    local dir <close> = host.scratch()
    dir:file("recipes/good/good_1.0.bb", talker:format(0))
    shell(dir, "$M build -q good:compile")
    dir:file("recipes/good/good_1.0.bb", "this is nonsense\n")
    assert.are.equal("one\ntwo", (shell(dir, "$M log good:compile")))
  end)

  it("has the log of a result that another build directory made", function()
    local dir <close> = host.scratch()
    dir:file("recipes/good/good_1.0.bb", talker:format(0))
    shell(dir, "$M build -q good:compile")
    assert(core.remove_tree(dir.path .. "/state/build"))
    assert.are.same({"one\ntwo", 0}, {shell(dir, "$M log good:compile")})
  end)

  it("says what to do when a task has not run, and when no task is named", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M log hello:compile")
    assert.are.equal(2, code)
    assert.are.equal(
      "moonsand: 'hello:compile' has not run yet\n  moonsand build hello:compile\n", out)
    out, code = shell(dir, "$M log hello")
    assert.are.equal(2, code)
    assert.is_truthy(out:find("'hello' is a recipe", 1, true), out)
  end)

  it("prints JSON that says the same", function()
    local dir <close> = host.scratch()
    dir:file("recipes/good/good_1.0.bb", talker:format(0))
    shell(dir, "$M build -q good:compile")
    local value = assert(json.decode((shell(dir, "$M log --json good:compile"))))
    assert.are.same({"good:compile", "one\ntwo", false}, {value.task, value.text, value.running})
    assert.are.equal("one\ntwo", host.read(value.path))
  end)

  it("with -f goes on until the task has ended", function()
    local dir <close> = host.scratch()
    -- The task's sleep is killed when the follower has shown the first line. Other runs of this
    -- spec, of other users too, have sleeps of their own.
    local seconds = "5" .. core.getpid()
    dir:file("recipes/slow/slow_1.0.bb", ([[
do_compile() {
    echo first
    sleep %s || true
    printf last
}
]]):format(seconds))
    local out, code = shell(dir, ("cd %s; seconds=%s"):format(dir.path, seconds) .. [[;
      mkfifo up
      $M build --progress=none slow:compile &
      until grep -q first state/build/slow/log.do_compile 2>/dev/null; do sleep 0.05; done
      $M log -f slow:compile >up &
      exec 3<up
      read -r line <&3
      sleepers() { grep -lazx "[5]${seconds#5}" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3; }
      until [ -n "$(sleepers)" ]; do sleep 0.05; done
      kill $(sleepers)
      echo "$line, $(grep -x last <&3)"
      wait]])
    assert.are.equal("first, last\n", out)
    assert.are.equal(0, code)
  end)
end)

describe("a log that is read along", function()
  it("begins anew when the file does", function()
    local dir <close> = host.scratch()
    local path = dir:file("log", "a long first text")
    local lock = assert(core.lock(path, "exclusive"))
    local got = {}
    log.follow(path, function(text)
      got[#got + 1] = text
      if #got == 1 then
        dir:file("log", "short")
      else
        lock:close()
      end
    end)
    assert.are.same({"a long first text", "short"}, got)
  end)

  it("is running while its task runs, and not after", function()
    local own = project.new()
    finally(function() own:close() end)
    own:write {["a/a_1.bb"] = "do_compile() {\n    echo hello\n}\n"}
    local path, during = own.path .. "/build/a/log.do_compile", nil
    local summary = own:build({"a:compile"}, {emit = function(event)
      if event.event == "task_log" and event.task == "a:compile" then during = log.running(path) end
    end})
    assert.is_true(summary.ok)
    assert.is_true(during)
    assert.is_false(log.running(path))
  end)
end)
