local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

describe("a sandbox that watches directories", function()
  local dir

  before_each(function()
    dir = host.scratch()
    dir:file("a/inc/one.h", "1")
    dir:file("b/inc/two.h", "2")
    dir:file("b/lib/three.a", "3")
    assert(core.symlink("two.h", dir.path .. "/b/inc/link.h"))
  end)
  after_each(function() dir:__close() end)

  local function run(script, more)
    local options = {
      script = script, watch = {"/s/inc", "/s/lib"},
      overlays = {{target = "/s", lower = {dir.path .. "/a", dir.path .. "/b"}, read_only = true}},
    }
    for key, value in pairs(more or {}) do options[key] = value end
    return sandbox.new(options):run()
  end

  it("says which of their files are opened, through whichever name", function()
    local r = run "cat /s/inc/one.h /s/inc/link.h >/dev/null; cat /s/inc/one.h"
    assert.are.same({"/s/inc/one.h", "/s/inc/two.h"}, r.opened, r.message)
  end)

  it("does not count what is only listed or looked at", function()
    assert.are.same({}, run("ls -l /s/inc; test -f /s/inc/one.h; ! test -f /s/inc/no.h").opened)
  end)

  it("does not hear what others open of the same lower directories", function()
    local lower = {dir.path .. "/a", dir.path .. "/b"}
    local overlays = {{target = "/s", lower = lower, read_only = true}}
    local box = sandbox.new {
      script = "echo ready; read -r line; cat /s/inc/one.h >/dev/null; echo $line",
      overlays = overlays, watch = {"/s/inc", "/s/lib"}, stdin = dir.path .. "/line",
    }
    assert(os.execute("mkfifo " .. dir.path .. "/line"))
    local line = assert(io.open(dir.path .. "/line", "r+"))
    local running <close> = box:start()
    assert.is_true(sandbox.new({script = "cat /s/lib/three.a", overlays = overlays}):run().ok)
    assert.is_not_nil(host.read(dir.path .. "/b/inc/two.h"))
    line:write("go\n")
    line:close()
    assert.are.same({"/s/inc/one.h"}, running:wait().opened)
  end)

  it("refuses to be prepared for many programs", function()
    local box = sandbox.new {watch = {"/tmp"}}
    assert.has_error(function() box:prepare() end)
  end)

  it("refuses what it cannot watch", function()
    local r = run("true", {watch = {"/s/none"}})
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("inotify_add_watch /s/none", r.message)
    assert.matches("a directory that is there inside", r.hint)
    for _, paths in ipairs {{"s"}, {"/s", "/s"}} do
      assert.has_error(function() sandbox.new {script = "true", watch = paths} end)
    end
  end)
end)
