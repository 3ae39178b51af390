local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
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

--- How many lowers a line of mountinfo tells: one option each, or (before Linux 6.7) one for all.
local function count_lowers(line)
  local _, n = line:gsub("lowerdir%+=", "")
  if n > 0 then return n end
  return select(2, line:match("lowerdir=([^,]*)"):gsub(":", "")) + 1
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
        ("cat /o/own%d; echo; grep ' /o ' /proc/self/mountinfo"):format(n))
      local lowest, line = r.stdout:match("^(%d+)\n(.*)$")
      assert.are.equal(tostring(n), lowest, r.message or r.stderr)
      assert.are.equal(n, count_lowers(line))
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

  it("lets a directory be removed and made again over an upper that vanishes", function()
    if host.kernel_before(6, 6) then
      return pending "tmpfs has no user xattrs before Linux 6.6: such a directory is an I/O error"
    end
    local dir <close> = host.scratch()
    dir:file("l/1/d/old", "x")
    local r = run({lower = {dir.path .. "/l/1"}}, "rm -r /o/d; mkdir /o/d; ls /o/d; echo made")
    assert.are.equal("made\n", r.stdout, r.stderr)
  end)

  it("marks a directory that was made anew, so that what it hides stays hidden", function()
    local dir <close> = host.scratch()
    dir:file("l/1/d/old", "x")
    run({lower = {dir.path .. "/l/1"}, upper = dir.path .. "/u"}, "rm -r /o/d; mkdir /o/d")
    assert.are.equal("y", core.xattr(dir.path .. "/u/d", "user.overlay.opaque"))
    assert.are.equal("", run({lower = {dir.path .. "/u", dir.path .. "/l/1"}}, "ls /o/d").stdout)
  end)

  it("answers EXDEV to who renames a directory of a lower", function()
    local dir <close> = host.scratch()
    dir:file("l/1/d/old", "x")
    local programs <close> = probe.new {rename = [[
      int main(void) { return rename("/o/d", "/o/e") == 0 ? 0 : errno; }]]}
    local EXDEV = 18
    local r = programs:run {command = {"/probe/rename"},
      overlays = {{target = "/o", lower = {dir.path .. "/l/1"}}}}
    assert.are.equal(EXDEV, r.exit_code, r.message)
  end)

  it("leaves every byte and every time of its lowers as it was", function()
    local dir <close> = host.scratch()
    dir:file("l/1/d/file", "old")
    local function state()
      local list = {}
      for _, name in ipairs {"d", "d/file"} do
        local st = assert(core.stat(dir.path .. "/l/1/" .. name))
        list[#list + 1] = ("%s %o %d %d"):format(name, st.mode, st.mtime_ns, st.ino)
      end
      return table.concat(list, "\n") .. dir:read("l/1/d/file")
    end
    local before = state()
    local r = run({lower = {dir.path .. "/l/1"}, upper = dir.path .. "/u"},
      "echo new >>/o/d/file; touch /o/d; chmod 700 /o/d /o/d/file; rm /o/d/file; rmdir /o/d")
    assert.is_true(r.ok, r.stderr)
    assert.are.equal(before, state())
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

  it("spares the disk only what vanishes, unless it is told otherwise", function()
    local dir <close> = host.scratch()
    local lower = layers(dir, 1)
    local function is_volatile(overlay)
      overlay.lower = lower
      local r = run(overlay, "grep ' /o ' /proc/self/mountinfo")
      return r.stdout:find("volatile", 1, true) ~= nil
    end
    assert.is_true(is_volatile {})
    assert.is_false(is_volatile {options = {volatile = "off"}})
    assert.is_false(is_volatile {upper = dir.path .. "/u"})
    assert.is_true(is_volatile {upper = dir.path .. "/u", options = {volatile = "on"}})
  end)

  it("passes options on to the kernel", function()
    local dir <close> = host.scratch()
    local r = run({lower = layers(dir, 2), options = {xino = "off", index = "off",
      metacopy = "off", redirect = "nofollow"}}, "grep ' /o ' /proc/self/mountinfo")
    assert.matches("redirect_dir=nofollow", r.stdout, 1, true, r.message)
  end)

  it("of 501 lowers is refused over mount(2), too, which says so only in its log", function()
    local dir <close> = host.scratch()
    local lower = {}
    for i = 1, 501 do lower[i] = dir:dir("l/" .. i) end
    local process, message = core.spawn {
      {"namespaces", "user", "mount"},
      {"ids", uid = {{0, core.uid(), 1}}, gid = {{0, core.gid(), 1}}},
      {"overlay", target = dir:dir("o"), lower = lower, legacy = true},
      {"exec", argv = {"true"}, init = false},
    }
    assert.is_nil(process)
    assert.matches("overlay .*/o: too many lower directories, limit is 500", message)
  end)

  it("can be the whole root over mount(2), too, and leaves no way back", function()
    local dir <close> = host.scratch()
    dir:file("l/1/hello", "root")
    for _, upper in ipairs {false, dir:dir "u"} do
      local plan = sandbox.new({root = "empty",
        script = "cat /hello; echo x >/new; cd /usr/../..; ls; ls /usr/..; ls /..",
        overlays = {{target = "/", lower = {dir.path .. "/l/1"}, upper = upper or nil,
          work = upper and dir:dir "w" or nil}}, binds = {{source = "/usr"}}, symlinks = {
          {target = "/bin", text = "usr/bin"}, {target = "/lib", text = "usr/lib"},
          {target = "/lib64", text = "usr/lib64"}}}):plan()
      for _, step in ipairs(plan) do
        if step[1] == "overlay" then step.legacy = true end
      end
      local reader <close>, writer = core.pipe()
      plan[#plan - 1].map = {[1] = writer, [2] = 2}
      local process <close> = assert(core.spawn(plan))
      writer:close()
      local names = "bin\ndev\nhello\nlib\nlib64\nnew\nproc\ntmp\nusr\n"
      assert.are.equal("root" .. names:rep(3), host.drain(reader))
      assert(process)
    end
    assert.are.equal("x\n", dir:read "u/new")
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

describe("directories of an overlay that do not go together", function()
  local dir

  before_each(function()
    dir = host.scratch()
    for _, name in ipairs {"l/in", "u/in", "w"} do dir:dir(name) end
  end)

  after_each(function() dir:close() end)

  --- The message for an overlay whose paths are in the scratch directory.
  local function refused(overlay)
    for key, value in pairs(overlay) do
      if key ~= "lower" then overlay[key] = value:gsub("^=", dir.path .. "/") end
    end
    for i, path in ipairs(overlay.lower) do
      overlay.lower[i] = path:gsub("^=", dir.path .. "/")
    end
    local ok, r = pcall(run, overlay, "echo x >/o/x")
    assert.is_false(ok and r.outcome ~= "setup_failed")
    return (tostring(r):gsub(dir.path:gsub("%p", "%%%0") .. "/", "="))
  end

  local cases = {
    {"an upper that is a lower", {lower = {"=l"}, upper = "=l"},
      "lower 1 and upper are the same directory, '=l'"},
    {"an upper in a lower", {lower = {"/usr/lib", "=l"}, upper = "=l/in"},
      "upper '=l/in' is inside of lower 2 '=l'"},
    {"a lower in the upper", {lower = {"=u/in"}, upper = "=u"},
      "lower 1 '=u/in' is inside of upper '=u'"},
    {"a work directory in the upper", {lower = {"=l"}, upper = "=u", work = "=u/in"},
      "work '=u/in' is inside of upper '=u'"},
    {"a work directory that is the upper", {lower = {"=l"}, upper = "=u", work = "=u"},
      "work and upper are the same directory, '=u'"},
    {"a work directory in a lower", {lower = {"=l"}, upper = "=u", work = "=l/in"},
      "work '=l/in' is inside of lower 1 '=l'"},
    {"one lower twice", {lower = {"=l", "=l"}}, "'=l' is a lower twice"},
    {"a lower in a lower", {lower = {"=l/in", "=l"}}, "lower '=l/in' is inside of lower '=l'"},
    {"a lower on which more is mounted", {lower = {"/"}},
      "another file system is mounted in lower '/', at '/"},
    {"a lower on proc", {lower = {"/proc/sys"}}, "lower '/proc/sys' is on proc"},
  }
  for _, case in ipairs(cases) do
    it(("are %s, and the message says so"):format(case[1]), function()
      local text = refused(case[2])
      assert.is_truthy(text:find("overlay /o: " .. case[3], 1, true), text)
    end)
  end

  it("are found through symbolic links, too", function()
    assert(core.symlink("u", dir.path .. "/link"))
    assert.is_truthy(refused({lower = {"=link/in"}, upper = "=u"}):find(
      "lower 1 '=u/in' is inside of upper '=u'", 1, true))
  end)

  it("are an upper and a work directory on different file systems", function()
    local other = core.mkdtemp("/dev/shm/moonsand-spec.")
    if not other then return pending "there is no second file system to write to" end
    local text = refused {lower = {"=l"}, upper = "=u", work = other}
    assert(core.remove_tree(other))
    if core.statfs("/dev/shm").type == core.statfs(dir.path).type then
      return pending "/dev/shm is of the kind of /tmp"
    end
    assert.matches("are on different file systems", text)
  end)

  it("are a work directory in which there is something, which stays", function()
    dir:file("w/notes", "mine")
    assert.is_truthy(refused({lower = {"=l"}, upper = "=u", work = "=w"}):find(
      "work '=w' is not empty: there is 'notes' in it", 1, true))
    assert.are.equal("mine", dir:read "w/notes")
  end)

  it("are a work directory that a volatile overlay has left", function()
    local overlay = {lower = {dir.path .. "/l"}, upper = dir.path .. "/u", work = dir.path .. "/w",
      options = {volatile = "on"}}
    assert.is_true(run(overlay, "true").ok)
    local r = run(overlay, "true")
    assert.matches("is left over from a volatile overlay", r.message)
    assert.matches("leave 'work' out", r.hint)
    overlay.work, overlay.options = dir:dir "w2", nil
    for _ = 1, 2 do assert.is_true(run(overlay, "true").ok) end
  end)

  it("are a lower that is a file, in the kernel's words, and an upper that is one", function()
    dir:file("file", "x")
    assert.matches("lower =file: .*[Nn]ot a directory", refused {lower = {"=file", "=l"}})
    assert.matches("upper directory =file: Not a directory",
      refused {lower = {"=l"}, upper = "=file"})
  end)

  it("are an upper that another sandbox is using", function()
    local overlay = {target = "/o", lower = {dir.path .. "/l"}, upper = dir.path .. "/u"}
    local first <close> = sandbox.new({script = "cat", stdin = "/dev/zero", stdout = "null",
      overlays = {overlay}}):start()
    local text = refused {lower = {"=l"}, upper = "=u"}
    assert.is_truthy(text:find("upper '=u' is in use by another sandbox", 1, true), text)
    first:close()
    assert.is_true(run(overlay, "true").ok)
  end)
end)

describe("an option of an overlay", function()
  local function refused(options)
    local ok, problem = pcall(sandbox.new, {script = "true", overlays = {{target = "/o",
      lower = {"/usr"}, options = options}}})
    assert.is_false(ok)
    return tostring(problem)
  end

  it("that is not known is refused with the nearest one", function()
    assert.are.equal("sandbox: unknown key 'volatil' in overlays[1].options\n" ..
      "  did you mean 'volatile'?", refused {volatil = "on"})
  end)

  it("that is not possible in a user namespace is refused with the reason", function()
    assert.matches("options.metacopy cannot be 'on' in a user namespace: it needs attributes",
      refused {metacopy = "on"})
    assert.matches("options.index cannot be 'on' in a user namespace: the kernel opens files",
      refused {index = "on"})
    assert.matches("it may be nofollow", refused {redirect = "follow"})
    assert.matches("options.xino is 'yes'\n  it may be auto or off", refused {xino = "yes"})
  end)
end)

describe("a file of somebody who has no id inside", function()
  it("is explained when a step stumbles over it", function()
    if not host.is_root() then return pending "only root can make such a file" end
    local dir <close> = host.scratch()
    dir:dir "l/theirs"
    assert(os.execute(("cd %s/l; chown 12345 theirs; chmod 777 theirs"):format(dir.path)))
    local options = {script = "true", overlays = {{target = "/o", lower = {dir.path .. "/l"}}},
      dirs = {"/o/theirs/new"}}
    local r = sandbox.new(options):run()
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("Value too large for defined data type", r.message)
    assert.matches("ids = \"range\"", r.hint)
    options.ids = "range"
    assert.is_true(sandbox.new(options):run().ok)
  end)

  it("is named by the result of a program that could not change it", function()
    if not host.is_root() then return pending "only root can make such a file" end
    local dir <close> = host.scratch()
    dir:file "l/theirs"
    assert(os.execute(("cd %s/l; chown 12345 theirs; chmod 666 theirs"):format(dir.path)))
    local options = {script = "echo x >/o/theirs", overlays = {{target = "/o",
      lower = {dir.path .. "/l"}}}}
    local r = sandbox.new(options):run()
    assert.is_false(r.ok)
    assert.are.equal(("'%s/l/theirs' belongs to user 12345, who has no id inside: whoever changes "
      .. "it there is told \"Value too large for defined data type\"; ids = \"range\" (--ids "
      .. "range) gives ids to more"):format(dir.path), r.hint)
    assert.are.equal(r.hint, r:record().hint)
    options.script = "echo something else >&2; exit 1"
    assert.is_nil(sandbox.new(options):run().hint)
    options.script, options.ids = "echo x >/o/theirs", "range"
    assert.is_true(sandbox.new(options):run().ok)
  end)

  it("is told on the command line, where the program has the caller's streams", function()
    if not host.is_root() then return pending "only root can make such a file" end
    local dir <close> = host.scratch()
    dir:file "l/theirs"
    assert(os.execute(("cd %s/l; chown 12345 theirs; chmod 666 theirs"):format(dir.path)))
    local pipe <close> = assert(io.popen(("bin/moonsand run --overlay /o --lower %s/l -- "
      .. "sh -c 'echo x >/o/theirs' 2>&1"):format(dir.path)))
    assert.matches("\nmoonsand: '[^\n]*/l/theirs' belongs to user 12345, who has no id inside",
      pipe:read "a")
  end)
end)
