-- Subjects of bubblewrap's, nsjail's and minijail's tests that no other file has
-- (docs/peers-tests.md).
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function run(options) return sandbox.new(options):run() end

describe("what a sandbox makes", function()
  it("has the mode that was given; parents have 0755, whatever the caller's umask", function()
    local own = tonumber(host.read("/proc/self/status"):match("Umask:%s*(%d+)"), 8)
    assert(core.umask {mode = 63}) -- 077
    local r = run {script = "stat -c '%a %n' /made /made/deep /made/deep/file /loose /t",
      dirs = {{target = "/loose", mode = 511}}, tmpfs = {{target = "/t", mode = 448}},
      files = {{target = "/made/deep/file", text = "", mode = 416}}}
    assert(core.umask {mode = own})
    assert.are.equal("755 /made\n755 /made/deep\n640 /made/deep/file\n777 /loose\n700 /t\n",
      r.stdout)
  end)

  it("may be the same link twice, and never another one over it", function()
    local link = {target = "/link", text = "one"}
    assert.are.equal("one\n", run {script = "readlink /link", symlinks = {link, link}}.stdout)
    local r = run {script = "true", symlinks = {link, {target = "/link", text = "two"}}}
    assert.are.same({"setup_failed", "symlink"}, {r.outcome, r.verb})
  end)

  it("may be another directory on /tmp, and one below it", function()
    local dir <close> = host.scratch()
    dir:file("one", "1")
    local r = run {script = "cat /tmp/one /tmp/deep/one; test ! -e /tmp/deep/deep",
      binds = {{source = dir:dir "deep" and dir.path, target = "/tmp"},
        {source = dir.path, target = "/tmp/deep"}}}
    assert.are.equal("11", r.stdout)
  end)
end)

describe("a run that comes to nothing", function()
  it("has no exit code in its record, before exec or at it", function()
    for outcome, options in pairs {setup_failed = {command = {"true"}, cwd = "/nowhere"},
      exec_failed = {command = {"/"}}} do
      local r = run(options)
      assert.are.equal(outcome, r.outcome)
      assert.is_nil(r.exit_code)
      assert.is_nil(r:record().exit_code)
    end
  end)
end)

describe("an exit code", function()
  it("is what the kernel leaves of it: 0, 1, 71, 255, and 300 is 44", function()
    for code, expected in pairs {[0] = 0, [1] = 1, [71] = 71, [255] = 255, [300] = 44} do
      assert.are.equal(expected, run {command = {"perl", "-e", "exit " .. code}}.exit_code)
    end
  end)
end)

describe("a process that has ended", function()
  it("tells how once, and takes no signal", function()
    local process <close> = host.start({"sh", "-c", "exit 7"})
    core.poll {{fd = process}}
    assert.are.equal(7, process:wait().exit_code)
    assert.has_error(function() process:wait() end)
    local ok, _, errno = process:kill "TERM"
    assert.are.same({nil, 3}, {ok, errno}) -- ESRCH
  end)
end)
