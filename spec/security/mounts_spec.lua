local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

local function run(options)
  if type(options) == "string" then options = {script = options} end
  return sandbox.new(options):run()
end

local function out(options)
  local r = run(options)
  assert.is_nil(r.message)
  return r.stdout
end

--- The steps of a plan that have a verb.
local function steps(options, verb)
  local list = {}
  for _, step in ipairs(sandbox.new(options):plan()) do
    if step[1] == verb then list[#list + 1] = step end
  end
  return list
end

--- A process that is in namespaces of its own: `setup` is Lua text that runs there first.
local function inside(setup, text)
  local uid, gid = core.uid(), core.gid()
  return host.lua(([[
    local core = require "moonsand.core"
    local sandbox = require "moonsand.sandbox"
    local host = require "spec.support.host"
    assert(core.namespaces {"user", "mount"})
    assert(core.ids {uid = {{%d, %d, 1}}, gid = {{%d, %d, 1}}})
    assert(core.propagation {target = "/", mode = "private"})
    %s
    %s
  ]]):format(uid, uid, gid, gid, setup, text))
end

--- A checkout of this tree for a sandbox in the sandbox.
local function checkout()
  local here = assert(core.realpath ".")
  return {
    nested = true, binds = {{source = here, target = "/tree"}}, cwd = "/tree",
    env = {LUA_PATH = package.path, LUA_CPATH = package.cpath,
      LD_PRELOAD = os.getenv "LD_PRELOAD", ASAN_OPTIONS = os.getenv "ASAN_OPTIONS"},
  }
end

local function nested(inner, more)
  local options = checkout()
  for key, value in pairs(more or {}) do options[key] = value end
  options.command = {"lua5.4", "-e", ([[
    local sandbox = require "moonsand.sandbox"
    local r = sandbox.new(%s):run()
    io.write(r.stdout, r.message or r.stderr, r.hint or "")
  ]]):format(inner)}
  local r = run(options)
  return r.stdout .. (r.message or r.stderr)
end

--- Settings of the sandbox's own namespaces: a user may change them.
local of_namespaces = {["fs/mqueue"] = true}
for kind in ("shm msg sem aut pid ns_ net user"):gmatch "%S+" do of_namespaces[kind] = true end

describe("/proc", function()
  it("has nothing in it that a program can change but its own processes", function()
    for _, ids in ipairs {"self", "root"} do
      local text = out {ids = ids, script = [[
        cd /proc
        for f in $(ls -d * | grep -v '^[0-9]'); do
          test -f $f && test -w $f && ! test -L $f && (: >>$f) 2>/dev/null && echo $f
        done
        for d in sys irq bus fs driver acpi scsi; do
          test -d $d && find $d -type f -writable 2>/dev/null |
            while read f; do (: >>$f) 2>/dev/null && echo $f; done
        done; true]]}
      for path in text:gmatch "[^\n]+" do
        local kind = path:match "^sys/kernel/(...)" or path:match "^sys/(%l+/?%l*)"
        assert.is_true(of_namespaces[kind], ids .. ": " .. path)
        assert.is_false(host.is_root(), ids .. ": " .. path)
      end
    end
  end)

  it("lets a program write to its own entries", function()
    assert.are.equal("moonchild\n", out "printf moonchild >/proc/self/comm; cat /proc/$$/comm")
  end)

  it("shows a root's sandbox nothing that an ordinary user could not read", function()
    for _, ids in ipairs {"self", "root"} do
      local text = out {ids = ids, script = [[
        cd /proc; wc -c kcore keys kmsg kpageflags slabinfo timer_list vmallocinfo 2>/dev/null |
          awk '$2 != "total" && $2 != "keys" && $1 > 0']]}
      assert.are.equal("", text)
      if host.is_root() then assert.are.equal("", out {ids = ids, script = "cat /proc/keys"}) end
    end
  end)

  it("costs an ordinary user no mounts: he has no power there", function()
    local expected = host.is_root() and 1 or 0
    assert.are.equal(expected, #steps({script = "true"}, "mask"))
    assert.are.equal(expected, #steps({script = "true"}, "protect"))
  end)

  it("can be left out", function()
    assert.are.equal("gone\n", out {proc = false, script = "test -e /proc/self || echo gone"})
    assert.are.equal(0, #steps({script = "true", proc = false}, "protect"))
  end)

  it("is not mounted through a symbolic link that a root directory has in its place", function()
    local dir <close> = host.scratch()
    for _, name in ipairs {"bin", "lib", "lib64"} do
      dir:dir "root"
      assert(core.symlink("usr/" .. name, dir.path .. "/root/" .. name))
    end
    dir:dir "root/elsewhere/sys"
    assert(core.symlink("elsewhere", dir.path .. "/root/proc"))
    local r = run {script = "true", root = dir.path .. "/root", binds = {{source = "/usr"}}}
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("proc /proc: make the mount point: Too many levels of symbolic links", r.message)
  end)

  it("of another kind is refused with the known ones", function()
    local ok, problem = pcall(sandbox.new, {script = "true", proc = "frsh"})
    assert.is_false(ok)
    assert.are.equal("sandbox: 'proc' is 'frsh'; it may be fresh, bind, auto or false\n" ..
      "  did you mean 'fresh'?", tostring(problem))
    assert.has_error(function() sandbox.new {script = "true", proc = true} end)
  end)
end)

describe("a /proc of which parts are hidden from the caller", function()
  local mask = 'assert(core.tmpfs {target = "/proc/bus"})\n'

  it("is explained, with the option that helps", function()
    local text = inside(mask, [[
      local r = sandbox.new({script = "true"}):run()
      io.write(r.outcome, "\n", r.message, "\n", r.hint or "", "\n")
      io.write(table.concat(require("moonsand.sandbox.doctor").explain(r), "\n"))
    ]])
    assert.matches("^setup_failed\nproc /proc: fsmount: Operation not permitted", text)
    assert.is_truthy(text:find('proc = "bind" (--proc bind)', 1, true))
    assert.matches("parts of this /proc are hidden %(/proc/bus%)", text)
  end)

  it("is bound read-only with proc = 'bind', hidden parts and all", function()
    local text = inside(mask, [[
      local r = sandbox.new({proc = "bind", script =
        "ls /proc/bus; cat /proc/self/comm; echo x >/proc/self/comm"}):run()
      io.write(r.message or r.stdout .. r.stderr)
    ]])
    assert.matches("^cat\n", text)
    assert.matches("Read%-only file system", text)
  end)

  it("is bound with proc = 'auto', and the result says so", function()
    local text = inside(mask, [[
      local r = sandbox.new({proc = "auto", script = "cat /proc/self/comm"}):run()
      io.write(r.message or r.stdout, r.not_enforced[1].option, ": ", r.not_enforced[1].reason)
    ]])
    assert.matches("^cat\nproc: no fresh /proc", text)
  end)

  it("is fresh with proc = 'auto' where nothing is hidden", function()
    local r = run {proc = "auto", script = "ls -d /proc/[0-9]* | wc -l"}
    assert.is_true(tonumber(r.stdout) <= 4, r.message)
    assert.are.same({}, r.not_enforced)
  end)

  it("must be a proc file system to be bound", function()
    local text = inside('assert(core.tmpfs {target = "/proc"})\n', [[
      local r = sandbox.new({proc = "bind", script = "true", ids = "self"}):run()
      io.write(r.message or "it ran")
    ]])
    assert.is_nil(text:find("it ran", 1, true))
  end)
end)

describe("a sandbox in a sandbox", function()
  it("is for every user, and for the root inside", function()
    for _, ids in ipairs {"self", "root"} do
      local text = nested([[{script = "echo inner", proc = "auto"}]], {ids = ids})
      assert.are.equal("inner\n", text, ids)
    end
  end)

  it("of root cannot uncover what the outer one has covered", function()
    if not host.is_root() then return pending("only root has anything to cover") end
    local text = nested [[{script = "true"}]]
    assert.matches("fsmount: Operation not permitted", text)
    assert.is_truthy(text:find("proc = \"bind\"", 1, true))
    text = nested [[{proc = "bind", script = "echo x >/proc/sys/kernel/core_pattern || true"}]]
    assert.matches("Read%-only file system", text)
    text = run {nested = true, script =
      "unshare -Urm sh -c 'umount /proc/sys; mount -o remount,bind,rw /proc/sys; " ..
      "echo x >/proc/sys/kernel/core_pattern'"}.stderr
    assert.matches("umount: /proc/sys: not mounted", text)
    assert.matches("Read%-only file system", text)
  end)
end)

describe("overlays in a sandbox in a sandbox", function()
  --- What an inner sandbox says whose overlay is over the outer one's.
  local function stacked(inner)
    local dir <close> = host.scratch()
    dir:file("l/f", "deep")
    return nested(("{script = 'cat /p/f; echo new >/p/new && echo written', proc = 'auto', "
      .. "overlays = {%s}}"):format(inner), {overlays = {{target = "/o",
      lower = {dir.path .. "/l"}}}})
  end

  it("may be over an overlay, and written to where the upper is on none", function()
    assert.are.equal("deepwritten\n", stacked "{target = '/p', lower = {'/o'}}")
    assert.are.equal("deepwritten\n", stacked
      "{target = '/p', lower = {'/o'}, upper = '/tmp/upper'}")
  end)

  it("cannot have an upper on an overlay, and say so", function()
    assert.matches("upper '/o/u' is on overlay, where the kernel takes none",
      stacked "{target = '/p', lower = {'/usr/bin'}, upper = '/o/u'}")
  end)
end)

describe("what the caller masks", function()
  it("is an empty file or directory, whatever is mounted there", function()
    local dir <close> = host.scratch()
    dir:file("tree/secret", "s3cret")
    dir:file("tree/keys/private", "key")
    local binds = {{source = dir.path .. "/tree", target = "/t", read_only = false}}
    assert.are.equal("0\n0\n", out {binds = binds, mask = {"/t/secret", "/t/keys"},
      script = "wc -c </t/secret; ls -A /t/keys | wc -l"})
    assert.are.equal("s3cret", dir:read "tree/secret")
  end)

  it("is a place for later steps like any other", function()
    local plan = sandbox.new({script = "ls /t /t/x", dirs = {"/t/x"}}):plan()
    for i, step in ipairs(plan) do
      if step[1] == "mkdir" then
        for k, more in ipairs {{"mask", paths = {"/t"}}, {"tmpfs", target = "/t"},
          {"mkdir", target = "/t/x"}} do
          table.insert(plan, i + k, more)
        end
        break
      end
    end
    local reader <close>, writer = core.pipe()
    plan[#plan - 1].map = {[1] = writer, [2] = 2}
    local process <close> = assert(core.spawn(plan))
    writer:close()
    assert.are.equal("/t:\nx\n\n/t/x:\n", host.drain(reader))
    assert(process)
  end)

  it("cannot be written to", function()
    local r = run {mask = {"/usr/share"}, script = "echo x >/usr/share/x"}
    assert.matches("Read%-only file system", r.stderr)
  end)

  it("must be there, and there must be no link on the way", function()
    local dir <close> = host.scratch()
    dir:file("real/file", "x")
    assert(core.symlink("real", dir.path .. "/link"))
    local binds = {{source = dir.path, target = "/t"}}
    local r = run {binds = binds, mask = {"/t/nosuch"}, script = "true"}
    assert.are.equal("mask: open without links /t/nosuch: No such file or directory", r.message)
    for _, key in ipairs {"mask", "protect"} do
      r = run {binds = binds, [key] = {"/t/link/file"}, script = "true"}
      assert.matches("/t/link/file: Too many levels of symbolic links", r.message)
      r = run {binds = binds, [key] = {"/t/link"}, script = "true"}
      assert.matches("symbolic links", r.message or "it ran")
    end
  end)

  it("is refused when it is no path inside", function()
    for _, path in ipairs {"/", "etc", ""} do
      assert.has_error(function() sandbox.new {script = "true", mask = {path}} end)
    end
    assert.has_error(function() sandbox.new({script = "true", mask = {"/a/../b"}}):run() end)
  end)

  it("is masked with the null device and nothing else (CVE-2025-31133 class)", function()
    local dir <close> = host.scratch()
    local fake = dir:file("fake", "not null")
    local text = inside(('assert(core.bind {source = %q, target = "/dev/null"})'):format(fake), [[
      local plan = sandbox.new({script = "true", root = "empty", mask = {"/f"},
        files = {{target = "/f", text = "x"}}}):plan()
      for i = #plan, 1, -1 do if plan[i][1] == "dev" then table.remove(plan, i) end end
      local _, message = core.spawn(plan)
      io.write(message or "it ran")
    ]])
    assert.are.equal("mask: this is not the null device: /dev/null: No such device", text)
  end)
end)

describe("what the caller protects", function()
  it("is read-only where it is, with what is mounted below it", function()
    local dir <close> = host.scratch()
    dir:dir "tree/kept/deep"
    dir:dir "tree/free"
    local r = run {binds = {{source = dir.path .. "/tree", target = "/t", read_only = false}},
      tmpfs = {{target = "/t/kept/deep", order = 1}}, protect = {"/t/kept"},
      script = "echo x >/t/free/x; (echo x >/t/kept/x) || (echo x >/t/kept/deep/x) || true"}
    assert.are.equal(2, select(2, r.stderr:gsub("Read%-only file system", "")), r.message)
    assert.are.same({"x"}, core.readdir(dir.path .. "/tree/free"))
  end)
end)

describe("a mount point", function()
  it("that had to be made on the caller's disk is reported, with its parents", function()
    local dir <close> = host.scratch()
    local r = run {script = "true", binds = {
      {source = dir:dir "w", target = "/w", read_only = false},
      {source = "/usr/share", target = "/w/a/b", order = 1},
      {source = "/etc/passwd", target = "/w/a/file", order = 2},
      {source = "/etc/passwd", target = "/elsewhere", order = 3}}}
    assert.are.same({"/w/a", "/w/a/b", "/w/a/file"}, r.mount_points, r.message)
    assert.are.same({"b", "file"}, core.readdir(dir.path .. "/w/a"))
    r = run {script = "true", binds = {{source = dir.path .. "/w", target = "/w",
      read_only = false}, {source = "/usr/share", target = "/w/a/b"}}}
    assert.are.same({}, r.mount_points)
  end)

  it("is reported where a link leads out of a bind, and where one leads into it", function()
    local dir <close> = host.scratch()
    dir:dir "w"
    assert(core.symlink("/tmp", dir.path .. "/w/out"))
    local r = run {script = "true", symlinks = {{target = "/in", text = "w", order = 1}}, binds = {
      {source = dir.path .. "/w", target = "/w", read_only = false},
      {source = "/usr", target = "/w/out/x", order = 2},
      {source = "/usr", target = "/in/y", order = 3}}}
    assert.are.same({"/in/y"}, r.mount_points, r.message)
    assert.are.same({"out", "y"}, core.readdir(dir.path .. "/w"))
  end)

  it("in an upper of the caller's is reported, in one that vanishes not", function()
    local dir <close> = host.scratch()
    dir:dir "l"
    local function made(upper)
      local r = run {script = "true", overlays = {{target = "/o", lower = {dir.path .. "/l"},
        upper = upper}}, tmpfs = {{target = "/o/t"}}}
      assert.is_nil(r.message)
      return r.mount_points
    end
    assert.are.same({"/o/t"}, made(dir.path .. "/u"))
    assert.are.same({}, made(nil))
    assert.are.same({"t"}, core.readdir(dir.path .. "/u"))
  end)

  it("is reported when the sandbox could not be made after all", function()
    local dir <close> = host.scratch()
    local r = run {script = "true", binds = {{source = dir.path, target = "/w", read_only = false},
      {source = "/usr", target = "/w/made"}, {source = "/nosuch", target = "/x"}}}
    assert.are.equal("setup_failed", r.outcome)
    assert.are.same({"/w/made"}, r.mount_points)
  end)

  it("is reported by every program of a prepared sandbox", function()
    local dir <close> = host.scratch()
    local box <close> = assert(sandbox.new({tmpfs = {{target = "/w/t", order = 1}}, binds = {
      {source = dir.path, target = "/w", read_only = false}}}):prepare())
    assert.are.same({"/w/t"}, box:run("true").mount_points)
    assert.are.same({"/w/t"}, box:run("true").mount_points)
  end)

  it("is not what the caller has asked to be made", function()
    local dir <close> = host.scratch()
    local r = run {script = "true", dirs = {"/w/d/e"}, files = {{target = "/w/f/g", text = ""}},
      binds = {{source = dir.path, target = "/w", read_only = false}}}
    assert.are.same({}, r.mount_points, r.message)
    assert.are.same({"d", "f"}, core.readdir(dir.path))
  end)

  it("is reported when the ids are a range and there are control groups, too", function()
    local dir <close> = host.scratch()
    local ok, r = pcall(run, {script = "true", ids = "range",
      limits = {pids = "best_effort:100"}, binds = {
        {source = dir.path, target = "/w", read_only = false},
        {source = "/usr", target = "/w/made"}}})
    if not ok or r.outcome == "setup_failed" then return pending(tostring(r)) end
    assert.are.same({"/w/made"}, r.mount_points)
  end)
end)

describe("/sys", function()
  it("is not there unless it is asked for, and read-only then", function()
    assert.are.equal("no\n", out "test -e /sys || echo no")
    local r = run {sysfs = true, script = "ls /sys/class/net; grep ' /sys ' /proc/self/mountinfo"}
    assert.matches("^lo\n", r.stdout, r.message)
    assert.matches(" ro,nosuid,nodev,noexec", r.stdout)
  end)

  it("hides the firmware from root", function()
    assert.are.equal(host.is_root() and "0\n" or "1\n",
      out {sysfs = true, script = "test -n \"$(ls /sys/firmware)\" && echo 1 || echo 0"})
  end)

  it("is refused where the network is the host's", function()
    local ok, problem = pcall(sandbox.new, {script = "true", sysfs = true, network = "host"})
    assert.is_false(ok)
    assert.matches("needs a network namespace of the sandbox's own", tostring(problem))
  end)
end)

describe("/dev", function()
  it("has the nodes, links and directories of a small system, and no more", function()
    assert.are.equal("fd full null random shm stderr stdin stdout tty urandom zero\n",
      out "ls /dev | tr '\\n' ' ' | sed 's/ $/\\n/'")
    assert.are.equal("0 ok\n", out [[
      for n in kmsg mem kvm fuse console sda vda; do test -e /dev/$n && echo $n; done
      wc -c </dev/null | tr '\n' ' '; echo ok]])
  end)

  it("has terminals of its own where they are asked for", function()
    local programs <close> = probe.new {terminal = [[
      int main(void) {
        int master = posix_openpt(O_RDWR);
        if (grantpt(master) || unlockpt(master)) return 1;
        puts(ptsname(master));
        return open(ptsname(master), O_RDWR) < 0;
      }]]}
    for _, ids in ipairs {"self", "root"} do
      local r = programs:run {devpts = true, ids = ids, command = {"/probe/terminal"}}
      assert.are.equal("/dev/pts/0\n", r.stdout)
      assert.is_true(r.ok, r.message)
    end
    assert.are.equal(true, steps({script = "true", pty = true}, "dev")[1].terminals)
    assert.is_nil(steps({script = "true", pty = true, devpts = false}, "dev")[1].terminals)
    assert.is_nil(steps({script = "true"}, "dev")[1].terminals)
  end)

  it("shows none of the host's terminals", function()
    local master, slave = core.pty()
    assert.are.equal("ptmx\n", out {devpts = true, script = "ls /dev/pts"})
    master:close()
    slave:close()
  end)

  it("has the devices that are asked for, and they work", function()
    if not core.stat "/dev/kmsg" then return pending "this host has no /dev/kmsg" end
    assert.are.equal("char\n", out {devices = {"/dev/kmsg"},
      script = "test -c /dev/kmsg && echo char"})
    assert.are.equal("works\n", out {devices = {"/dev/zero"}, script =
      "head -c 1 /dev/zero | od -An -tx1 | grep -q 00 && echo works"})
  end)

  it("takes no device that is none, not there, or not of /dev", function()
    for path, message in pairs {["/etc/passwd"] = "must be a path below /dev",
      ["/dev/nosuch"] = "is not there", ["/dev/shm"] = "is a directory, not a device"} do
      local ok, problem = pcall(sandbox.new, {script = "true", devices = {path}})
      assert.is_false(ok)
      assert.is_truthy(tostring(problem):find(message, 1, true), tostring(problem))
    end
  end)
end)

describe("a bind of what is open", function()
  local dir

  before_each(function()
    dir = host.scratch()
    dir:file("tree/name", "right")
    dir:file("other/name", "wrong")
  end)

  after_each(function() dir:close() end)

  local function bound(handle)
    return run {script = "cat /b/name", binds = {{source = handle, target = "/b"}}}
  end

  it("shows it, and the plan says what it is", function()
    local handle <close> = core.open(dir.path .. "/tree", "path")
    assert.are.equal("right", bound(handle).stdout)
    assert.are.equal("right", bound(handle:number()).stdout)
    assert.are.equal("right", bound("/dev/fd/" .. handle:number()).stdout)
    local text = sandbox.new({script = "true", binds = {{source = handle, target = "/b"}}}):plan()
      :describe()
    assert.is_truthy(text:find(("/b  from fd %d, %s/tree  (read-only)"):format(handle:number(),
      dir.path), 1, true), text)
  end)

  it("finds it where it is after a rename, and nothing that took its place", function()
    local handle <close> = core.open(dir.path .. "/tree", "path")
    assert(core.rename(dir.path .. "/tree", dir.path .. "/moved"))
    assert(core.symlink("other", dir.path .. "/tree"))
    assert.are.equal("right", bound(handle).stdout)
  end)

  it("is refused when it is gone", function()
    local handle <close> = core.open(dir.path .. "/tree", "path")
    assert(core.remove_tree(dir.path .. "/tree"))
    assert(core.mkdir(dir.path .. "/tree"))
    local r = bound(handle)
    assert.matches("^bind /b: what is open is not to be seen at its path any more: fd %d+: " ..
      "Stale file handle", r.message)
    assert.are.equal("bind", r.verb)
  end)

  it("is refused when something else is mounted on its path", function()
    local text = inside(("local handle = core.open(%q, 'path')\n" ..
      "assert(core.bind {source = %q, target = %q})"):format(dir.path .. "/tree",
      dir.path .. "/other", dir.path .. "/tree"), [[
      local binds = {{source = handle, target = "/b"}}
      local r = sandbox.new({script = "cat /b/name", binds = binds}):run()
      io.write(r.message or r.stdout)
    ]])
    assert.matches("Stale file handle", text)
  end)

  it("may be a file, and may be written to when that is said", function()
    local handle <close> = core.open(dir.path .. "/tree/name", "path")
    local binds = {{source = handle, target = "/f", read_only = false}}
    assert.is_true(run({script = "echo new >/f", binds = binds}).ok)
    assert.are.equal("new\n", dir:read "tree/name")
    binds[1].read_only = nil
    assert.matches("Read%-only", run({script = "echo x >/f", binds = binds}).stderr)
  end)

  it("needs a place inside, and an open handle", function()
    local handle = core.open(dir.path .. "/tree", "path")
    local ok, problem = pcall(sandbox.new, {script = "true", binds = {{source = handle}}})
    assert.is_false(ok)
    assert.are.equal("sandbox: binds[1] has no 'target'", tostring(problem))
    handle:close()
    ok, problem = pcall(bound, handle)
    assert.is_false(ok)
    assert.matches("field 'source' holds a closed handle", problem)
  end)
end)

describe("a bind with 'idmap'", function()
  local dir

  before_each(function()
    dir = host.scratch()
    dir:file("tree/file", "text")
    assert(core.chmod(dir.path, 493))
  end)

  after_each(function() dir:close() end)

  local function bind(more)
    local entry = {source = dir.path .. "/tree", target = "/m", idmap = true, read_only = false}
    for key, value in pairs(more or {}) do entry[key] = value end
    return {script = "stat -c %u:%g /m /m/file; echo new >/m/new", binds = {entry}}
  end

  --- Owner of what a run made on the disk.
  local function made()
    local st = assert(core.stat(dir.path .. "/tree/new"))
    return ("%d:%d"):format(st.uid, st.gid)
  end

  if not host.is_root() then
    it("is refused to an ordinary user, with the reason", function()
      local ok, problem = pcall(sandbox.new, bind())
      assert.is_false(ok)
      assert.matches("binds%[1%].idmap: only the host's root can show files under other owners",
        tostring(problem))
    end)
    return
  end

  before_each(function() assert(os.execute("chown -R 1234:4321 " .. dir.path .. "/tree")) end)

  it("shows the source's files as the program's, and keeps their owner on the disk", function()
    for _, ids in ipairs {"self", "root", "range"} do
      local options = bind()
      options.ids = ids
      local r = run(options)
      assert.are.equal("0:0\n0:0\n", r.stdout, r.message or r.stderr)
      assert.are.equal("1234:4321", made())
      assert(core.unlink(dir.path .. "/tree/new"))
    end
  end)

  it("takes maps, and hides whom they do not name", function()
    local r = run(bind {idmap = {uid = {{1234, 0, 1}}, gid = {{999, 0, 1}}}})
    assert.are.equal("0:65534\n0:65534\n", r.stdout)
    assert.is_nil(core.stat(dir.path .. "/tree/new"))
  end)

  it("may be read-only, and has inert setuid bits", function()
    local r = run(bind {read_only = true})
    assert.matches("Read%-only", r.stderr)
    local options = bind()
    options.script = "grep ' /m ' /proc/self/mountinfo"
    local text = out(options)
    assert.matches("nosuid", text)
    assert.matches("idmapped", text)
  end)

  it("is made anew for each run, and leaves nothing open", function()
    local box, before = sandbox.new(bind()), host.count_fds()
    for _ = 1, 3 do assert.is_true(box:run().ok) end
    collectgarbage()
    assert.is_true(host.count_fds() <= before + 2)
  end)

  it("says which source cannot have it, and why", function()
    local ok, problem = pcall(run, bind {source = "/proc"})
    assert.is_false(ok)
    assert.matches("bind /m: idmap: /proc: Invalid argument\n  its file system", tostring(problem))
    ok, problem = pcall(run, bind {source = dir.path .. "/nosuch"})
    assert.is_false(ok)
    assert.matches("nosuch: No such file or directory", tostring(problem))
    ok, problem = pcall(sandbox.new, bind {idmap = {uid = {{1, 2}}, gid = {}}})
    assert.is_false(ok)
    assert.matches("binds%[1%].idmap.uid%[1%]: it is not {inside, outside, count}",
      tostring(problem))
  end)

  it("skips a missing source that is optional", function()
    local options = bind {source = dir.path .. "/nosuch", optional = true}
    options.script = "test -e /m || echo none"
    assert.are.equal("none\n", out(options))
  end)

  it("is in the plan in words, and such a plan is not carried out without the mount", function()
    local plan = sandbox.new(bind()):plan()
    assert.is_truthy(plan:describe():find("(read-write, its owner is the program)", 1, true))
    local ok, problem = pcall(core.spawn, plan)
    assert.is_false(ok)
    assert.matches("idmap and tree go together", problem)
  end)
end)

describe("two thousand binds", function()
  it("are all there, each in its place", function()
    local dir <close> = host.scratch()
    local binds = {}
    for i = 1, 2000 do
      binds[i] = {source = dir:file("f/" .. i, tostring(i)), target = "/b/" .. i}
    end
    local r = run {binds = binds, script = "cat /b/1 /b/1999 /b/2000; " ..
      "grep -c ' /b/[0-9]* ro,' /proc/self/mountinfo"}
    assert.are.equal("1199920002000\n", r.stdout, r.message)
  end)
end)

describe("a bind whose source is a symbolic link", function()
  it("shows what the link leads to, in the caller's world", function()
    local dir <close> = host.scratch()
    dir:file("real/name", "text")
    assert(core.symlink("real", dir.path .. "/link"))
    assert.are.equal("text", out {script = "cat /b/name",
      binds = {{source = dir.path .. "/link", target = "/b"}}})
    assert(core.symlink("nowhere", dir.path .. "/dangling"))
    local r = run {script = "true", binds = {{source = dir.path .. "/dangling", target = "/b"}}}
    assert.matches("/dangling: No such file or directory", r.message)
    assert.is_true(run({script = "true", binds = {{source = dir.path .. "/dangling", target = "/b",
      optional = true}}}).ok)
  end)
end)

describe("a hostile place for a mount", function()
  local places = {
    {"/../x", "has a part '..'"}, {"/a/../../x", "has a part '..'"}, {"/a/..", "has a part '..'"},
    {"/a/.", "has a part '.'"}, {"/.", "has a part '.'"}, {"/./x", "has a part '.'"},
    {"//a///.//../../x", "has an empty part"}, {"//", "has an empty part"},
    {"/a//b", "has an empty part"}, {"/a//", "has an empty part"},
    {"x", "is not an absolute path"}, {"../x", "is not an absolute path"},
    {"", "is not an absolute path"}, {"/a\0b", "holds a NUL byte"},
    {"/" .. ("x"):rep(256), "has a part longer than 255 bytes"},
    {("/0123456789"):rep(400), "is longer than 4000 bytes"},
  }
  local kinds = {
    binds = function(target) return {source = "/usr", target = target} end,
    tmpfs = function(target) return {target = target} end,
    dirs = function(target) return target end,
    files = function(target) return {target = target, text = ""} end,
    symlinks = function(target) return {target = target, text = "x"} end,
    overlays = function(target) return {target = target, lower = {"/usr"}} end,
  }
  for list, entry in pairs(kinds) do
    it(("is refused with the reason, in '%s'"):format(list), function()
      for _, place in ipairs(places) do
        local ok, problem = pcall(sandbox.new, {script = "true", [list] = {entry(place[1])}})
        assert.is_false(ok, place[1])
        assert.is_truthy(tostring(problem):find(("sandbox: %s[1]: the place '"):format(list), 1,
          true), tostring(problem))
        assert.is_truthy(tostring(problem):find(place[2], 1, true), tostring(problem))
      end
    end)
  end

  it("is a file whose name ends in a slash", function()
    for list, value in pairs {files = {target = "/f/", text = ""},
      symlinks = {target = "/l/", text = "x"}, binds = {source = "/etc/passwd", target = "/p/"}} do
      local ok, problem = pcall(sandbox.new, {script = "true", [list] = {value}})
      assert.is_false(ok, list)
      assert.matches("ends in a slash, and there will be no directory", tostring(problem))
    end
    assert.are.equal("there\n", out {script = "test -d /d && test -d /b && echo there",
      dirs = {"/d/"}, binds = {{source = "/usr/", target = "/b/"}}})
  end)

  it("is one that a link turns into another: it is inside all the same", function()
    local dir <close> = host.scratch()
    dir:dir "tree"
    local outside = dir:dir "outside"
    local links = {"/", "/..", "..", "../../../..", outside, "/proc/self/root", "/proc/1/root",
      "/oldroot" .. outside, "/proc/self/cwd", "self"}
    for i, text in ipairs(links) do
      assert(core.symlink(text, ("%s/tree/%d"):format(dir.path, i)))
    end
    for i = 1, #links do
      for key, value in pairs {
        dirs = {target = ("/t/%d/made"):format(i)},
        files = {target = ("/t/%d/made"):format(i), text = "x"},
        symlinks = {target = ("/t/%d/made"):format(i), text = "x"},
        tmpfs = {target = ("/t/%d/made"):format(i)},
        overlays = {target = ("/t/%d/made"):format(i), lower = {"/usr/bin"}, read_only = true},
      } do
        value.order = 1
        run {script = "true", [key] = {value}, binds = {{source = dir.path .. "/tree",
          target = "/t", read_only = false}}}
      end
    end
    assert.are.same({}, core.readdir(outside))
    assert.is_nil(core.stat "/made")
    assert.is_nil(core.stat(dir.path .. "/made"))
  end)
end)

describe("mounts of both worlds", function()
  it("do not reach the other, even where the caller's are shared", function()
    local dir <close> = host.scratch()
    dir:dir "d/sub"
    local text = inside('assert(core.propagation {target = "/", mode = "shared"})', ([[
      local d = %q
      local reader, writer = core.pipe()
      local before = host.mountinfo()
      local box = sandbox.new({script = "read x; ls /d/sub; grep -c ' /d[ /]' /proc/self/mountinfo",
        stdin = reader, tmpfs = {{target = "/d/own", order = 1}},
        binds = {{source = d, target = "/d", read_only = false}}}):start()
      io.write(before == host.mountinfo() and "unchanged " or "leaked ")
      assert(core.tmpfs {target = d .. "/sub"})
      assert(core.file {target = d .. "/sub/later", text = ""})
      writer:write "go\n"
      local r = box:wait()
      io.write(r.message or r.stdout .. r.stderr)
    ]]):format(dir.path .. "/d"))
    assert.are.equal("unchanged 2\n", text)
  end)

  it("stand on one another in the order that is given", function()
    local dir <close> = host.scratch()
    dir:file("l/overlay", "")
    dir:file("b/bind", "")
    local r = run {script = "ls /x /x/b /x/b/t",
      overlays = {{target = "/x", lower = {dir.path .. "/l"}, order = 1}},
      binds = {{source = dir.path .. "/b", target = "/x/b", read_only = false, order = 2}},
      tmpfs = {{target = "/x/b/t", order = 3}}}
    assert.are.equal("/x:\nb\noverlay\n\n/x/b:\nbind\nt\n\n/x/b/t:\n", r.stdout, r.message)
    assert.are.same({"/x/b/t"}, r.mount_points)
  end)

  it("hide one that was there before", function()
    assert.are.equal("late\n", out {script = "ls /x", tmpfs = {{target = "/x/early", order = 1},
      {target = "/x", order = 2}}, dirs = {{target = "/x/late", order = 3}}})
  end)
end)

describe("a socket of the caller's", function()
  it("is bound like a file, and answers", function()
    local dir <close> = host.scratch()
    local head = [[
      #include <sys/un.h>
      static int named(const char *path, struct sockaddr_un *to) {
        to->sun_family = AF_UNIX;
        strcpy(to->sun_path, path);
        return socket(AF_UNIX, SOCK_STREAM, 0);
      }
    ]]
    local programs <close> = probe.new {
      server = head .. [[int main(int n, char **words) {
        struct sockaddr_un to = {0};
        int s = named("new", &to);
        if (chdir(words[1]) || bind(s, (void *)&to, sizeof to) || listen(s, 1)) return 1;
        if (rename("new", "socket")) return 1;
        return write(accept(s, NULL, NULL), "hello", 5) != 5;
      }]],
      client = head .. [[int main(void) {
        struct sockaddr_un to = {0};
        char text[8] = {0};
        int s = named("/s", &to);
        if (connect(s, (void *)&to, sizeof to) || read(s, text, 7) != 5) return 1;
        return puts(text) < 0;
      }]],
    }
    local server <close> = host.start {programs.dir.path .. "/server", dir.path}
    assert(host.eventually(function() return core.stat(dir.path .. "/socket") end))
    local r = programs:run {binds = {{source = dir.path .. "/socket", target = "/s"}},
      command = {"/probe/client"}}
    assert.are.equal("hello\n", r.stdout, r.message or r.stderr)
    assert(server)
  end)
end)
