local host = require "moonsand.build.host"
local project = require "spec.support.project"
local scope = require "moonsand.scope"
local support = require "spec.support.host"

describe("the identity of the host", function()
  it("lists installed packages only, sorted, whatever their order in the file", function()
    local a = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    local b = "Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n"
    local gone = "Package: c\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 3\n"
    assert.are.equal("a amd64 1\nb all 2", host.packages(b .. "\n" .. gone .. "\n" .. a))
    assert.are.equal(host.packages(a .. "\n" .. b), host.packages(b .. "\n" .. a))
  end)

  it("reads the architecture from a program's header", function()
    assert.are_not.equal("unknown", host.architecture "/proc/self/exe")
  end)

  it("says unknown for a file that is no program", function()
    assert.are.equal("unknown", host.architecture "/etc/passwd")
  end)

  it("is the same twice", function()
    assert.are.equal(host.describe(host.identity()), host.describe(host.identity()))
  end)

  it("is another one when packages were installed since, and only then", function()
    local dir <close> = support.scratch()
    local one = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
    dir:file("var/lib/dpkg/status", one)
    local identity, changed = host.watch(dir.path)
    assert.are.same(host.identity(dir.path), identity)
    assert.is_false(changed())
    dir:file("var/lib/dpkg/status", one .. "Description: with another text\n")
    assert.is_false(changed())
    dir:file("var/lib/dpkg/status", one .. "\n" .. (one:gsub(": a", ": b", 1)))
    assert.is_true(changed())
    dir:file("var/lib/dpkg/status", one)
    assert.is_true(changed())
  end)
end)

describe("a build on whose host packages were installed meanwhile", function()
  it("keeps no result under a key that is not true any more, says so, and goes on", function()
    local here = project.new()
    local guard <close> = scope.new()
    guard:defer(function() here:close() end)
    here:write {["a/a_1.bb"] = "deltask patch\ndo_unpack() {\n    echo > it\n}\n" ..
      "do_configure() {\n    cat ${WORKDIR}/it\n}\naddtask configure after do_unpack\n"}
    do
      local builder <close> = here:builder()
      builder.host_changed = function() return true end
      assert.are.equal("ok", builder:run({"a:configure"}).outcomes["a:configure"])
    end
    local notes = {}
    for _, event in ipairs(here.events) do
      if event.event == "note" then notes[#notes + 1] = event.text end
    end
    assert.are.equal(1, #notes)
    assert.matches("^packages of this host were installed", notes[1])
    assert.are.same({"ok", "ok"}, {here:build({"a:configure"}).outcomes["a:unpack"],
      here:ended("a:configure").outcome})
    assert.are.equal("cached", here:build({"a:configure"}).outcomes["a:configure"])
  end)
end)
