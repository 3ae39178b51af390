local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

-- n directories; each has a file of its own and one that all have
local function layers(dir, n)
  local list = {}
  for i = 1, n do
    dir:file(("l/%d/own%d"):format(i, i), tostring(i))
    dir:file(("l/%d/common"):format(i), tostring(i))
    list[i] = ("%s/l/%d"):format(dir.path, i)
  end
  return list
end

local function run(overlay, script)
  overlay.target = overlay.target or "/o"
  return sandbox.new({script = script, overlays = {overlay}}):run()
end

describe("an overlay", function()
  it("shows the first of its lowers on top", function()
    local dir <close> = host.scratch()
    local r = run({lower = layers(dir, 3)}, "cat /o/common /o/own1 /o/own2 /o/own3")
    assert.are.equal("1123", r.stdout)
  end)

  for _, n in ipairs {2, 50, 140, 300, 500} do
    it(("of %d lowers shows the lowest"):format(n), function()
      local dir <close> = host.scratch()
      local r = run({lower = layers(dir, n), read_only = true},
        ("cat /o/own%d; grep -c . /proc/self/mountinfo >/dev/null; "):format(n)
        .. "grep ' /o ' /proc/self/mountinfo | grep -o 'lowerdir+=' | wc -l")
      assert.are.equal(("%d%d\n"):format(n, n), r.stdout, r.message or r.stderr)
    end)
  end

  it("of 501 lowers is refused in the kernel's own words", function()
    local dir <close> = host.scratch()
    local r = run({lower = layers(dir, 501)}, "true")
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("limit is 500", r.message)
    assert.matches("overlay /o", r.message)
  end)

  it("keeps what is written in its upper, and the lowers as they were", function()
    local dir <close> = host.scratch()
    local upper = dir.path .. "/deep/down/upper"
    local r = run({lower = layers(dir, 2), upper = upper},
      "echo new >/o/new; echo changed >/o/common; rm /o/own2")
    assert.is_true(r.ok, r.message or r.stderr)
    assert.are.equal("new\n", dir:read("deep/down/upper/new"))
    assert.are.equal("changed\n", dir:read("deep/down/upper/common"))
    assert.are.equal("char", core.stat(upper .. "/own2").type)
    assert.are.equal("1", dir:read("l/1/common"))
    assert.are.equal("2", dir:read("l/2/own2"))
  end)

  it("makes its upper and work directories, and takes its own work directory away", function()
    local dir <close> = host.scratch()
    for _ = 1, 2 do -- a second run over the same upper works as the first
      local r = run({lower = layers(dir, 1), upper = dir.path .. "/up/er"}, "echo x >/o/x")
      assert.is_true(r.ok, r.message or r.stderr)
    end
    assert.are.same({"er"}, core.readdir(dir.path .. "/up"))
  end)

  it("takes relative paths", function()
    local dir <close> = host.scratch()
    layers(dir, 2)
    local out = host.lua(([[
      local core = require "moonsand.core"
      local sandbox = require "moonsand.sandbox"
      assert(core.chdir {target = %q})
      local r = sandbox.new({script = "cat /o/own1 /o/own2; echo w >/o/w", overlays = {
        {target = "/o", lower = {"l/1", "./l/2"}, upper = "u"}}}):run()
      io.write(r.stdout, r.message or "")
    ]]):format(dir.path), {LUA_PATH = package.path:gsub("%./", assert(core.realpath(".")) .. "/"),
      LUA_CPATH = package.cpath:gsub("%./", assert(core.realpath(".")) .. "/")})
    assert.are.equal("12", out)
    assert.are.equal("w\n", dir:read("u/w"))
  end)

  it("without an upper leaves nothing on the host", function()
    local dir <close> = host.scratch()
    local r = run({lower = layers(dir, 2)}, "echo gone >/o/new; rm /o/common; mkdir /o/d; ls /o")
    assert.are.equal("d\nnew\nown1\nown2\n", r.stdout)
    assert.are.same({"common", "own1"}, core.readdir(dir.path .. "/l/1"))
  end)

  it("that is read-only refuses to be written to, with one lower as with many", function()
    local dir <close> = host.scratch()
    for n = 1, 2 do
      local r = run({lower = layers(dir, n), read_only = true}, "cat /o/own1; echo x >/o/x")
      assert.are.equal("1", r.stdout)
      assert.matches("Read%-only file system", r.stderr)
    end
  end)

  it("lets a directory be removed and made again, and be renamed by mv", function()
    local dir <close> = host.scratch()
    dir:file("l/1/d/old", "x")
    local r = run({lower = {dir.path .. "/l/1", dir:dir("l/2")}, upper = dir.path .. "/u"},
      "rm -r /o/d; mkdir /o/d; ls /o/d; mkdir /o/e; echo y >/o/e/f; mv /o/e /o/g; cat /o/g/f")
    assert.are.equal("y\n", r.stdout, r.stderr)
  end)

  it("takes any byte in a path", function()
    local dir <close> = host.scratch()
    local odd = dir:dir("a:b,c\\d e\n\"f\"")
    dir:file("a:b,c\\d e\n\"f\"/file", "odd")
    assert.are.equal("odd", run({lower = {odd, dir:dir("x")}}, "cat /o/file").stdout)
    assert.are.equal("odd", run({lower = {odd}, upper = dir.path .. "/u:p,per"},
      "cat /o/file; echo w >/o/w").stdout)
    assert.are.equal("w\n", dir:read("u:p,per/w"))
  end)

  it("takes a lower whose path is longer than 255 bytes", function()
    local dir <close> = host.scratch()
    local name = ("n"):rep(200) .. "/" .. ("m"):rep(200)
    dir:file(name .. "/file", "long")
    local r = run({lower = {dir.path .. "/" .. name, dir:dir("x")}}, "cat /o/file")
    assert.are.equal("long", r.stdout, r.message)
  end)

  it("names a lower that is not there", function()
    local dir <close> = host.scratch()
    local r = run({lower = {dir.path .. "/nosuch", dir:dir("x")}}, "true")
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("overlay /o: lower .*/nosuch: No such file or directory", r.message)
    assert.are.equal(dir.path .. "/nosuch", r.path)
  end)

  it("gives what one run wrote to the next as a lower", function()
    local dir <close> = host.scratch()
    run({lower = layers(dir, 1), upper = dir.path .. "/u1"},
      "rm /o/own1; mkdir /o/d; echo 1 >/o/d/f")
    local r = run({lower = {dir.path .. "/u1", dir.path .. "/l/1"}, upper = dir.path .. "/u2"},
      "ls /o; cat /o/d/f; rm -r /o/d; mkdir /o/d")
    assert.are.equal("common\nd\n1\n", r.stdout, r.message or r.stderr)
    r = run({lower = {dir.path .. "/u2", dir.path .. "/u1", dir.path .. "/l/1"}}, "ls /o/d; ls /o")
    assert.are.equal("common\nd\n", r.stdout)
  end)

  it("works over mount(2) as it does on kernels before 6.7", function()
    local dir <close> = host.scratch()
    local box = sandbox.new {script = "cat /o/own1 /o/own300; echo w >/o/w", overlays = {
      {target = "/o", lower = layers(dir, 300), upper = dir:dir("u"), work = dir:dir("w")}}}
    local plan = box:plan()
    for _, step in ipairs(plan) do
      if step[1] == "overlay" then step.legacy = true end
    end
    local reader <close>, writer = core.pipe()
    plan[#plan - 1].map[1] = writer
    local process <close> = assert(core.spawn(plan))
    writer:close()
    assert.are.equal("1300", host.drain(reader))
    core.poll {{fd = process}}
    assert.are.equal(0, process:wait().exit_code)
    assert.are.equal("w\n", dir:read("u/w"))
  end)

  it("can be the whole root", function()
    local dir <close> = host.scratch()
    for _, name in ipairs {"bin", "lib", "lib64"} do
      dir:dir("l/1")
      assert(core.symlink("usr/" .. name, dir.path .. "/l/1/" .. name))
    end
    dir:file("l/2/hello", "root")
    local r = sandbox.new({script = "cat /hello; echo x >/new", root = "empty",
      overlays = {{target = "/", lower = {dir.path .. "/l/1", dir.path .. "/l/2"},
        upper = dir.path .. "/u"}}, binds = {{source = "/usr"}}}):run()
    assert.are.equal("root", r.stdout, r.message or r.stderr)
    assert.are.equal("x\n", dir:read("u/new"))
  end)
end)
