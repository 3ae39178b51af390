local core = require "moonsand.core"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"
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
    local count = #here:stored "layers"
    assert.is_true(here:build({"p:test"}, {force = {"p:test"}}).ok)
    assert.are.equal(count, #here:stored "layers")

    local builder <close> = here:builder()
    local options = builder:enter "p:test"
    options.command = {"/bin/sh", "-c", "five"}
    assert.are.equal("five: 5\n", sandbox.new(options):run().stdout)
  end)

  it("has a directory for the loader's cache where no layer brings one", function()
    write("none", [[
do_test[depends] = "system:do_install"
do_test() {
    test -s /etc/ld.so.cache
}
]])
    assert.is_true(here:build({"p:test"}).ok, here:log "p:test")
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

  local function hooks_told()
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "task_hook" then
        assert.are.equal("p:test", event.task)
        assert.is_number(event.seconds)
        list[#list + 1] = event.hook .. " " .. event.outcome
      end
    end
    return table.concat(list, ", ")
  end

  it("is in events and in the plan; that its text made it run again answers why", function()
    local function hooks_planned()
      local builder <close> = here:builder {force = {"p:test"}}
      for _, step in ipairs((builder:plan {"p:test"})) do
        if step.task == "p:test" then return step.hooks end
      end
    end
    local tail = marked:gsub("WHAT", ": three"):gsub("HOOKS =", "HOOKS +=")
      .. "do_test() {\n    cat /etc/mark\n}\n"
    write("three", tail)
    assert.is_true(here:build({"p:install"}).ok)
    local known = "run"
    for i = 1, 2 do
      assert.are.same({{name = "hook_ldconfig", state = known}, known == "cached" and {
        name = "hook_mark", state = known} or nil}, hooks_planned())
      assert.is_true(here:build({"p:test"}, {force = {"p:test"}}).ok)
      assert.are.equal(i == 1 and "hook_ldconfig ok, hook_mark ok"
        or "hook_ldconfig cached, hook_mark cached", hooks_told())
      known = "cached"
    end
    write("three", (tail:gsub(": three", ": four")))
    here:build {"p:test"}
    assert.are.equal("hook_ldconfig cached, hook_mark ok", hooks_told())
    local builder <close> = here:builder()
    local names = {}
    for _, change in ipairs(builder:why("p:test").changes) do names[#names + 1] = change.name end
    assert.are.same({"hook_mark"}, names)
    write("three", (tail:gsub(": three", "exit 7")))
    here:build {"p:test"}
    assert.are.equal("hook_ldconfig cached, hook_mark failed", hooks_told())
  end)

  it("goes with a result: kept with it, pinned with it, and in its file", function()
    write("five")
    assert.is_true(here:build({"p:test"}).ok)
    local file, made = here.path .. "/five.tar"
    do
      local builder <close> = here:builder()
      local closure = builder:closure "p:test"
      made = closure.hooks[1]
      builder.store:export(closure, file)
      assert.is_truthy(table.concat(builder:pin("five", "p:test"), " "):find(made, 1, true))
    end
    local function is_left() -- after a collection by who holds nothing
      do
        local store <close> = layer.open(here.path .. "/store", {sync = "off"})
        store:gc {max_used = 0}
      end
      local store <close> = layer.open(here.path .. "/store", {sync = "off"})
      return store:layer(made) ~= nil
    end
    local function forget(directory)
      for _, name in ipairs(core.readdir(here.path .. directory)) do
        core.unlink(here.path .. directory .. "/" .. name)
      end
    end
    assert.is_true(is_left())
    forget "/store/builds"
    assert.is_true(is_left())
    forget "/store/roots"
    assert.is_false(is_left())
    do
      local room <close> = layers.room()
      local report = room.store:import(file)
      assert.are.equal(2, report.layers) -- p:test's own, and the hook's
      assert.is_truthy(room.store:layer(made))
      assert.are.same({}, (room.store:verify {full = true}))
      local found = 0
      for _, shard in ipairs(core.readdir(room.path .. "/store/ik")) do
        local names = core.readdir(room.path .. "/store/ik/" .. shard)
        found = found + (shard:find "^ho" and #names or 0)
      end
      assert.are.equal(1, found)
    end
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

-- Two libraries that each say what they bring, and who wants the list of all.
local piece = [[
deltask fetch unpack patch configure compile
KIND
do_install() {
    mkdir -p ${D}/usr/share/list.d
    echo NAME > ${D}/usr/share/list.d/NAME
}
]]

local reader = [[
deltask fetch unpack patch install populate_sysroot
DEPENDS = "one two tool-native"
SYSROOT_HOOKS = "hook_list hook_tools"
hook_list[paths] = "usr/share/list.d/*"
hook_list() {
    echo listing WHAT
    cat ${RECIPE_SYSROOT}/usr/share/list.d/* ${RECIPE_SYSROOT_NATIVE}/usr/share/tools \
        > ${RECIPE_SYSROOT}/usr/share/list
    rm ${RECIPE_SYSROOT}/usr/share/list.d/one
}
hook_tools[paths] = "usr/share/list.d/tool"
hook_tools[sysroot] = "native"
hook_tools() {
    ls ${RECIPE_SYSROOT_NATIVE}/usr/share/list.d > ${RECIPE_SYSROOT_NATIVE}/usr/share/tools
    test ! -e ${RECIPE_SYSROOT}/usr
}
do_compile() {
    cat ${RECIPE_SYSROOT}/usr/share/list
    ls ${RECIPE_SYSROOT}/usr/share/list.d
    if touch ${RECIPE_SYSROOT}/usr/share/list; then exit 8; fi
}
]]

describe("a hook over a sysroot", function()
  local here

  before_each(function()
    here = project.new()
    here:write {
      ["one/one_1.bb"] = piece:gsub("NAME", "one"):gsub("KIND", ""),
      ["two/two_1.bb"] = piece:gsub("NAME", "two"):gsub("KIND", ""),
      ["tool-native/tool-native_1.bb"] = piece:gsub("NAME", "tool")
        :gsub("KIND", 'SYSROOT_KIND = "native"'),
      ["r/r_1.bb"] = reader:gsub("WHAT", "all"),
    }
  end)
  after_each(function() here:close() end)

  -- do_configure comes first, and sees the same.
  local function told(task)
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "task_hook" and event.task == task then
        list[#list + 1] = event.hook .. " " .. event.outcome
      end
    end
    return table.concat(list, ", ")
  end

  it("makes what lies on top of it, the native one first, once for each stack", function()
    local summary = here:build {"r:compile"}
    assert.is_true(summary.ok, here:log "r:compile")
    assert.matches("^one\ntwo\ntool\ntwo\n", here:log "r:compile")
    assert.are.equal("hook_tools ok, hook_list ok", told "r:configure")
    assert.is_truthy(here:said "listing all")
    assert.is_true(here:build({"r:compile"}, {force = {"r:compile"}}).ok)
    assert.are.equal("hook_tools cached, hook_list cached", told "r:compile")
    assert.are.equal("cached", here:build({"r:compile"}).outcomes["r:compile"])
    do
      local builder <close> = here:builder()
      assert.are.equal(2, #builder:closure("r:compile").hooks)
    end
    assert.are.equal("same", here:build({"r:compile"}, {check = true}).checked[1].outcome)
  end)

  it("runs again for other layers and for another text, and that makes the task run", function()
    here:build {"r:compile"}
    here:write {["r/r_1.bb"] = reader:gsub("WHAT", "again")}
    assert.are.equal("ok", here:build({"r:compile"}).outcomes["r:compile"])
    assert.are.equal("hook_tools cached, hook_list ok", told "r:configure")
    here:write {["two/two_1.bb"] = piece:gsub("echo NAME", "echo 2"):gsub("NAME", "two")
      :gsub("KIND", "")}
    here:build {"r:compile"}
    assert.are.equal("hook_tools cached, hook_list ok", told "r:configure")
    assert.matches("^one\n2\ntool\n", here:log "r:compile")
  end)

  it("is entered with the task, also after a failure", function()
    here:write {["r/r_1.bb"] = reader:gsub("WHAT", "all"):gsub("exit 8; fi", "%0; exit 9")}
    assert.is_false(here:build({"r:compile"}).ok)
    local builder <close> = here:builder()
    local options = builder:enter "r:compile"
    options.command = {"/bin/sh", "-c", "cat /work/recipe-sysroot/usr/share/list"}
    assert.are.equal("one\ntwo\ntool\n", sandbox.new(options):run().stdout)
  end)

  it("is refused when it is for no sysroot", function()
    here:write {["r/r_1.bb"] = reader:gsub('"native"', '"nothing"')}
    here:build {"r:compile"}
    assert.matches("%[sysroot%] of the hook 'hook_tools' is 'nothing'",
      here:ended("r:configure").message)
  end)
end)
