-- Packages of the host as a layer (host-packages.bbclass), and the roots that are made of it.
local project = require "spec.support.project"

local tools = [[
inherit host-packages
HOST_PACKAGES = "%s"
]]

local user = [[
inherit strict
ROOT_LAYERS = "tools"
deltask fetch unpack patch configure
do_compile() {
    %s
}
do_install() {
    :
}
]]

local debian = io.open "/var/lib/dpkg/status"
if debian then debian:close() end

describe("packages of the host", function()
  local here

  -- One store for all: to copy the essential packages takes longer than the rest.
  setup(function() here = project.new() end)
  teardown(function() here:close() end)

  local function build(packages, text, options)
    here:write {["tools/tools_1.bb"] = tools:format(packages), ["p/p_1.bb"] = user:format(text)}
    return here:build({"p:compile"}, options)
  end

  local function on_debian(name, test)
    it(name, function()
      if not debian then return pending "this is no Debian system" end
      test()
    end)
  end

  on_debian("are a root for strict recipes, with what they depend on and nothing else", function()
    assert.is_true(build("mawk mount", [[ls /usr/bin | grep -x -e make -e gcc -e ls
    ls -d /usr/lib/*/libc.so.6
    awk 'BEGIN { print "awk runs" }']]).ok, here:log "p:compile")
    assert.matches("^ls\n/usr/lib/%S*/libc%.so%.6\nawk runs\n$", here:log "p:compile")
  end)

  on_debian("come without manuals, set-id bits, and what people change in /etc", function()
    assert.is_true(build("mawk mount", [[find /usr -perm /6000 | wc -l
    ls -d /usr/share/doc /usr/share/man /etc 2>/dev/null | wc -l]]).ok)
    assert.are.equal("0\n0\n", here:log "p:compile")
  end)

  on_debian("are the same layer after a package more, and who builds over them is known", function()
    local function on(installed)
      local host = {architecture = "same", packages = installed}
      return build("mawk mount", "echo built", {host = host}).outcomes
    end
    assert.are.equal("ok", on("one")["p:compile"])
    local outcomes = on "one, another"
    assert.are.equal("ok", outcomes["tools:install"])
    assert.are.equal("cached", outcomes["p:compile"])
  end)

  on_debian("that are not installed are named, with what to do", function()
    assert.is_false(build("mawk no-such-package nor-this-one", ":").ok)
    assert.are.equal([[
not installed here: no-such-package nor-this-one
as root: apt-get install no-such-package nor-this-one
]], here:log "tools:install")
  end)
end)

describe("the flag [host] of a task", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local text = "deltask fetch unpack patch configure\n%sdo_compile() {\n    %s\n}\n"

  it("shows it the package database, which no other task sees", function()
    here:write {
      ["a/a_1.bb"] = "inherit base\n" .. text:format('do_compile[host] = "packages"\n',
        "test ! -e /var/lib/dpkg || test -e /var/lib/dpkg/status && ! touch /var/lib/dpkg/new"),
      ["b/b_1.bb"] = "inherit base\n" .. text:format("", "test ! -e /var/lib/dpkg"),
    }
    assert.is_true(here:build({"a:compile", "b:compile"}).ok)
  end)

  it("is refused with another word", function()
    here:write {["a/a_1.bb"] = "inherit base\n" .. text:format('do_compile[host] = "home"\n', ":")}
    local ok, why = pcall(here.build, here, {"a:compile"})
    assert.is_false(ok)
    assert.matches("a_1.bb:3: the flag %[host%] of task 'a:compile' is 'home'", tostring(why))
    assert.matches('write "packages"', tostring(why))
  end)
end)
