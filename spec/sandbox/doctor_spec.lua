local doctor = require "moonsand.sandbox.doctor"
local gates = require "moonsand.sandbox.gates"

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
    assert.is_nil(what("clone3", EPERM, files, 0))
  end)

  it("is AppArmor's, a step after its cause", function()
    assert.matches("AppArmor takes the rights",
      what("ids", EPERM, {["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"}))
  end)

  it("is a chroot when the root is no mount", function()
    assert.matches("in a chroot", what("clone3", EPERM,
      {["/proc/self/mountinfo"] = "21 1 8:1 /jail /usr rw - ext4 /dev/sda1 rw\n"}))
    assert.is_nil(what("clone3", EPERM,
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
      if not finding.ok then assert.is_string(finding.fix) end
    end
  end)

  it("adds nothing to a failure that is nobody's gate", function()
    assert.are.same({}, doctor.explain {outcome = "setup_failed", verb = "bind", errno = 2})
    assert.are.same({}, doctor.explain {outcome = "exit"})
  end)

  it("finds the chroot that it runs in", function()
    local host_support = require "spec.support.host"
    local out = host_support.lua [[
      local core = require "moonsand.core"
      local uid, gid = core.uid(), core.gid()
      assert(core.namespaces {"user", "mount"})
      assert(core.ids {uid = {{uid, uid, 1}}, gid = {{gid, gid, 1}}})
      assert(core.propagation {target = "/", mode = "private"})
      local sandbox = require "moonsand.sandbox"
      local doctor = require "moonsand.sandbox.doctor"
      assert(core.tmpfs {target = "/"}) -- our root is no longer the root of the namespace
      local result = sandbox.new({command = {"true"}}):run()
      print(result.outcome, result.message)
    ]]
    assert.matches("setup_failed\tclone3: Operation not permitted", out)
  end)
end)
