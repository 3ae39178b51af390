local core = require "moonsand.core"
local doctor = require "moonsand.sandbox.doctor"
local gates = require "moonsand.sandbox.gates"
local sandbox = require "moonsand.sandbox"

-- A host that has only these files.
local function host(files, uid)
  return {uid = uid or 1000, read = function(path) return files[path] end}
end

local EPERM, ENOSPC, ENODEV, ENOSYS = 1, 28, 19, 38

describe("the gate behind a failure", function()
  local function what(verb, errno, files, uid)
    local gate = gates.behind(verb, errno, host(files, uid))
    return gate and gate.what .. " | " .. gate.fix
  end

  it("is the limit of user namespaces when there are none", function()
    assert.matches("allows no user namespaces .* | sysctl %-w user.max_user_namespaces=15000",
      what("clone3", ENOSPC, {["/proc/sys/user/max_user_namespaces"] = "0\n"}))
  end)

  it("is Debian's switch for a user, and not for root", function()
    local files = {["/proc/sys/kernel/unprivileged_userns_clone"] = "0\n"}
    assert.matches("for root only .* | sysctl %-w kernel.unprivileged_userns_clone=1",
      what("clone3", EPERM, files))
    assert.is_nil(what("bind", EPERM, files, 0))
  end)

  it("is AppArmor's, a step after its cause", function()
    assert.matches("AppArmor takes the rights",
      what("ids", EPERM, {["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"}))
  end)

  it("is a chroot when the root is no mount", function()
    assert.matches("in a chroot", what("clone3", EPERM,
      {["/proc/self/mountinfo"] = "21 1 8:1 /jail /usr rw - ext4 /dev/sda1 rw\n"}))
    assert.is_nil(what("bind", EPERM,
      {["/proc/self/mountinfo"] = "21 1 8:1 /jail / rw - ext4 /dev/sda1 rw\n"}))
  end)

  it("is a container's filter", function()
    assert.matches("a system call filter .* | podman run",
      what("clone3", EPERM, {["/proc/self/status"] = "Name:\tx\nSeccomp:\t2\n"}))
  end)

  it("is what hides parts of /proc", function()
    assert.matches("hidden %(/proc/kcore /proc/keys%), so the kernel gives no fresh one",
      what("proc", EPERM, {["/proc/self/mountinfo"] =
        "30 29 0:5 / / rw - overlay o rw\n31 30 0:5 /null /proc/keys rw - tmpfs t rw\n"
        .. "32 30 0:5 /null /proc/kcore rw - tmpfs t rw\n"}))
  end)

  it("is a kernel without overlays, or one that is too old", function()
    assert.matches("no overlay file system",
      what("overlay", ENODEV, {["/proc/filesystems"] = "nodev\ttmpfs\n"}))
    assert.matches("Linux 4.19.0 is older than 5.15",
      what("bind", ENOSYS, {["/proc/sys/kernel/osrelease"] = "4.19.0\n"}))
  end)

  it("is not made up where nothing is known", function()
    assert.is_nil(what("bind", 2, {}))
    assert.is_nil(what("ids", EPERM, {}))
  end)
end)

describe("the doctor", function()
  it("tries everything a sandbox needs", function()
    local findings = doctor.check()
    assert.is_true(#findings >= 6)
    for _, finding in ipairs(findings) do
      assert.is_boolean(finding.ok)
      assert.is_string(finding.what)
      assert.is_string(finding.name)
      assert.are.equal(not finding.ok, finding.fix ~= nil)
      assert.are.equal(not finding.ok, finding.cost ~= nil)
    end
  end)

  it("adds nothing to a failure that is nobody's gate", function()
    assert.are.same({}, doctor.explain {outcome = "setup_failed", verb = "bind", errno = 2})
    assert.are.same({}, doctor.explain {outcome = "exit"})
  end)

end)

-- A process whose host is as the text makes it, in namespaces of its own.
local prelude = [[
  local core = require "moonsand.core"
  local doctor = require "moonsand.sandbox.doctor"
  local sandbox = require "moonsand.sandbox"
  local uid, gid = core.uid(), core.gid()
  local function own_namespaces(ids)
    assert(core.namespaces {"user", "mount"})
    local map = ids and {{0, uid, 1}} or {{uid, uid, 1}}
    assert(core.ids {uid = map, gid = ids and {{0, gid, 1}} or {{gid, gid, 1}}})
    assert(core.propagation {target = "/", mode = "private"})
  end
  local function show(name)
    local finding = doctor.look(name, os.getenv "PATH")
    print(finding.ok, finding.what)
    for _, key in ipairs {"cost", "fix", "lasts"} do print(key, finding[key]) end
  end
  local function run(options)
    local result = sandbox.new(options or {command = {"true"}}):run()
    print(result.outcome, result.message)
    for _, line in ipairs(doctor.explain(result)) do print("explained", line) end
    if result.hint then print("hint", result.hint) end
  end
  local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    assert(file:close())
  end
]]

local function on_host(text, env)
  return (require("spec.support.host").lua(prelude .. text, env))
end

--- The doctor's line and that of the run that failed are one.
local function both(out, what, fix)
  assert.matches("^false\t[^\n]*" .. what, out)
  assert.matches("\nfix\t" .. fix, out)
  assert.matches("\nsetup_failed\t", out)
  assert.matches("\nexplained\t[^\n]*" .. what, out)
  assert.matches("\nexplained\tto open it: " .. fix, out)
end

describe("a closed gate", function()
  it("is seen by the doctor and by the run: no user namespaces", function()
    local out = on_host [[
      own_namespaces "root"
      write("/proc/sys/user/max_user_namespaces", "0")
      show "user-namespaces" run()]]
    both(out, "allows no user namespaces %(user.max_user_namespaces is 0%)",
      "sysctl %-w user.max_user_namespaces=15000")
    assert.matches("\nlasts\tuntil the next boot; for good: echo", out)
    assert.matches("\nexplained\tthis holds until the next boot", out)
    assert.matches("\ncost\tno sandbox but with isolation", out)
  end)

  it("is seen by the doctor and by the run: no network namespaces", function()
    local out = on_host [[
      own_namespaces "root"
      write("/proc/sys/user/max_net_namespaces", "0")
      show "user-namespaces" run() run {command = {"true"}, network = "host"}]]
    both(out, "allows no net namespaces %(user.max_net_namespaces is 0%)",
      "sysctl %-w user.max_net_namespaces=15000")
    assert.matches("\nexit\t", out)
  end)

  it("is seen by the doctor and by the run: hidden parts of /proc", function()
    local out = on_host [[
      own_namespaces()
      assert(core.bind {source = "/dev/null", target = "/proc/version"})
      show "proc" run()]]
    both(out, "parts of this /proc are hidden %(/proc/version%)",
      "podman run %-%-security%-opt unmask=ALL")
    assert.matches("\nhint\tproc = \"bind\"", out)
  end)

  it("is seen by the doctor and by the run: a chroot", function()
    local out = on_host [[
      own_namespaces()
      assert(core.tmpfs {target = "/"}) -- our root is no longer the root of the namespace
      show "user-namespaces" run()]]
    both(out, "this process is in a chroot", "start moonsand outside of the chroot")
  end)

  for _, answer in ipairs {"ENOSYS", "EPERM"} do
    it(("is seen by the doctor and by the run: a container's filter, %s"):format(answer), function()
      local out = on_host(([[
        assert(core.no_new_privileges {})
        assert(core.seccomp {rules = {{"%s", "clone3"}}})
        show "user-namespaces" run()]]):format(answer))
      both(out, "a system call filter is on this process", "podman run %-%-security%-opt seccomp")
    end)
  end

  it("is seen by the doctor and by the run: a container's filter before mounts", function()
    local out = on_host [[
      assert(core.no_new_privileges {})
      assert(core.seccomp {rules = {{"EPERM", "fsopen", "open_tree", "move_mount"}}})
      show "user-namespaces" run()]]
    both(out, "a system call filter is on this process", "podman run %-%-security%-opt seccomp")
  end)

  it("is seen by the doctor and by the run: no range of ids", function()
    local host_support = require "spec.support.host"
    if host_support.is_root() then return pending "root needs no /etc/subuid" end
    local out = on_host [[
      own_namespaces()
      assert(core.bind {source = "/dev/null", target = "/etc/subuid"})
      show "id-ranges"
      local ok, problem = pcall(sandbox.new, {command = {"true"}, ids = "range"})
      print(ok or pcall(function() sandbox.new({command = {"true"}, ids = "range"}):run() end))
      print(problem)]]
    assert.matches("^false\ta range of ids[^\n]*has no range of ids in /etc/subuid", out)
    assert.matches("\nfix\tas root: [^\n]+\nlasts\tfor good\n", out)
  end)

  it("is seen by the doctor and by the run: no newuidmap", function()
    local host_support = require "spec.support.host"
    if host_support.is_root() then return pending "root needs no newuidmap" end
    local dir <close> = host_support.scratch()
    local user = ("%d:100000:65536\n"):format(host_support.uid())
    local subid = dir:file("subid", user)
    local out = on_host(([[
      own_namespaces()
      assert(core.bind {source = "%s", target = "/etc/subuid"})
      assert(core.bind {source = "%s", target = "/etc/subgid"})
      show "id-ranges" run {command = {"true"}, ids = "range"}]]):format(subid, subid),
      {PATH = dir:dir "bin" .. ":" .. dir:dir "lua"})
    assert.matches("^false\ta range of ids[^\n]*newuidmap", out)
    assert.matches("\nfix\t[^\n]*apt%-get install uidmap", out)
    assert.matches("\nhint\t[^\n]*apt%-get install uidmap", out)
  end)

  it("is seen by the doctor and by the run: an observer of somebody else's", function()
    if not doctor.look("observe").ok then return pending "nothing can be observed here" end
    local result = sandbox.new {command = {"lua5.4", "-e", prelude .. [[
      show "observe" run {command = {"true"}, observe = {"/"}, proc = "bind"}]]}, nested = true,
      observe = {"/usr"}, binds = {{source = core.realpath ".", target = "/src"}}, cwd = "/src",
      env = {LUA_PATH = package.path, LUA_CPATH = package.cpath,
        LD_PRELOAD = os.getenv "LD_PRELOAD", ASAN_OPTIONS = os.getenv "ASAN_OPTIONS"}}:run()
    local fix = "the kernel allows one observer: start it outside of what observes this process"
    assert.matches("^false\tobserving programs[^\n]* process is observed already", result.stdout)
    assert.matches("\ncost\t[^\n]*%-%-audit=full", result.stdout)
    assert.matches("\nfix\t" .. fix, result.stdout)
    assert.matches("\nsetup_failed\t[^\n]*\nhint\t" .. fix, result.stdout)
  end)

  it("is not there for a program that is not in PATH: pasta", function()
    local out = on_host([[
      local finding = doctor.look("user-network", "/nowhere:/etc")
      print(finding.ok, finding.what, finding.fix)]])
    assert.matches("^false\tuser%-mode network: 'pasta' is not in PATH\tas root: apt%-get", out)
  end)
end)

describe("the gate behind a refusal", function()
  local function what(verb, errno, files)
    local gate = gates.behind(verb, errno, host(files))
    return gate and gate.what .. " | " .. gate.fix
  end

  it("is the bound on mounts", function()
    assert.matches("may have 100000 mounts .* | sysctl %-w fs.mount%-max=200000",
      what("bind", ENOSPC, {["/proc/sys/fs/mount-max"] = "100000\n"}))
  end)

  it("is the bound on namespaces when none is zero", function()
    assert.matches("as many namespaces as this host allows",
      what("clone3", ENOSPC, {["/proc/sys/user/max_user_namespaces"] = "7\n"}))
  end)

  it("is a filter for a call that this kernel has", function()
    assert.matches("a system call filter", what("clone3", ENOSYS,
      {["/proc/sys/kernel/osrelease"] = "6.1.0\n", ["/proc/self/status"] = "x\nSeccomp:\t2\n"}))
    assert.is_nil(what("clone3", ENOSYS, {["/proc/sys/kernel/osrelease"] = "6.1.0\n"}))
  end)
end)

describe("what killed callers leave behind", function()
  local host_support = require "spec.support.host"
  local leftovers = require "moonsand.sandbox.leftovers"

  local function is_found(path)
    for _, one in ipairs(leftovers.find()) do
      if one.path == path then return true end
    end
    return false
  end

  it("is a scratch directory, found and removed; a living caller's stays", function()
    if host_support.no_filters() then return pending(host_support.no_filters()) end
    local reader <close>, writer = core.pipe()
    local process <close> = host_support.start({"lua5.4", "-e", [[
      local box = require("moonsand.sandbox").new {command = {"sleep", "1000"},
        isolation = "filters"}
      local running = assert(box:start())
      for _, name in ipairs(require("moonsand.core").readdir "/tmp") do
        local pid = name:match "^moonsand%-box%-(%d+)%-"
        if tonumber(pid) == require("moonsand.core").getpid() then io.write("/tmp/", name) end
      end
      io.flush()
      require("moonsand.core").poll({}, 1000)
      print(running)]]}, {[0] = 0, [1] = writer, [2] = 2})
    writer:close()
    local path = assert(reader:read())
    assert.matches("^/tmp/moonsand%-box%-", path)
    assert.is_false(is_found(path))
    process:kill "KILL"
    core.poll {{fd = process}}
    process:wait()
    assert.is_true(host_support.eventually(function() return is_found(path) end))
    local removed = table.concat(leftovers.remove(), "\n")
    assert.matches(path, removed, 1, true)
    assert.is_nil((core.stat(path)))
  end)

  it("has the doctor's attention until it is gone", function()
    local path = ("/tmp/moonsand-box-1-0-%s.spec%d"):format(
      core.readlink("/proc/self/ns/pid"):match "%d+", core.time_ns())
    assert(core.mkdir(path))
    local function finding() return doctor.look "leftovers" end
    assert.is_false(finding().ok)
    assert.are.equal("moonsand doctor --fix", finding().fix)
    local removed = doctor.fix()
    assert.matches(path, table.concat(removed, "\n"), 1, true)
    assert.is_nil((core.stat(path)))
  end)
end)
