local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

-- Tries to attach to each pid it is given, over and over; exits with 42 when it could. No libc, so
-- that the first try comes as early as can be.
local ATTACHER = [[
static long call(long n, long a, long b, long c, long d)
{
  return syscall(n, a, b, c, d);
}
int main(int argc, char **argv)
{
  for (int i = 0; i < atoi(argv[1]); i++)
    for (int pid = 1; pid < 40; pid++)
      if (pid != getpid() && call(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0) == 0) _exit(42);
  return 0;
}
]]

describe("a program that attaches to what is around it (CVE-2016-8659, CVE-2026-41163)", function()
  local probes
  setup(function() probes = probe.new {attach = ATTACHER} end)
  teardown(function() probes:close() end)

  it("never gets pid 1, which shares the caller's memory until it executes", function()
    for _, ids in ipairs {"self", "root"} do
      for _ = 1, 40 do
        local r = probes:run {command = {"/probe/attach", "20"}, ids = ids}
        assert.are.equal(0, r.exit_code, r.message)
      end
    end
  end)

  it("leaves the caller as it was: its files under /proc are its own", function()
    local before = core.stat("/proc/self/maps").uid
    sandbox.new({script = "true"}):run()
    assert.are.equal(before, core.stat("/proc/self/maps").uid)
    assert.are.equal(host.uid(), before)
  end)
end)
