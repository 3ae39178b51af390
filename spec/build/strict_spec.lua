local project = require "spec.support.project"

-- A root of the host's programs, with the libraries that they need; it is made on the host.
local system = [[
deltask fetch unpack patch configure compile populate_sysroot
do_install() {
    for path in PROGRAMS; do
        install -D $path ${D}$path
        for library in $(ldd $path | grep -o '/[^ ]*'); do
            install -D $library ${D}$library
        done
    done
    ! test -e ${D}/bin/dash || mv ${D}/bin/dash ${D}/bin/sh
    ! test -e ${D}/bin/bash || mv ${D}/bin/bash ${D}/bin/sh
}
]]

local recipe = [[
inherit strict
ROOT_LAYERS = "system"
deltask fetch unpack patch
do_configure() {
    echo configured > ${B}/here
}
do_compile() {
    cat ${B}/here
    test -e /usr || echo no host
}
do_install() {
    mkdir -p ${D}/share
    cp ${B}/here ${D}/share/here
}
]]

describe("a recipe that is strict", function()
  local here

  setup(function() here = project.new() end)
  teardown(function() here:close() end)

  local function write(programs, text)
    here:write {
      ["system/system_1.bb"] = (system:gsub("PROGRAMS", programs)), ["p/p_1.bb"] = text or recipe,
    }
  end

  local all = "/bin/bash /bin/rm /bin/mkdir /bin/cat /bin/ls /bin/cp"

  it("sees declared layers only, in each task, and is known on a host with others", function()
    write(all)
    local function on(packages)
      return here:build({"p:install"}, {host = {architecture = "same", packages = packages}})
    end
    assert.is_true(on("one").ok)
    assert.are.equal("configured\nno host\n", here:log "p:compile")
    local outcomes = on("two").outcomes
    assert.are.equal("ok", outcomes["system:install"])
    assert.are.equal("cached", outcomes["p:compile"])
    assert.are.equal("cached", outcomes["p:install"])
  end)

  it("has dash for its shell: messages and the job pool reach it", function()
    write((all:gsub("/bin/bash", "/bin/dash")), (recipe:gsub("do_compile.-\n}", [[
do_compile() {
    echo "bash: ${BASH_VERSION:-none}"
    [ -p /dev/fd/17 ] && echo "a pool, ${MAKEFLAGS## }"
    bbwarn "from dash" >/dev/null
    false || bbnote "and on"
}]])))
    assert.is_true(here:build({"p:compile"}, {jobs = 2}).ok, here:log "p:compile")
    assert.are.equal("bash: none\na pool, -j2 --jobserver-auth=17,17\nWARNING: from dash\n"
      .. "NOTE: and on\n", here:log "p:compile")
    local levels = {}
    for _, event in ipairs(here.events) do
      if event.event == "task_message" then levels[#levels + 1] = event.level end
    end
    assert.are.same({"warn", "note"}, levels)
  end)

  it("fails where a program is in no layer, and is told what there is", function()
    write((all:gsub(" /bin/cp", "")))
    local failure = here:build({"p"}).failures[1]
    assert.are.equal("p:install", failure.task)
    assert.are.equal("its root is only what 'system' installed", failure.message)
    assert.matches("cp: command not found", here:log "p:install")
  end)

  it("is refused without a shell, and without a layer", function()
    write("/bin/cat")
    here:build {"p"}
    assert.matches("'p:configure' finds no '/bin/sh': its root is only what 'system' installed",
      here:ended("p:configure").message)
    write(all, (recipe:gsub('"system"', '""')))
    local ok, why = pcall(here.build, here, {"p"})
    assert.is_false(ok)
    assert.matches("task 'p:configure' has a root of layers only, and no layer", tostring(why))
  end)
end)
