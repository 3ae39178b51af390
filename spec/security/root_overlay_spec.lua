local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

describe("an overlay on /", function()
  local directory

  before_each(function()
    directory = assert(core.mkdtemp "/tmp/moonsand-spec.")
    assert(core.mkdirs(directory .. "/layer"))
  end)

  after_each(function() assert(core.remove_tree(directory)) end)

  local function run(overlay)
    return sandbox.new {
      root = "empty", overlays = {overlay}, script = "cd /usr/..; echo /usr/../*; cat " ..
        "/proc/self/mountinfo", env = {PATH = "/usr/bin:/bin"},
      binds = {{source = "/usr", target = "/usr"}},
      symlinks = {
        {target = "/bin", text = "usr/bin"}, {target = "/lib", text = "usr/lib"},
        {target = "/lib64", text = "usr/lib64"},
      },
    }:run()
  end

  it("with a vanishing upper leaves no way to the caller's tree by '..'", function()
    local result = run {target = "/", lower = {directory .. "/layer"}}
    assert.are.equal(0, result.exit_code, result.stderr)
    assert.matches("^/usr/../bin /usr/../dev ", result.stdout)
    assert.is_nil(result.stdout:match "/usr/../home")
  end)

  it("leaves none of the caller's mounts behind", function()
    local result = run {target = "/", lower = {directory .. "/layer"}}
    local count, mine = 0, 0
    for target in result.stdout:gmatch "\n%d+ %d+ %d+:%d+ %S+ (%S+) " do
      if not target:find "^/proc/" then count = count + 1 end -- root's covers
    end
    for _ in io.lines "/proc/self/mountinfo" do mine = mine + 1 end
    assert.is_true(count < 16, ("%d mounts, the caller has %d"):format(count, mine))
  end)

  it("with an upper of its own leaves no way either", function()
    local result = run {
      target = "/", lower = {directory .. "/layer"}, upper = directory .. "/upper",
    }
    assert.are.equal(0, result.exit_code, result.stderr)
    assert.is_nil(result.stdout:match "/usr/../home")
  end)
end)

describe("the old root", function()
  local function listing(setup)
    return host.lua(setup .. [[
      local uid, gid = core.uid(), core.gid()
      local r, w = core.pipe()
      local steps = {
        {"namespaces", "user", "mount", "pid"},
        {"ids", uid = {{uid, uid, 1}}, gid = {{gid, gid, 1}}},
        {"tmpfs", target = "/"},
      }
      for i = 1, covers do steps[#steps + 1] = {"tmpfs", target = "/"} end
      for _, step in ipairs {
        {"bind", source = "/usr", target = "/usr"},
        {"symlink", target = "/lib64", text = "usr/lib64"},
        {"symlink", target = "/lib", text = "usr/lib"},
        {"proc", target = "/proc"},
        {"pivot"},
        {"fds", map = {[0] = 0, [1] = w, [2] = 2}},
        {"exec", argv = {"/usr/bin/sh", "-c",
          "echo /usr/../* /* /../*; grep -c . /proc/self/mountinfo"}},
      } do steps[#steps + 1] = step end
      local process = assert(core.spawn(steps))
      w:close()
      io.write(require("spec.support.host").drain(r))
      process:close()
    ]])
  end
  local names = "/lib /lib64 /proc /usr"
  local whole = ("/usr/../lib /usr/../lib64 /usr/../proc /usr/../usr %s "
    .. "/../lib /../lib64 /../proc /../usr\n3\n"):format(names)

  it("is gone when a plan mounts on / more than once", function()
    for covers = 0, 3 do
      assert.are.equal(whole,
        (listing('local core = require "moonsand.core"; local covers = ' .. covers .. "\n")))
    end
  end)
end)
