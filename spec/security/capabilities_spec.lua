local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

local function run(options) return sandbox.new(options):run() end

local ONE = "grep Cap /proc/self/status"

--- {CapInh = 0x81, ...} of a process inside.
local function sets(options, script)
  options.script = script or ONE
  local r = run(options)
  assert.is_nil(r.message)
  local found = {}
  for name, value in r.stdout:gmatch("(Cap%w+):%s+(%x+)") do found[name] = tonumber(value, 16) end
  return found
end

local function all_of(value)
  return {CapInh = value, CapPrm = value, CapEff = value, CapBnd = value, CapAmb = value}
end

local CHOWN <const>, KILL <const>, SETUID <const>, SYS_ADMIN <const> = 1, 1 << 5, 1 << 7, 1 << 21

-- Sets the flags of lo to what they are: a change that needs CAP_NET_ADMIN.
local SET_LINK = [[
#include <net/if.h>
#include <sys/ioctl.h>
int main(void)
{
  struct ifreq request = {.ifr_name = "lo"};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) return 2;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) printf("%s", strerror(errno));
}
]]

describe("a program", function()
  it("has no capability, whoever it is", function()
    local range = host.is_root() and "range" or "root"
    for _, who in ipairs {{}, {uid = 7}, {ids = "root"}, {ids = range}} do
      local found = sets(who)
      found.CapBnd = nil
      assert.are.same({CapInh = 0, CapPrm = 0, CapEff = 0, CapAmb = 0}, found)
    end
  end)

  it("has an empty bounding set where somebody inside is root, or capabilities are kept", function()
    for _, who in ipairs {{uid = 0}, {ids = "root"}, {ids = {uid = {{0, core.uid(), 1}}}},
      host.is_root() and not host.no_filters() and {isolation = "filters"} or {uid = 0}} do
      assert.are.equal(0, sets(who).CapBnd)
    end
    assert.are.equal(CHOWN, sets({uid = 7, cap_add = {"chown"}}).CapBnd)
  end)

  it("that is not root has a bounding set, and gains nothing by files with capabilities", function()
    if not host.is_root() then return pending "only root gives files capabilities" end
    local dir <close> = host.scratch()
    local cat = dir.path .. "/cat"
    assert(os.execute(("cp /bin/cat %s && setcap cap_chown=ep %s"):format(cat, cat)))
    assert.matches("CapEff:%s+0*1\n", host.lua(([[
      io.write(io.popen("setpriv --reuid=7 --clear-groups %s /proc/self/status"):read "a")]])
      :format(cat))) -- they work
    local found = sets({uid = 7, binds = {{source = dir.path, target = "/x"}}},
      "/x/cat /proc/self/status")
    assert.are.equal((1 << #core.capability_names()) - 1, found.CapBnd)
    assert.are.same({0, 0}, {found.CapPrm, found.CapEff})
  end)

  it("whose bounding set is to stay needs no_new_privs", function()
    local ok, message = core.spawn {{"namespaces", "user"},
      {"ids", uid = {{7, core.uid(), 1}}, gid = {{7, core.gid(), 1}}},
      {"capabilities", keep = {}, bounding = false}, {"exec", argv = {"true"}, init = false}}
    assert.is_nil(ok)
    assert.matches("capabilities: the bounding set is wanted as it is, and no_new_privs is off",
      message)
    assert.has_error(function() core.check {"capabilities", keep = {"chown"}, bounding = false} end)
  end)

  it("has those that were added, in each of its five sets, and nothing more", function()
    for _, who in ipairs {{}, {uid = 7}, {ids = "root"}} do
      who.cap_add = {"chown", "CAP_SETUID"}
      assert.are.same(all_of(CHOWN | SETUID), sets(who))
    end
  end)

  it("has all but those that were dropped, whatever the order", function()
    local names = core.capability_names()
    local all = (1 << #names) - 1
    assert.are.same(all_of(all & ~SYS_ADMIN), sets {cap_drop = {"sys_admin"}, cap_add = {"all"}})
    assert.are.same(all_of(0), sets {cap_add = {"chown"}, cap_drop = {"all"}, ids = "root"})
    assert.are.same(all_of(0), sets {cap_drop = {"chown"}, ids = "root"})
  end)

  it("gives them to what it starts", function()
    assert.are.same(all_of(CHOWN), sets({cap_add = {"chown"}}, "sh -c 'env " .. ONE .. "'"))
  end)

  it("has them in a prepared sandbox, too, and as pid 1", function()
    local prepared <close> = assert(sandbox.new({cap_add = {"chown"}}):prepare())
    assert.matches("CapAmb:%s+0*1\n", prepared:run(ONE).stdout)
    assert.are.same(all_of(CHOWN), sets {cap_add = {"chown"}, as_init = true})
  end)

  it("may use them on what is the sandbox's own, and on nothing of the host's", function()
    local probes <close> = probe.new {link = SET_LINK}
    local function set(options)
      options.command = {"/probe/link"}
      local r = probes:run(options)
      assert.are.equal(0, r.exit_code, r.message)
      return r.stdout
    end
    assert.are.equal("Operation not permitted", set {})
    assert.are.equal("", set {cap_add = {"net_admin"}})
    assert.are.equal("Operation not permitted", set {cap_add = {"all"}, network = "host"})
  end)

  it("changes owners within a range of ids with the capability, and not beyond", function()
    if not host.is_root() then
      pending("only root has a range of ids for sure")
      return
    end
    local ids = {uid = {{0, 0, 1}, {1, 100000, 10}}, gid = {{0, 0, 1}, {1, 100000, 10}}}
    local r = run {ids = ids, cap_add = {"chown"},
      script = "touch /tmp/f; chown 10:3 /tmp/f; stat -c %u:%g /tmp/f; chown 11 /tmp/f"}
    assert.are.equal("10:3\n", r.stdout)
    assert.matches("Invalid argument", r.stderr)
    r = run {ids = ids, script = "touch /tmp/f; chown 10:3 /tmp/f"}
    assert.matches("Operation not permitted", r.stderr)
  end)
end)

-- Attaches to pid 1 and tells whose memory that is; exits with 42 when it is the caller's.
local LOOK = [[
int main(int argc, char **argv)
{
  char name[64] = "";
  int attached = 0;
  for (int i = 0; i < atoi(argv[1]) && !attached; i++)
    attached = ptrace(PTRACE_SEIZE, 1, 0, 0) == 0;
  if (!attached) return 1;
  if (readlink("/proc/1/exe", name, sizeof name - 1) < 0) return 2;
  return strncmp(name, "/memfd:moonsand-init", 20) == 0 ? 0 : 42;
}
]]

describe("pid 1", function()
  it("is attached to as itself at most, never while it shares the caller's memory", function()
    local probes <close> = probe.new {look = LOOK}
    for _, ids in ipairs {"self", "root"} do
      for _ = 1, 20 do
        local r = probes:run {command = {"/probe/look", "100000000"}, ids = ids,
          cap_add = {"all"}, seccomp = "none", timeout = 20}
        assert.are.equal(0, r.exit_code, r.message)
      end
      assert.are.equal(1, probes:run({command = {"/probe/look", "10000"}, ids = ids}).exit_code)
    end
  end)

  it("is a program that nobody writes to, with all capabilities neither (CVE-2019-5736)", function()
    for _, ids in ipairs {"self", "root"} do
      local r = run {script = "echo x >/proc/1/exe", ids = ids, cap_add = {"all"}, seccomp = "none"}
      assert.is_false(r.ok)
      assert.is_true(run({script = "true"}).ok)
    end
  end)

  -- The program is there a moment before pid 1 is itself.
  local LOOK_AT_INIT = "until grep -q moonsand-init /proc/1/comm; do :; done\n"
    .. "grep Cap /proc/1/status"

  it("has no capability, whatever the program has", function()
    assert.are.same(all_of(0), sets({cap_add = {"all"}, cap_drop = {"setuid"}}, LOOK_AT_INIT))
  end)

  it("has one to signal a program that may change its user id", function()
    assert.are.same(all_of(KILL), sets({cap_add = {"setuid"}}, LOOK_AT_INIT))
  end)

  it("ends a program that changed its user id, and what it left behind", function()
    if not host.is_root() then
      pending("only root has a range of ids for sure")
      return
    end
    local options = {ids = "range", cap_add = {"setuid", "setgid"}}
    options.script = "setpriv --reuid=5 sh -c 'sleep 60 & exit 3'"
    local r = run(options)
    assert.are.same({3, 1}, {r.exit_code, r.leftovers})
    options.script = "exec setpriv --reuid=5 sh -c 'trap \"exit 17\" TERM; echo ready\n"
      .. "while :; do sleep 0.02; done'"
    local running <close> = assert(sandbox.new(options):start())
    assert.is_truthy(host.eventually(function()
      return running:take(1) > 0
    end))
    assert(running:kill("TERM"))
    assert.are.equal(17, running:wait().exit_code)
  end)
end)

describe("the name of a capability", function()
  local function refused(options)
    local ok, err = pcall(sandbox.new, options)
    assert.is_false(ok)
    return tostring(err)
  end

  it("is one that there is; the nearest is named", function()
    assert.are.equal("sandbox: 'cap_add': unknown capability 'CAP_CHWON'\n  did you mean "
      .. "'cap_chown'?",
      refused {cap_add = {"CAP_CHWON"}})
    assert.are.equal("sandbox: 'cap_drop': unknown capability 'xyzzy'\n  see capabilities(7)",
      refused {cap_drop = {"xyzzy"}})
    assert.are.equal("sandbox: 'cap_add', word 1, must be a string, not a number",
      refused {cap_add = {1}})
  end)

  it("means nothing without namespaces", function()
    assert.matches("'cap_add' needs namespaces", refused {cap_add = {"chown"},
      isolation = "filters"})
  end)
end)
