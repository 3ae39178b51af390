local core = require "moonsand.core"
local fault = require "moonsand.fault"
local project = require "spec.support.project"
local sandbox = require "moonsand.sandbox"

-- A library and a program that needs it: small enough that a whole build takes a moment.
local files = {
  ["hello/hello_1.0.bb"] = [[
SRC_URI = "file://hello.c file://hello.h"
B = "${WORKDIR}"
do_compile() {
    ${CC} ${CFLAGS} -c hello.c
    ar rc libhello.a hello.o
}
do_install() {
    install -D -m 0644 libhello.a "${D}${libdir}/libhello.a"
    install -D -m 0644 hello.h "${D}${includedir}/hello.h"
}
]],
  ["hello/files/hello.c"] = "const char *hello(void) { return \"hello, moon\"; }\n",
  ["hello/files/hello.h"] = "const char *hello(void);\n",
  ["moon/moon_1.0.bb"] = [[
SRC_URI = "file://main.c"
DEPENDS = "hello"
B = "${WORKDIR}"
do_compile() {
    ${CC} ${CFLAGS} main.c -static ${LDFLAGS} -lhello -o moon
}
do_install() {
    install -D moon "${D}${bindir}/moon"
}
]],
  ["moon/files/main.c"] = "#include <stdio.h>\n#include <hello.h>\n" ..
    "int main(void) { return puts(hello()) < 0; }\n",
}

-- A recipe of one task that matters.
local function one(body)
  return "deltask fetch unpack patch configure install populate_sysroot\n" .. body
end

describe("a build", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  it("links a program against a library out of its overlay sysroot, and it runs on the built "
    .. "layers alone", function()
    here:write(files)
    local builder <close> = here:builder()
    local summary = builder:run {"moon"}
    assert.is_true(summary.ok)
    local result = sandbox.new {
      root = "empty", command = {"/usr/bin/moon"}, overlays = {
        {target = "/", lower = {builder:tree(summary, "moon:install", "outputs").path}},
      },
    }:run()
    assert.are.equal("hello, moon\n", result.stdout)
  end)

  it("runs nothing the second time", function()
    here:write(files)
    here:build {"moon"}
    local summary = here:build {"moon"}
    assert.are.equal(0, summary.counts.ok)
    for task, outcome in pairs(summary.outcomes) do assert.are.equal("cached", outcome, task) end
  end)

  it("shows a task only what its recipe declares", function()
    here:write(files)
    here:write {["moon/moon_1.0.bb"] = files["moon/moon_1.0.bb"]:gsub("DEPENDS[^\n]*\n", "")}
    here:build {"hello"}
    assert.is_false(here:build({"moon"}).ok)
    assert.matches("hello.h", here:log "moon:compile")
  end)

  it("runs again what a changed file leads to, and says why", function()
    here:write(files)
    here:build {"moon"}
    here:write {["moon/files/main.c"] = "int main(void) { return 0; }\n"}
    local summary = here:build {"moon"}
    assert.are.equal("cached", summary.outcomes["hello:compile"])
    assert.are.equal("ok", summary.outcomes["moon:unpack"])
    assert.matches("main.c", here:ended("moon:unpack").why)
  end)

  it("runs nothing above a task that came out the same", function()
    here:write(files)
    here:build {"moon"}
    here:write {["hello/hello_1.0.bb"] = files["hello/hello_1.0.bb"]:gsub("ar rc", "ar  rc")}
    local summary = here:build {"moon"}
    assert.are.equal("ok", summary.outcomes["hello:compile"])
    assert.are.equal("cached", summary.outcomes["moon:compile"])
    assert.are.equal("cached", here:build({"moon"}).outcomes["moon:compile"])
  end)

  it("finds the results of an earlier variant of a recipe again", function()
    here:write(files)
    here:build {"moon"}
    here:write {["moon/files/main.c"] = "int main(void) { return 0; }\n"}
    here:build {"moon"}
    here:write(files)
    assert.are.equal(0, here:build({"moon"}).counts.ok)
  end)

  it("runs a task again that is forced, and what needs it only when it came out anew", function()
    here:write(files)
    here:build {"moon"}
    local summary = here:build({"moon"}, {force = {"hello:do_compile"}})
    assert.are.equal("ok", summary.outcomes["hello:compile"])
    assert.are.equal("asked for", here:ended("hello:compile").why)
    assert.are.equal("cached", summary.outcomes["moon:compile"])
  end)

  it("refuses to force a task that is not in it", function()
    here:write(files)
    local ok, problem = pcall(here.build, here, {"moon"}, {force = {"moon:compil"}})
    assert.is_false(ok)
    assert.are.equal("usage", problem.kind)
    assert.are.equal("did you mean 'moon:compile'?", problem.hint)
  end)

  it("needs nothing below a sysroot that is there, and says so", function()
    here:write(files)
    here:build {"moon"}
    assert(core.remove_tree(here.path .. "/store/layers"))
    assert(core.mkdirs(here.path .. "/store/layers"))
    local summary = here:build {"hello:populate_sysroot"}
    assert.are.equal("cached", summary.outcomes["hello:populate_sysroot"])
    assert.are.equal("skipped", summary.outcomes["hello:compile"])
  end)

  it("makes again what is gone from the store and is needed", function()
    here:write(files)
    here:build {"moon"}
    assert(core.remove_tree(here.path .. "/store/layers"))
    assert(core.mkdirs(here.path .. "/store/layers"))
    here:write {["moon/files/main.c"] = "int main(void) { return 0; }\n"}
    local summary = here:build {"moon:compile"}
    assert.is_true(summary.ok)
    assert.are.equal("skipped", summary.outcomes["hello:compile"])
    assert.are.equal("ok", summary.outcomes["moon:compile"])
  end)

  it("does not unpack again for other compiler flags", function()
    here:write(files)
    here:build {"hello"}
    here:write {["hello/hello_1.0.bb"] = files["hello/hello_1.0.bb"] .. 'CFLAGS += "-g"\n'}
    local summary = here:build {"hello"}
    assert.are.equal("cached", summary.outcomes["hello:patch"])
    assert.are.equal("ok", summary.outcomes["hello:compile"])
    assert.matches("CFLAGS", here:ended("hello:compile").why)
  end)

  it("makes a result once when another process wants it as well", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    sleep 0.4\n}\n"}
    local other = assert(io.popen(([[LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' \
      LUA_CPATH='./build/?.so;;' lua5.4 -e '
      local here = require "spec.support.project".at "%s"
      local summary = here:build({"p:compile"}, {directory = "%s/other"})
      print(summary.outcomes["p:compile"])
    ']]):format(here.path, here.path)))
    local mine = here:build({"p:compile"}).outcomes["p:compile"]
    local both = {mine, other:read "l"}
    other:close()
    table.sort(both)
    assert.are.same({"cached", "ok"}, both)
  end)

  it("finds the log of a result from another build directory", function()
    here:write(files)
    here:build {"hello:compile"}
    here:build({"hello:compile"}, {directory = here.path .. "/other"})
    local file <close> = assert(io.open(here:ended("hello:compile").log))
    assert.is_truthy(file:read "a")
  end)

  it("can be looked at before anything runs", function()
    here:write(files)
    local builder <close> = here:builder()
    local steps = builder:plan {"hello:unpack"}
    for i, task in ipairs {"hello:fetch", "hello:unpack"} do
      assert.are.same({task, "run", "not built yet", false},
        {steps[i].task, steps[i].state, steps[i].why, steps[i].known})
    end
    assert.are.equal(2, #steps)
  end)

  it("takes patches in the order in which SRC_URI names them", function()
    local function patch(old, new)
      return ("--- a/t\n+++ b/t\n@@ -1 +1 @@\n-%s\n+%s\n"):format(old, new)
    end
    here:write {
      ["p/p_1.bb"] = 'SRC_URI = "file://t file://b.patch file://a.patch"\nS = "${WORKDIR}"\n' ..
        "do_compile() {\n    cat ${S}/t\n}\n",
      ["p/files/t"] = "one\n", ["p/files/b.patch"] = patch("one", "two"),
      ["p/files/a.patch"] = patch("two", "three"),
    }
    assert.is_true(here:build({"p:compile"}).ok)
    assert.are.equal("three\n", here:log "p:compile")
  end)

  it("runs prefuncs and postfuncs around a task, in its sandbox", function()
    here:write {["p/p_1.bb"] = one [[
do_compile[prefuncs] = "before"
do_compile[postfuncs] = "after"
before() {
    echo before > ${WORKDIR}/file
}
do_compile() {
    echo task >> ${WORKDIR}/file
}
after() {
    cat ${WORKDIR}/file
}
]]}
    assert.is_true(here:build({"p:compile"}).ok)
    assert.are.equal("before\ntask\n", here:log "p:compile")
  end)

  it("runs a task with [nostamp] every time", function()
    here:write {["p/p_1.bb"] = one "do_compile[nostamp] = \"1\"\ndo_compile() {\n    :\n}\n"}
    here:build {"p:compile"}
    assert.are.equal("ok", here:build({"p:compile"}).outcomes["p:compile"])
  end)

  it("mounts tools at recipe-sysroot-native and puts them first in PATH", function()
    here:write {
      ["tool-native/tool-native_1.bb"] = [[
inherit native
do_compile() {
    printf '#!/bin/sh\necho made by the tool\n' > tool
}
do_install() {
    install -D -m 0755 tool "${D}${bindir}/tool"
}
]],
      ["p/p_1.bb"] = 'DEPENDS = "tool-native"\ndo_compile() {\n    command -v tool\n    tool\n}\n',
    }
    assert.is_true(here:build({"p:compile"}).ok)
    assert.are.equal("/work/recipe-sysroot-native/usr/bin/tool\nmade by the tool\n",
      here:log "p:compile")
  end)

  it("brings a dependency's own dependencies along", function()
    here:write(files)
    here:write {["p/p_1.bb"] = 'DEPENDS = "middle"\ndo_compile() {\n    cat ' ..
      "${STAGING_INCDIR}/hello.h\n}\n", ["middle/middle_1.bb"] =
      'DEPENDS = "hello"\ndo_compile() {\n    :\n}\ndo_install() {\n    :\n}\n'}
    assert.is_true(here:build({"p:compile"}).ok)
  end)

  it("has no network in a task", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    cat /proc/net/dev | tail -n +3\n}\n"}
    assert.is_true(here:build({"p:compile"}).ok)
    assert.is_nil(here:log("p:compile"):match "eth")
    assert.matches("^%s*lo:[^\n]*\n$", here:log "p:compile")
  end)

  it("gives a task the variables that are exported, and no others of the caller", function()
    here:write {["p/p_1.bb"] = one "export GIVEN = \"a b\"\ndo_compile() {\n    env\n}\n"}
    assert.is_true(here:build({"p:compile"}).ok)
    assert.matches("\nGIVEN=a b\n", "\n" .. here:log "p:compile")
    assert.is_nil(here:log("p:compile"):match "LUA_PATH")
  end)
end)

describe("a task that fails", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  it("names the command, its directory, its line and its exit code", function()
    here:write {["p/p_1.bb"] = one [[
do_compile() {
    mkdir sub
    cd sub
    name=nothing
    ls --quote $name | cat /does/not/exist
}
]]}
    local summary = here:build {"p:compile"}
    assert.is_false(summary.ok)
    local event = here:ended "p:compile"
    assert.are.equal("failed", event.outcome)
    assert.are.equal(1, event.exit_code)
    assert.are.equal("/work/build/sub", event.cwd)
    assert.matches("p/p_1.bb:6$", event.where)
    assert.matches("No such file", here:log "p:compile")
  end)

  it("shows the command with its variables replaced, and the recipe's line, not the class's",
    function()
      here:write {["p/p_1.bb"] = one "do_compile() {\n    what=all\n    oe_runmake $what\n}\n"}
      here:build {"p:compile"}
      local event = here:ended "p:compile"
      assert.are.equal("make all", event.command)
      assert.matches("p/p_1.bb:4$", event.where)
    end)

  it("names the signal that killed it", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    kill -KILL $$\n}\n"}
    here:build {"p:compile"}
    assert.are.equal("KILL", here:ended("p:compile").signal)
  end)

  it("keeps what it wrote", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    echo x > ${WORKDIR}/left\n    false\n}\n"}
    here:build {"p:compile"}
    assert.is_truthy(core.stat(here:ended("p:compile").kept .. "/upper/left"))
  end)

  it("does not show the run script's own report", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    echo said\n    false\n}\n"}
    here:build {"p:compile"}
    assert.are.equal("said\n", here:log "p:compile")
  end)

  it("stops the build, and with keep_going only what needs it", function()
    here:write {
      ["a/a_1.bb"] = one "addtask last after do_compile\ndo_compile() {\n    false\n}\n" ..
        "do_last() {\n    :\n}\n",
      ["b/b_1.bb"] = one "do_compile() {\n    :\n}\n",
    }
    local summary = here:build {"a:last", "b:compile"}
    assert.are.equal(1, summary.counts.failed)
    assert.are.same({"a:last", "b:compile"}, summary.not_started)
    summary = here:build({"a:last", "b:compile"}, {keep_going = true})
    assert.are.equal("ok", summary.outcomes["b:compile"])
    assert.are.same({"a:last"}, summary.not_started)
  end)

  it("is run again by the next build", function()
    here:write {["p/p_1.bb"] = one "do_compile() {\n    false\n}\n"}
    here:build {"p:compile"}
    here:build {"p:compile"}
    assert.are.equal("failed", here:ended("p:compile").outcome)
  end)

  it("for want of a function names the recipe", function()
    here:write {["p/p_1.bb"] = one "addtask extra\n"}
    local summary = here:build {"p:extra"}
    assert.is_false(summary.ok)
    assert.matches("do_extra", here:ended("p:extra").message)
  end)

  it("when two sysroots disagree names both recipes and the path", function()
    local recipe = "do_compile() {\n    :\n}\ndo_install() {\n    install -d ${D}${includedir}\n" ..
      "    echo ${PN} > ${D}${includedir}/same.h\n}\n"
    here:write {
      ["a/a_1.bb"] = recipe, ["b/b_1.bb"] = recipe,
      ["c/c_1.bb"] = 'DEPENDS = "a b"\ndo_compile() {\n    :\n}\n',
    }
    here:build {"c:compile"}
    local message = here:ended("c:configure").message
    assert.matches("'a'", message)
    assert.matches("'b'", message)
    assert.matches("usr/include/same.h", message)
  end)
end)

describe("a wrong recipe", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local function refused(files_of, target)
    here:write(files_of)
    local ok, problem = pcall(here.build, here, {target})
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    assert.are.equal(2, fault.code(problem))
    return problem
  end

  it("that depends on what nobody provides is named with the line of DEPENDS", function()
    local problem = refused({
      ["p/p_1.bb"] = 'SUMMARY = "x"\nDEPENDS = "hallo"\ndo_compile() {\n    :\n}\n',
      ["hello/hello_1.bb"] = "",
    }, "p")
    assert.matches("nothing provides 'hallo', which 'p' depends on", problem.message)
    assert.matches("p/p_1.bb:2$", problem.where)
    assert.are.equal("did you mean 'hello'?", problem.hint)
  end)

  it("in a loop is named with every step", function()
    local problem = refused({
      ["a/a_1.bb"] = 'DEPENDS = "b"\n', ["b/b_1.bb"] = 'DEPENDS = "a"\n',
    }, "a")
    assert.matches("a:configure %-> b:populate_sysroot %-> b:install", problem.message)
    assert.matches("b:configure %-> a:populate_sysroot %-> a:install", problem.message)
    assert.matches("b/b_1.bb:1", problem.hint)
    assert.matches("[ab]_1.bb:1$", problem.where)
  end)

  it("without a checksum is named with the line to add", function()
    local problem = refused({
      ["p/p_1.bb"] = 'SRC_URI = "https://example.org/p-1.tar.gz"\n',
    }, "p")
    assert.matches("has no checksum", problem.message)
    assert.matches("p/p_1.bb:1$", problem.where)
    assert.matches("SRC_URI%[sha256sum%] = ", problem.hint)
  end)
end)
