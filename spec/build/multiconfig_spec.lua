-- Builds over several configurations: one recipe in two kinds, and one that needs both.
local core = require "moonsand.core"
local project = require "spec.support.project"

local plain = "deltask fetch unpack patch configure\n"

local files = {
  ["conf/local.conf"] = 'BBMULTICONFIG = "small large"\nSIZE ?= "0"\n',
  ["conf/multiconfig/small.conf"] = 'CFLAGS += "-DSIZE=1"\n',
  ["conf/multiconfig/large.conf"] = 'CFLAGS += "-DSIZE=3"\n',
  ["tool/tool_1.bb"] = plain .. [[
do_compile() {
    echo 'int main(void) { return SIZE; }' >tool.c
    $CC $CFLAGS -o tool tool.c
}
do_install() {
    install -D ${B}/tool ${D}${bindir}/tool
}
]],
  ["image/image_1.bb"] = plain .. [[
do_compile[noexec] = "1"
do_install[mcdepends] = "mc::small:tool:do_install mc::large:tool:do_install"
do_install() {
    for size in small large; do
        install -D /work/mc/$size/tool/outputs${bindir}/tool ${D}${bindir}/tool-$size
    done
    ${D}${bindir}/tool-small || echo "small is $?"
    ${D}${bindir}/tool-large || echo "large is $?"
}
]],
}

local function outcomes(summary, ...)
  local list = {}
  for i, name in ipairs {...} do list[i] = summary.outcomes[name] or "-" end
  return table.concat(list, " ")
end

describe("a build over several configurations", function()
  local here

  before_each(function()
    here = project.new()
    here:write(files)
  end)
  after_each(function() here:close() end)

  it("builds a recipe in two kinds, and one that needs both by [mcdepends]", function()
    local summary = here:build {"image:install"}
    assert.is_true(summary.ok)
    assert.are.equal("ok ok ok", outcomes(summary, "mc:small:tool:install",
      "mc:large:tool:install", "image:install"))
    assert.is_nil(summary.outcomes["tool:install"])
    assert.are.equal("small is 1\nlarge is 3\n", here:log "image:install")
    assert.is_truthy(core.stat(here.path .. "/build/mc:small:tool/log.do_compile"))
    assert.is_truthy(here:ended "mc:large:tool:compile")
    summary = here:build {"image:install"}
    assert.are.equal("cached", summary.outcomes["image:install"])
  end)

  it("keeps what is for another machine out of sysroots", function()
    here:write {["user/user_1.bb"] = plain .. [[
do_compile[mcdepends] = "mc::small:tool:do_populate_sysroot"
do_compile() {
    test ! -e ${STAGING_DIR_HOST}/usr/lib/library
    cat /work/mc/small/tool/sysroot/usr/lib/library
}
do_install() {
    test ! -e /work/mc/small/tool/sysroot/usr
}
]], ["tool/tool_1.bb"] = plain .. [[
do_compile[noexec] = "1"
do_install() {
    install -d ${D}${libdir}
    echo "$CFLAGS" >${D}${libdir}/library
}
]]}
    assert.is_true(here:build({"user:install"}).ok)
    assert.matches("%-DSIZE=1", here:log "user:compile")
  end)

  it("makes what is equal in two configurations once", function()
    here:write {["conf/multiconfig/large.conf"] = 'CFLAGS += "-DSIZE=1"\n'}
    local targets = {"mc:small:tool:install", "mc:large:tool:install"}
    do
      local builder <close> = here:builder()
      local steps = builder:plan(targets)
      local states = {}
      for _, step in ipairs(steps) do states[step.task] = step.state .. " " .. (step.why or "") end
      assert.are.equal("cached the same as mc:small:tool:install",
        states["mc:large:tool:install"])
    end
    for jobs = 1, 2 do
      local summary = here:build(targets, {jobs = jobs})
      assert.is_true(summary.ok)
      assert.are.equal("ok ok cached", outcomes(summary, "mc:small:tool:compile",
        "mc:small:tool:install", "mc:large:tool:install"))
      assert.are.equal("the same as mc:small:tool:install",
        here:ended("mc:large:tool:install").why)
      assert.are.same(summary.results["mc:small:tool:install"].trees,
        summary.results["mc:large:tool:install"].trees)
      assert.are.equal("cached", here:build({"mc:large:tool:install"}).outcomes[targets[2]])
      here:write {["conf/local.conf"] = files["conf/local.conf"] .. 'CFLAGS += "-DMORE"\n'}
    end
  end)

  it("goes on where configurations part from the results that they share", function()
    here:write {["tool/tool_1.bb"] = plain .. [[
WORD ?= "none"
CFLAGS = ""
do_compile() {
    echo shared >shared
}
do_install() {
    install -d ${D}
    cat shared >${D}/word
    echo ${WORD} >>${D}/word
    cat ${D}/word
}
]], ["conf/multiconfig/small.conf"] = 'WORD = "one"\n',
      ["conf/multiconfig/large.conf"] = 'WORD = "three"\n'}
    local summary = here:build({"mc:small:tool:install", "mc:large:tool:install"}, {check = true})
    assert.is_true(summary.ok)
    assert.are.equal("ok cached ok ok", outcomes(summary, "mc:small:tool:compile",
      "mc:large:tool:compile", "mc:small:tool:install", "mc:large:tool:install"))
    assert.are.equal("shared\nthree\n", here:log "mc:large:tool:install")
  end)

  it("stops what shares a result when the task that makes it fails", function()
    here:write {["tool/tool_1.bb"] = plain .. "do_compile() {\n    false\n}\n",
      ["conf/multiconfig/large.conf"] = 'CFLAGS += "-DSIZE=1"\n'}
    local summary = here:build({"mc:small:tool:install", "mc:large:tool:install"},
      {jobs = 2, keep_going = true})
    assert.is_false(summary.ok)
    assert.are.equal(1, #summary.failures)
    assert.are.equal("mc:small:tool:compile", summary.failures[1].task)
  end)

  it("says by its whole name what made a task run", function()
    assert.is_true(here:build({"image:install"}).ok)
    here:write {["conf/multiconfig/small.conf"] = 'CFLAGS += "-DSIZE=2"\n'}
    local summary = here:build {"image:install"}
    assert.are.equal("ok cached ok", outcomes(summary, "mc:small:tool:install",
      "mc:large:tool:install", "image:install"))
    local builder <close> = here:builder()
    local why = builder:why "image:install"
    assert.are.equal("mc:small:tool:install", why.links[1].task)
    assert.matches("image_1.bb:%d+$", why.links[1].where)
    local compile = why.links[1].because.links[1]
    assert.are.equal("mc:small:tool:compile", compile.task)
    assert.are.equal("CFLAGS", compile.because.changes[1].name)
    assert.matches("multiconfig/small.conf:1$", compile.because.changes[1].where)
  end)

  it("fetches once what two configurations have from the same place", function()
    here:write {["tool/files/text"] = "text\n", ["tool/tool_1.bb"] = [[
SRC_URI = "file://text"
do_compile[noexec] = "1"
do_install() {
    install -D ${WORKDIR}/text ${D}/text
}
]]}
    local summary = here:build({"mc:small:tool:fetch", "mc:large:tool:fetch"}, {jobs = 2})
    assert.is_true(summary.ok)
    assert.are.equal("ok cached", outcomes(summary, "mc:small:tool:fetch", "mc:large:tool:fetch"))
  end)

  it("does not run at the same time what one lock file is for", function()
    here:write {["tool/tool_1.bb"] = plain .. [[
do_compile[noexec] = "1"
do_install[lockfiles] = "/lock"
do_install() {
    echo "$CFLAGS"
    sleep 0.2
}
]]}
    assert.is_true(here:build({"mc:*:tool:install"}, {jobs = 3}).ok)
    local running, most = 0, 0
    for _, event in ipairs(here.events) do
      if event.task and event.task:find "tool:install$" then
        if event.event == "task_started" then running = running + 1 end
        if event.event == "task_ended" then running = running - 1 end
        most = math.max(most, running)
      end
    end
    assert.are.equal(1, most)
  end)
end)
