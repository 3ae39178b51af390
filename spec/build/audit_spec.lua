local host = require "spec.support.host"
local observe = require "moonsand.build.observe"
local packages = require "moonsand.build.packages"
local observer = require "moonsand.sandbox.observe"
local project = require "spec.support.project"
local doctor = require "moonsand.sandbox.doctor"
local sought = require "moonsand.build.sought"

local head = "deltask fetch unpack patch configure\n" ..
  "do_compile[deptask] = \"do_populate_sysroot\"\n"

-- A recipe that installs headers, and whose do_compile is what matters.
local function recipe(depends, headers, compile)
  local lines = {head, ("DEPENDS = %q\n"):format(depends), "do_compile() {\n    ",
    compile or ":", "\n}\ndo_install() {\n    mkdir -p \"${D}${includedir}\"\n"}
  for name, text in pairs(headers) do
    lines[#lines + 1] = ("    echo '%s' >\"${D}${includedir}/%s\"\n"):format(text, name)
  end
  return table.concat(lines) .. "}\n"
end

local include = "/work/recipe-sysroot/usr/include/"

local files = {
  ["z/z_1.bb"] = recipe("", {["z.h"] = "int z;", ["inner.h"] = "int inner;"}),
  ["p/p_1.bb"] = recipe("z", {["p.h"] = "#include <inner.h>"}, "cat " .. include .. "z.h"),
  ["extra/extra_1.bb"] = recipe("", {["extra.h"] = "int extra;"}),
  -- inner.h is opened because p.h includes it
  ["clean/clean_1.bb"] = recipe("p", {}, ("cat %sp.h %sinner.h"):format(include, include)),
  ["dirty/dirty_1.bb"] = recipe("p extra", {}, ("cat %sp.h %sz.h"):format(include, include)),
  ["silent/silent_1.bb"] = "MOONSAND_AUDIT_IGNORE = \"z extra\"\n" ..
    recipe("p extra", {}, ("cat %sp.h %sz.h"):format(include, include)),
  ["refused/refused_1.bb"] = recipe("p", {}, ("cat %sp.h; touch %snew.h || true"):format(include,
    include)),
  ["seeker/seeker_1.bb"] = "MOONSAND_AUDIT_IGNORE = \"lua5.4\"\n" .. recipe("", {},
    "for n in z inner unmade nobody; do test -e /usr/include/$n.h || :; done; lua5.4 -v"),
  ["unmade/unmade_1.bb"] = recipe("", {["unmade.h"] = "int unmade;"}),
  ["runner/runner_1.bb"] = recipe("z", {}, "test -e /usr/include/z.h || cat " .. include ..
    "z.h; lua5.4 -v"),
  ["alone/alone_1.bb"] = recipe("", {}, "mkdir -p " .. include .. " && touch " .. include ..
    "new.h"),
}

describe("an audited build", function()
  local here

  setup(function()
    here = project.new()
    here:write(files)
  end)
  teardown(function() here:close() end)

  local function findings(target, options)
    local all = {audit = true}
    for key, value in pairs(options or {}) do all[key] = value end
    local summary = here:build({target}, all)
    assert.is_true(summary.ok)
    return summary.findings
  end

  local function notes()
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "note" then list[#list + 1] = event.text end
    end
    return table.concat(list, "\n")
  end

  it("finds nothing in a recipe that declares what it opens", function()
    assert.are.same({}, findings "clean")
    assert.matches("audit: 0 findings in 3 recipes", notes())
  end)

  it("names the dependency that nothing opens and the one that is there for another, each with "
    .. "the line to change", function()
    local list = findings "dirty"
    assert.are.equal(2, #list)
    local where = here.path .. "/recipes/dirty/dirty_1.bb:3"
    assert.are.same({kind = "unused", recipe = "dirty", dependency = "extra", where = where,
      fix = 'take "extra" out of DEPENDS',
      text = "dirty depends on 'extra', and no task opens a file of it"}, list[1])
    assert.are.same({kind = "transitive", recipe = "dirty", dependency = "z", where = where,
      task = "dirty:compile", path = "usr/include/z.h", through = {"p"}, fix = 'DEPENDS += "z"',
      text = "dirty:compile opens usr/include/z.h of 'z', which is there because 'p' needs it"},
      list[2])
    local told = {}
    for _, event in ipairs(here.events) do
      if event.event == "audit_finding" then told[#told + 1] = event.fix end
    end
    assert.are.same({list[1].fix, list[2].fix}, told)
  end)

  it("finds the same when the results are in the store, and knows which were not looked at",
    function()
      assert.are.equal(2, #findings "dirty")
      here:build({"dirty"}, {force = {"dirty:compile"}})
      assert.are.equal(2, #findings "dirty")
      here:write {["dirty/dirty_1.bb"] = files["dirty/dirty_1.bb"] .. "do_compile:append() {\n" ..
        "    echo more\n}\n"}
      here:build {"dirty"}
      assert.are.same({}, findings "dirty")
      assert.matches("1 task, made without %-%-audit, told nothing: dirty:compile;", notes())
    end)

  it("says nothing of what a recipe wants to be ignored", function()
    assert.are.same({}, findings "silent")
  end)

  it("finds writes to a sysroot, those that are refused and those that reach nobody", function()
    for _, name in ipairs {"refused", "alone"} do
      local list = findings(name)
      assert.are.equal(1, #list, name)
      assert.are.equal("write", list[1].kind)
      assert.are.equal(name .. ":compile writes to its sysroot: recipe-sysroot/usr/include/new.h",
        list[1].text)
    end
  end)

  it("is told in full what was looked for in vain and a recipe has, with the line to add",
    function()
      findings "clean" -- there is a sysroot of z; unmade has none yet, but a name
      local list = findings("seeker", {audit = "full"})
      local where = here.path .. "/recipes/seeker/seeker_1.bb:4"
      assert.are.same({kind = "probe", recipe = "seeker", dependency = "unmade", where = where,
        task = "seeker:compile", path = "/usr/include/unmade.h", fix = 'DEPENDS += "unmade"',
        text = "seeker:compile looked in vain for unmade.h (/usr/include/); there is a recipe "
          .. "'unmade'"}, list[1])
      assert.are.same({kind = "probe", recipe = "seeker", dependency = "z", where = where,
        task = "seeker:compile", path = "/usr/include/z.h", fix = 'DEPENDS += "z"',
        text = "seeker:compile looked in vain for z.h (/usr/include/) and 1 more; 'z' has it"},
        list[2])
      assert.are.equal(2, #list)
      assert.matches("other names? w%l+ looked for in vain, and no recipe here has", notes())
      assert.matches("\nsought /usr/include/nobody.h\n", host.read(here.path ..
        "/build/seeker/audit.do_compile"))
    end)

  it("is told in full which package of the host a task used that nothing declares", function()
    if not packages.open() then return pending "no Debian package database" end
    local list = findings("runner", {audit = "full"})
    assert.are.equal(1, #list)
    assert.are.equal("runner:compile runs /usr/bin/lua5.4 of the host (package lua5.4)",
      list[1].text)
    assert.are.equal('MOONSAND_AUDIT_IGNORE += "lua5.4"', list[1].fix)
    here:write {["runner/runner_1.bb"] = files["runner/runner_1.bb"] ..
      'MOONSAND_AUDIT_IGNORE += "lua5.4"\n'}
    assert.are.same({}, findings("runner", {audit = "full"}))
  end)

  it("knows which results were not observed in full", function()
    findings "clean"
    assert.are.same({}, findings("clean", {audit = "full"}))
    assert.matches("made without %-%-audit=full, told nothing: ", notes())
  end)

  it("is refused in full where tasks cannot be observed", function()
    local look = doctor.look
    finally(function() doctor.look = look end)
    doctor.look = function() ---@diagnostic disable-line: duplicate-set-field
      return {ok = false, what = "observe: no", fix = "another host"}
    end
    local ok, why = pcall(here.build, here, {"clean"}, {audit = "full", force = {"clean:compile"}})
    assert.is_false(ok)
    assert.are.equal("--audit=full: tasks cannot be observed on this host: observe: no\n"
      .. "  another host", tostring(why))
    assert.has_error(function() here:build({"clean"}, {audit = "half"}) end)
  end)

  it("keeps nothing of a task whose observer is gone", function()
    here:write {["lost/lost_1.bb"] = recipe("", {}, "echo lost")}
    local open = observer.open
    finally(function() observer.open = open end)
    observer.open = function(options, undo) ---@diagnostic disable-line: duplicate-set-field
      local self = open(options, undo)
      if self and #options.observe > 1 then self.process:kill("KILL") end -- 1: may it be done here?
      return self
    end
    local summary = here:build({"lost"}, {audit = "full"})
    assert.is_false(summary.ok)
    assert.matches("observe", summary.failures[1].message)
    observer.open = open
    assert.is_true(here:build({"lost"}).ok)
    assert.are.equal("ok", here:ended("lost:compile").outcome)
  end)

  it("claims nothing of a dependency while tasks that may use it are left out", function()
    here:write {["part/part_1.bb"] = recipe("extra", {})}
    assert.are.same({}, findings "part:compile")
    assert.are.equal("unused", findings("part")[1].kind)
  end)
end)

describe("an observation", function()
  it("is the same after it was text", function()
    local seen = {lost = true, written = {"recipe-sysroot/a b"}, opened = {
      {kind = "target", recipe = "z", path = "usr/include/z h"},
      {kind = "native", recipe = "m-native", path = "usr/bin/m"},
    }}
    assert.are.same(seen, observe.decode(observe.encode(seen)))
    seen.full, seen.sought = true, {"/usr/include/a b.h"}
    seen.host = {{use = "runs", path = "/bin/a b", real = "/usr/bin/c"},
      {use = "opens", path = "/usr/x", real = "/usr/x"}}
    assert.are.same(seen, observe.decode(observe.encode(seen)))
    assert.is_nil(observe.decode "something else\n")
    assert.is_nil(observe.decode(nil))
  end)
end)

describe("what is looked for", function()
  it("has one name in all directories that a compiler or a shell goes through", function()
    for path, key in pairs {
      ["/usr/include/zlib.h"] = "header zlib.h", ["/usr/lib/gcc/x86_64-linux-gnu/12/include/zlib.h"]
        = "header zlib.h", ["/usr/include/x86_64-linux-gnu/sys/x.h"] = "header sys/x.h",
      ["/usr/include/c++/12/x86_64-linux-gnu/curl/curl.h"] = "header curl/curl.h",
      ["/work/recipe-sysroot/usr/lib/libz.a"] = "library libz",
      ["/usr/lib/x86_64-linux-gnu/libz.so"] = "library libz",
      ["/usr/share/pkgconfig/zlib.pc"] = "pkgconfig zlib.pc", ["/bin/bison"] = "program bison",
      ["/usr/share/aclocal/libtool.m4"] = "macros libtool.m4"} do
      assert.are.equal(key, sought.of(path).key)
    end
    for _, path in ipairs {"/usr/lib/x86_64-linux-gnu/libz.so.1", "/usr/include/sys", "/etc/x"} do
      assert.is_nil(sought.of(path))
    end
  end)

  it("may have a recipe that is called like it", function()
    assert.are.same({"zlib", "libzlib"}, sought.names(sought.of "/usr/include/zlib.h"))
    assert.are.same({"curl", "libcurl"}, sought.names(sought.of "/usr/include/curl/curl.h"))
    assert.are.same({"z", "libz"}, sought.names(sought.of "/usr/lib/libz.a"))
  end)
end)

describe("the packages of a host", function()
  it("are those that are installed, and what they need of each other", function()
    local dir <close> = host.scratch()
    dir:file("var/lib/dpkg/status", [[
Package: gcc
Status: install ok installed
Depends: gcc-12 (>= 12.2), libx | liby:any
Provides: c-compiler (= 12), cc

Package: gcc-12
Status: install ok installed

Package: liby
Status: install ok installed

Package: gone
Status: deinstall ok config-files

Package: tool
Status: install ok installed
Depends: cc, shared
]])
    dir:file("var/lib/dpkg/info/tool:amd64.list", "/.\n/bin/tool\n/usr/share/tool/x\n")
    dir:file("var/lib/dpkg/info/gcc-12.list", "/usr/bin/gcc-12\n")
    local here = packages.open(dir.path)
    assert.are.same({gcc = true, ["gcc-12"] = true, liby = true}, here.base)
    assert.are.same({tool = true, gcc = true, ["gcc-12"] = true, liby = true},
      here:closure {"tool", "gone"})
    assert.are.same({["/usr/bin/tool"] = "tool", ["/usr/bin/gcc-12"] = "gcc-12"},
      here:owners {["/usr/bin/tool"] = true, ["/usr/bin/gcc-12"] = true, ["/usr/x"] = true})
    assert.is_nil(packages.open(dir.path .. "/none"))
  end)
end)
