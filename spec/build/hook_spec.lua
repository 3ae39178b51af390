local project = require "spec.support.project"
local sandbox = require "moonsand.sandbox"

-- A root of the host's programs, with the libraries that they need.
local system = [[
deltask fetch unpack patch configure compile populate_sysroot
do_install() {
    for path in /bin/bash /bin/rm /bin/mkdir /bin/cat /bin/ls /sbin/ldconfig; do
        install -D $path ${D}$path
        for library in $(ldd $path | grep -o '/[^ ]*'); do
            install -D $library ${D}$library
        done
    done
    mv ${D}/bin/bash ${D}/bin/sh
    mkdir ${D}/etc
}
]]

-- A library where the loader does not look unless it is told, and a program that needs it.
local library = [[
SRC_URI = "file://five.c file://main.c"
B = "${WORKDIR}"
deltask populate_sysroot
do_compile() {
    ${CC} -shared -fPIC -Wl,-soname,libfive.so.5 -o libfive.so.5 five.c
    ${CC} -o five main.c libfive.so.5
}
do_install() {
    install -D five ${D}/bin/five
    install -D libfive.so.5 ${D}/opt/five/libfive.so.5
    install -d ${D}/etc
    echo /opt/five > ${D}/etc/ld.so.conf
}
]]

local program = [[
deltask fetch unpack patch configure compile populate_sysroot
inherit ldconfig
do_install() {
    install -d ${D}/share
    echo TEXT > ${D}/share/text
}
addtask test after do_install
do_test[root] = "outputs"
do_test[depends] = "system:do_install library:do_install"
do_test() {
    five
    cat /share/text
}
]]

local marked = [[
ROOT_HOOKS = "hook_mark"
hook_mark[paths] = "share/t*t"
hook_mark() {
    echo marking over TEXT
    cat /share/text > /etc/mark
    rm -f /bin/five
    WHAT
}
]]

describe("a hook over a root of layers", function()
  local here

  setup(function()
    here = project.new()
    here:write {
      ["system/system_1.bb"] = system,
      ["library/library_1.bb"] = library,
      ["library/files/five.c"] = "int five(void) { return 5; }\n",
      ["library/files/main.c"] = "#include <stdio.h>\nint five(void);\n"
        .. "int main(void) { printf(\"five: %d\\n\", five()); return 0; }\n",
    }
  end)
  teardown(function() here:close() end)

  local function write(text, tail)
    here:write {["p/p_1.bb"] = program:gsub("TEXT", text) .. (tail or "")}
  end

  it("lets the loader find the libraries of all layers, once for each stack", function()
    write("one")
    assert.is_true(here:build({"p:test"}).ok)
    assert.matches("five: 5\none\n", here:log "p:test")
    assert.are.equal("cached", here:build({"p:test"}).outcomes["p:test"])
    local layers = #here:stored "layers"
    assert.is_true(here:build({"p:test"}, {force = {"p:test"}}).ok)
    assert.are.equal(layers, #here:stored "layers")

    local builder <close> = here:builder()
    local options = builder:enter "p:test"
    options.command = {"/bin/sh", "-c", "five"}
    assert.are.equal("five: 5\n", sandbox.new(options):run().stdout)
  end)

  it("runs again for another stack, sees all of it, and leaves nothing of the sandbox", function()
    local tail = marked:gsub("WHAT", "") .. "do_test() {\n    ls_of() { echo $1: /$1*; }\n"
      .. "    cat /etc/mark\n    ls_of bin/five\n    ls_of run/moonsand/run.h\n}\n"
    write("one", tail)
    assert.is_true(here:build({"p:test"}).ok)
    assert.are.equal("one\nbin/five: /bin/five*\nrun/moonsand/run.h: /run/moonsand/run.h*\n",
      here:log "p:test")
    assert.is_truthy(here:said "marking over")
    assert.is_true(here:build({"p:test"}, {force = {"p:test"}}).ok)
    assert.is_nil(here:said "marking over")
    write("two", tail)
    assert.is_true(here:build({"p:test"}).ok)
    assert.matches("^two\n", here:log "p:test")
    assert.is_truthy(here:said "marking over")
  end)

  it("does not run where no path calls for it", function()
    write("one", (marked:gsub("share/t%*t", "share/nothing"):gsub("WHAT", "exit 7")))
    assert.is_true(here:build({"p:test"}).ok == false) -- the loader finds nothing without a cache
    assert.matches("libfive", here:log "p:test")
    assert.is_nil(here:said "marking over")
  end)

  it("that fails is the task's failure, with what it said", function()
    write("one", (marked:gsub("WHAT", "exit 7")))
    local summary = here:build {"p:test"}
    assert.is_false(summary.ok)
    local failure = summary.failures[1]
    assert.are.equal("p:test", failure.task)
    assert.are.equal(7, failure.exit_code)
    assert.matches("the hook 'hook_mark' of its root failed", failure.message)
    assert.matches("marking over", here:log "p:test")
  end)

  it("is refused with its place when it is no function, or nothing calls for it", function()
    write("one", 'ROOT_HOOKS = "hook_none"\n')
    here:build {"p:test"}
    assert.matches("ROOT_HOOKS names 'hook_none'", here:ended("p:test").message)
    assert.matches("p_1.bb:14", here:ended("p:test").where)
    write("one", (marked:gsub("hook_mark%[paths[^\n]*\n", "")))
    here:build {"p:test"}
    assert.matches("no flag %[paths%]", here:ended("p:test").message)
  end)
end)
