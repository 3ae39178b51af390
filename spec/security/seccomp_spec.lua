local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"

-- call native|i386 NUMBER ARG...: one system call; prints "ok", or the error's number. An argument
-- is a number, "=text" for a pointer to a text, or "@" for one to zeroes. Memory is below 4 GiB, so
-- that i386 can point to it. i386 goes through int 0x80, which a 64-bit program may
-- use: so no 32-bit C library is needed.
local CALL = [[
#include <sys/mman.h>
static long native(long n, long *a)
{
  long r = syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
  return r < 0 ? -errno : r;
}
static long old(long n, long *a)
{
#ifdef __x86_64__
  int r;
  register long di __asm__("rdi") = a[4];
  register long si __asm__("rsi") = a[3];
  __asm__ volatile("int $0x80" : "=a"(r) : "0"((int)n), "b"((int)a[0]), "c"((int)a[1]),
                   "d"((int)a[2]), "r"(si), "r"(di) : "memory", "r8", "r9", "r10", "r11");
  return r;
#else
  return -ENOSYS;
#endif
}
int main(int argc, char **argv)
{
  char *low = mmap((void *)0x10000000, 1 << 16, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  long a[6] = {0};
  size_t used = 4096;
  for (int i = 3; i < argc && i < 9; i++) {
    if (argv[i][0] == '@') a[i - 3] = (long)low;
    else if (argv[i][0] == '=') {
      strcpy(low + used, argv[i] + 1);
      a[i - 3] = (long)(low + used);
      used += 256;
    } else a[i - 3] = (long)strtoull(argv[i], 0, 0);
  }
  long n = strtol(argv[2], 0, 0);
  long r = strcmp(argv[1], "i386") ? native(n, a) : old(n, a);
  if (r >= 0) puts("ok"); else printf("%s\n", strerrorname_np((int)-r));
  return 0;
}
]]

-- As glibc makes a thread: clone3, and clone when that is not there.
local THREAD = [[
#include <pthread.h>
static void *work(void *p) { *(int *)p = 7; return p; }
int main(void)
{
  pthread_t t;
  int x = 0;
  if (pthread_create(&t, 0, work, &x) || pthread_join(t, 0)) return 1;
  return fork() == 0 ? 0 : x == 7 ? 0 : 2;
}
]]

local native = core.abis()[1]
local has_i386 = native == "x86-64"
local abis = has_i386 and {"native", "i386"} or {"native"}

local probes

-- One shell line that makes a call on an ABI; nil where the ABI has no such call.
local function line(abi, name, arguments)
  local number = assert(core.syscall_number(name))[abi == "native" and native or abi]
  return number and ("/probe/call %s %d %s"):format(abi, number, arguments or "")
end

-- What calls answer: {{name, arguments}, ...} -> {"name abi" = answer}
local function answers(calls, options)
  local lines, keys = {}, {}
  for _, call in ipairs(calls) do
    for _, abi in ipairs(abis) do
      local text = line(abi, call[1], call[2])
      if text then
        lines[#lines + 1], keys[#keys + 1] = text .. " || echo killed", call[1] .. " " .. abi
      end
    end
  end
  options = options or {}
  options.script, options.tmpfs = "cd /w\n" .. table.concat(lines, "\n"), {{target = "/w"}}
  local r = probes:run(options)
  assert.is_nil(r.message)
  local found, i = {}, 0
  for answer in r.stdout:gmatch("[^\n]+") do
    i = i + 1
    found[keys[i]] = answer
  end
  assert.are.equal(#keys, i, r.stderr)
  return found
end

local function all_answer(wanted, calls, options)
  local found = answers(calls, options)
  assert.is_not_nil(next(found))
  for key, answer in pairs(found) do assert.are.equal(wanted, answer, key) end
end

describe("the preset 'build'", function()
  setup(function() probes = probe.new {call = CALL, thread = THREAD} end)
  teardown(function() probes:close() end)

  it("leaves no keyring, on any ABI", function()
    all_answer("ENOSYS", {{"add_key", "=user =x =y 1 -3"}, {"request_key", "=user =x 0 0"},
      {"keyctl", "0 -3 0"}})
  end)

  it("leaves no bpf, perf events, userfaultfd and io_uring", function()
    all_answer("ENOSYS", {{"bpf", "0 @ 64"}, {"perf_event_open", "@ 0 -1 -1 0"},
      {"userfaultfd", "0"}, {"io_uring_setup", "1 @"}, {"io_uring_enter", "0 0 0 0"},
      {"io_uring_register", "0 0 0 0"}})
  end)

  it("leaves no mounts, through the old interface or the new", function()
    all_answer("EPERM", {{"mount", "=x =/w =tmpfs 0 0"}, {"umount2", "=/w 0"}, {"umount", "=/w"},
      {"pivot_root", "=/w =/w"}, {"chroot", "=/w"}, {"open_tree", "-100 =/w 1"},
      {"open_tree_attr", "-100 =/w 1 0 0"}, {"move_mount", "-1 =x -1 =y 0"}, {"fsopen", "=tmpfs 0"},
      {"fsconfig", "-1 0 0 0 0"}, {"fsmount", "-1 0 0"}, {"fspick", "-100 =/w 0"},
      {"mount_setattr", "-100 =/w 0 @ 32"}})
  end)

  it("makes and enters no namespace", function()
    all_answer("EPERM", {{"setns", "0 0"}, {"unshare", "0x10000000"}, {"unshare", "0x80"},
      {"clone", "0x10000011 0 0 0 0"}, {"clone", "0x20011 0 0 0 0"}})
    all_answer("ENOSYS", {{"clone3", "@ 88"}})
  end)

  it("is not fooled by bits that the kernel does not look at", function()
    assert.are.same({["unshare native"] = "EPERM", ["socket native"] = "EAFNOSUPPORT",
      ["ioctl native"] = "EPERM", ["personality native"] = "EPERM"},
      (function()
        local found = answers {{"unshare", "0x100000010000000"}, {"socket", "0x100000028 1 0"},
          {"ioctl", "0 0x100005412 =x"}, {"personality", "0x100400000"}}
        local own = {}
        for key, value in pairs(found) do
          if key:find("native") then own[key] = value end
        end
        return own
      end)())
  end)

  it("lets processes and threads be made, which fall back from clone3", function()
    local r = probes:run {command = {"/probe/thread"}}
    assert.are.equal(0, r.exit_code)
    all_answer("ok", {{"unshare", "0x200"}}) -- CLONE_FS
  end)

  it("leaves alone what belongs to the whole machine", function()
    all_answer("EPERM", {{"kexec_load", "0 0 0 0"}, {"init_module", "@ 0 =x"},
      {"finit_module", "0 =x 0"}, {"delete_module", "=x 0"}, {"reboot", "0 0 0 0"},
      {"swapon", "=/w 0"}, {"swapoff", "=/w"}, {"settimeofday", "@ 0"}, {"clock_settime", "0 @"},
      {"clock_adjtime", "0 @"}, {"adjtimex", "@"}, {"acct", "=/w"}, {"quotactl", "0 =x 0 0"},
      {"quotactl_fd", "0 0 0 0"}, {"syslog", "3 @ 1"}, {"sethostname", "=x 1"},
      {"setdomainname", "=x 1"}})
    if has_i386 then
      all_answer("EPERM", {{"iopl", "0"}, {"ioperm", "0 1 0"}, {"stime", "@"},
        {"clock_settime64", "0 @"}, {"clock_adjtime64", "0 @"}})
    end
  end)

  it("leaves no way to files but their paths", function()
    all_answer("EPERM", {{"open_by_handle_at", "-100 @ 0"}, {"fanotify_init", "0 0"}})
  end)

  it("takes harmless personalities only", function()
    all_answer("ok", {{"personality", "0xffffffff"}, {"personality", "0x40000"},
      {"personality", "0"}})
    all_answer("EPERM", {{"personality", "0x400000"}, {"personality", "0x400008"}})
  end)

  it("pushes no keys into a terminal (CVE-2017-5226)", function()
    all_answer("EPERM", {{"ioctl", "0 0x5412 =x"}, {"ioctl", "0 0x541c =x"}})
    all_answer("ENOTTY", {{"ioctl", "0 0x5401 @"}})
  end)

  it("makes UNIX, INET and INET6 sockets, and asks for routes", function()
    local found = answers {{"socket", "1 1 0"}, {"socket", "2 1 0"}}
    assert.are.equal("ok", found["socket native"])
    for _, arguments in ipairs {"1 1 0", "2 1 0", "10 1 0", "16 3 0"} do
      local r = probes:run {script = line("native", "socket", arguments)}
      assert.are.equal("ok\n", r.stdout)
    end
  end)

  it("makes no other socket: ALG, PACKET, VSOCK, and netlink beyond routes", function()
    for _, family in ipairs {0, 3, 9, 15, 17, 29, 31, 38, 40, 44, 45, 300} do
      all_answer("EAFNOSUPPORT", {{"socket", family .. " 3 0"}})
    end
    all_answer("EPROTONOSUPPORT", {{"socket", "16 3 15"}})
  end)

  it("answers calls that are newer than its table as an older kernel would", function()
    assert.are.equal("ENOSYS\nENOSYS\n", probes:run({
      script = "/probe/call native 472; /probe/call native 100000"}).stdout)
  end)

  it("lets a debugger look at its own child", function()
    all_answer("ok", {{"ptrace", "0 0 0 0"}}) -- PTRACE_TRACEME
  end)

  it("is not in force for pid 1, which programs cannot reach", function()
    local text = probes:run({script = "grep -h Seccomp: /proc/1/status /proc/self/status"}).stdout
    assert.are.equal("Seccomp:\t0\nSeccomp:\t2\n", text)
  end)

  it("is in force for a program that is pid 1 itself", function()
    local text = probes:run({script = "grep -h Seccomp: /proc/1/status", as_init = true}).stdout
    assert.are.equal("Seccomp:\t2\n", text)
  end)

  it("is in force for every program of a prepared sandbox", function()
    local box <close> = assert(sandbox.new({script = "true"}):prepare())
    for _ = 1, 2 do
      assert.are.equal("Seccomp:\t2\n", box:run("grep -h Seccomp: /proc/self/status").stdout)
    end
  end)

  it("can be left out", function()
    local text = probes:run({script = "grep Seccomp: /proc/self/status", seccomp = "none"}).stdout
    assert.are.equal("Seccomp:\t0\n", text)
  end)
end)

describe("setuid and setgid bits", function()
  setup(function() probes = probe.new {call = CALL} end)
  teardown(function() probes:close() end)

  it("are set by no call that sets a mode, on no ABI", function()
    all_answer("EPERM", {{"chmod", "=/w 04755"}, {"chmod", "=/w 02755"}, {"fchmod", "1 04755"},
      {"fchmodat", "-100 =/w 04755"}, {"fchmodat2", "-100 =/w 04755 0"}, {"creat", "=f 04755"},
      {"mknod", "=g 0104755 0"}, {"mknodat", "-100 =h 0102755 0"}, {"open", "=i 0102 04755"},
      {"open", "=/w 020200002 04755"}, {"openat", "-100 =j 0102 06755"},
      {"openat", "-100 =/w 020200002 02755"}})
    all_answer("ENOSYS", {{"openat2", "-100 =k @ 24"}})
  end)

  it("matter only where a file is made: the mode of a plain open is anything", function()
    all_answer("ok", {{"open", "=/w 0 06777"}, {"openat", "-100 =/w 0 06777"}})
  end)

  it("leave all other modes alone", function()
    all_answer("ok", {{"chmod", "=/w 01777"}, {"fchmodat", "-100 =/w 0700"},
      {"openat", "-100 =new 0102 0777"}})
    all_answer(host.kernel_before(6, 6) and "ENOSYS" or "ok", {{"fchmodat2", "-100 =/w 0755 0"}})
  end)

  it("are not set by mkdir, whose mode the kernel cuts itself", function()
    local text = probes:run({script = "cd /w\n" .. line("native", "mkdirat", "-100 =d 06755")
      .. "\nstat -c %a d", tmpfs = {{target = "/w"}}}).stdout
    assert.are.equal("ok\n755\n", text)
  end)

  it("are there no more after a look at the upper directory of a hostile build", function()
    local dir <close> = host.scratch()
    assert(core.chmod(dir.path, 511)) -- 0777
    local r = probes:run {
      script = "cp /usr/bin/true /out/x; chmod 4755 /out/x || chmod u+s,g+s /out/x || true",
      binds = {{source = dir.path, target = "/out", read_only = false}}, ids = "root"}
    assert.matches("Operation not permitted", r.stderr)
    assert.are.equal(0, core.stat(dir.path .. "/x").mode & 3072) -- 06000
  end)

  it("can be let through", function()
    for _, allow in ipairs {{"@set-ids"}, {"chmod", "fchmodat", "fchmodat2"}} do
      local r = probes:run {script = "cd /w; touch f; chmod 4755 f; stat -c %a f",
        tmpfs = {{target = "/w"}}, seccomp = {allow = allow}}
      assert.are.equal("4755\n", r.stdout)
    end
  end)
end)

describe("a policy of one's own", function()
  setup(function() probes = probe.new {call = CALL} end)
  teardown(function() probes:close() end)

  local function policy(seccomp, calls)
    return answers(calls, {seccomp = seccomp})
  end

  it("adds refusals to the preset", function()
    all_answer("EPERM", {{"getppid"}}, {seccomp = {deny = {"getppid"}}})
    all_answer("EXDEV", {{"getppid"}}, {seccomp = {deny = {getppid = "EXDEV"}}})
    all_answer("ENOSYS", {{"keyctl", "0 0 0"}}, {seccomp = {deny = {"getppid"}}})
  end)

  it("lets calls or groups of the preset through", function()
    local found = policy({allow = {"@terminal"}}, {{"ioctl", "0 0x5412 =x"}})
    assert.are_not.equal("EPERM", found["ioctl native"])
    found = policy({allow = {"unshare"}}, {{"unshare", "0x10000000"}, {"setns", "0 0"}})
    assert.are.equal("ok", found["unshare native"])
    assert.are.equal("EPERM", found["setns native"])
  end)

  it("kills", function()
    all_answer("killed", {{"sched_yield"}}, {seccomp = {deny = {sched_yield = "kill"}}})
    local r = sandbox.new({command = {"ls"}, seccomp = {deny = {getdents64 = "kill"}}}):run()
    assert.are.equal("SYS", r.signal)
  end)

  it("kills as the program starts when it may not even start", function()
    local r = sandbox.new({command = {"true"}, seccomp = {deny = {execve = "kill"}}}):run()
    assert.is_false(r.ok)
    r = sandbox.new({command = {"true"}, seccomp = {deny = {execve = "EACCES"}}}):run()
    assert.are.equal("exec_failed", r.outcome)
  end)

  it("is a list of what is allowed when the default is a refusal", function()
    local allowed = {"execve", "brk", "mmap", "munmap", "mprotect", "openat", "open?", "read",
      "pread64", "close", "fstat", "newfstatat?", "arch_prctl?", "set_tid_address",
      "set_robust_list", "rseq", "prlimit64", "getrandom", "exit_group", "write", "access?",
      "faccessat"}
    for _, default in ipairs {"errno", "EXDEV", "kill"} do
      local r = probes:run {command = {"/probe/call", "native",
        tostring(core.syscall_number("getppid")[native])},
        seccomp = {default = default, allow = allowed}}
      if default == "kill" then
        assert.are.equal("SYS", r.signal)
      else
        assert.are.equal(default == "errno" and "EPERM\n" or "EXDEV\n", r.stdout, r.message)
      end
    end
  end)

  it("compares arguments in all six ways, in 64 bits", function()
    -- getppid takes no argument: whatever stands in its registers is ours
    local high <const> = 0x100000005
    local cases = {
      {"eq", high, {[high] = true, [5] = false, [high + 1] = false}},
      {"ne", high, {[high] = false, [5] = true, [0x200000005] = true}},
      {"lt", high, {[high - 1] = true, [high] = false, [0x200000000] = false, [5] = true}},
      {"le", high, {[high] = true, [high + 1] = false, [0xffffffff] = true}},
      {"gt", high, {[high + 1] = true, [high] = false, [0x200000000] = true, [9] = false}},
      {"ge", high, {[high] = true, [high - 1] = false, [-1] = true}},
    }
    for _, case in ipairs(cases) do
      local lines, wanted = {}, {}
      for value, hit in pairs(case[3]) do
        lines[#lines + 1] = line("native", "getppid", ("0 0x%x"):format(value))
        wanted[#wanted + 1] = hit and "EXDEV" or "ok"
      end
      local r = probes:run {script = table.concat(lines, "\n"),
        seccomp = {rules = {{"EXDEV", "getppid", when = {{1, case[1], case[2]}}}}}}
      assert.are.equal(table.concat(wanted, "\n") .. "\n", r.stdout, case[1])
    end
  end)

  it("compares what a mask leaves of an argument", function()
    local r = probes:run {
      script = line("native", "getppid", "0xff05") .. "\n" .. line("native", "getppid", "0xff06"),
      seccomp = {rules = {{"EXDEV", "getppid", when = {{0, "masked_eq", 5, 0xf}}}}}}
    assert.are.equal("EXDEV\nok\n", r.stdout)
  end)

  it("decides by the first rule whose conditions all hold", function()
    local r = probes:run {
      script = line("native", "getppid", "1 1") .. "\n" .. line("native", "getppid", "1 2")
        .. "\n" .. line("native", "getppid", "2 2"),
      seccomp = {rules = {
        {"allow", "getppid", when = {{0, "eq", 1}, {1, "eq", 1}}},
        {"EXDEV", "getppid", when = {{0, "eq", 1}}}, {"EIO", "getppid"}}}}
    assert.are.equal("ok\nEXDEV\nEIO\n", r.stdout)
  end)

  it("sees through socketcall of old i386 programs, or refuses what it cannot see", function()
    if not has_i386 then return pending "no i386 here" end
    local function through(seccomp) -- socketcall(SYS_SOCKET) and socketcall(SYS_SHUTDOWN)
      return probes:run({script = "/probe/call i386 102 1 @\n/probe/call i386 102 13 @",
        seccomp = seccomp}).stdout
    end
    assert.matches("^EAFNOSUPPORT\n", through("build"))
    assert.are.equal("EIO\n", through({preset = "none", deny = {shutdown = "EIO"}}):match("\n(.*)"))
    local open = through({preset = "none",
      rules = {{"allow", "socket", when = {{0, "eq", 1}}}, {"EXDEV", "socket"}}})
    assert.matches("^EXDEV\n", open)
  end)

  it("refuses unknown names with the nearest one", function()
    local function refused(seccomp, message)
      local ok, problem = pcall(sandbox.new, {script = "true", seccomp = seccomp})
      assert.is_false(ok)
      assert.are.equal("usage", problem.kind)
      assert.matches(message, tostring(problem), 1, true)
    end
    refused({deny = {"fchmd"}}, "unknown system call 'fchmd'\n  did you mean 'fchmod'?")
    refused({allow = {"@mont"}}, "unknown group '@mont'\n  did you mean '@mount'?")
    refused({deny = {getppid = "EPRM"}}, "unknown action 'EPRM'")
    refused({rules = {{"EPERM", "open", when = {{9, "eq", 1}}}}}, "numbered from 0 to 5")
    refused({rules = {{"EPERM", "open", when = {{1, "eq", 8, 7}}}}}, "bits outside of its mask")
    refused({rules = {{"EPERM", "open", when = {}}}}, "1 to 16 conditions")
    refused({rules = {{"EPERM", "open", whem = {}}}}, "unknown field 'whem'")
    refused({presett = "none"}, "unknown key 'presett' in 'seccomp'")
    refused("buld", "'seccomp' is 'buld'; it may be build or none")
  end)

  it("takes a name that may be missing", function()
    assert.is_true(sandbox.new({script = "true", seccomp = {deny = {"not_yet?"}}}):run().ok)
  end)

  it("says so when it is longer than the kernel takes", function()
    local rules = {}
    for i = 1, 1500 do rules[i] = {"EPERM", "getppid", when = {{0, "eq", i}}} end
    local ok, problem = pcall(sandbox.new, {script = "true", seccomp = {rules = rules}})
    assert.is_false(ok)
    assert.matches("needs %d+ instructions; the kernel takes 4096", tostring(problem))
  end)
end)

describe("fsync = 'off'", function()
  setup(function() probes = probe.new {call = CALL} end)
  teardown(function() probes:close() end)

  local calls = {{"fsync", "-1"}, {"fdatasync", "-1"}, {"syncfs", "-1"}, {"msync", "1 1 4"},
    {"sync_file_range", "-1 0 0 0"}, {"sync", ""}}

  it("makes fsync and its like succeed at once, on every ABI", function()
    all_answer("ok", calls, {fsync = "off"})
    all_answer("ok", calls, {fsync = "off", seccomp = "none"})
  end)

  it("is not the default", function()
    all_answer("EBADF", {{"fsync", "-1"}, {"fdatasync", "-1"}, {"syncfs", "-1"}})
  end)

  it("leaves the question whether memory is mapped to the kernel", function()
    all_answer("ENOMEM", {{"msync", "0x70000000 4096 1"}}, {fsync = "off"})
  end)
end)

describe("chown", function()
  setup(function() probes = probe.new {call = CALL} end)
  teardown(function() probes:close() end)

  local calls = {{"chown", "=/w 5 5"}, {"lchown", "=/w 5 5"}, {"fchown", "1 5 5"},
    {"fchownat", "-100 =/w 5 5 0"}}
  if has_i386 then
    for _, name in ipairs {"chown32", "lchown32", "fchown32"} do
      calls[#calls + 1] = {name, name == "fchown32" and "1 5 5" or "=/w 5 5"}
    end
  end

  it("= 'ignore' answers success and changes nothing, on every ABI", function()
    all_answer("ok", calls, {chown = "ignore"})
    local r = sandbox.new({script = "chown 5:5 /w; stat -c %u:%g /w", chown = "ignore",
      ids = "root", tmpfs = {{target = "/w"}}}):run()
    assert.are.equal("0:0\n", r.stdout)
  end)

  it("= 'error' refuses, on every ABI", function()
    all_answer("EPERM", calls, {chown = "error"})
  end)

  it("= 'real' is the default: an id without a map is EINVAL", function()
    assert.are.equal("EINVAL", answers({calls[1]}, {ids = "root"})["chown native"])
  end)

  it("= 'ignore' leaves the refusal of setuid bits as it is", function()
    all_answer("EPERM", {{"fchmodat2", "-100 =/w 04755 0"}}, {chown = "ignore"})
  end)
end)

describe("nested", function()
  it("lets a sandbox make sandboxes; without it that is refused", function()
    local tree = assert(core.realpath("."))
    local options = {
      command = {"lua5.4", "-e", [[
        local r = require("moonsand.sandbox").new({script = "echo inner", proc = "auto"}):run()
        io.write(r.stdout, r.message or "")]]},
      binds = {{source = tree, target = tree}}, cwd = tree,
      env = host.environment {LD_PRELOAD = os.getenv("LD_PRELOAD") or ""},
    }
    local refused = sandbox.new(options):run()
    assert.matches("clone3", refused.stdout, 1, true)
    options.nested = true
    local r = sandbox.new(options):run()
    assert.are.equal("inner\n", r.stdout, r.stderr)
  end)

  it("lifts nothing else", function()
    local dir <close> = probe.new {call = CALL}
    local r = dir:run {script = line("native", "keyctl", "0 0 0") .. "\n"
      .. line("native", "chmod", "=/tmp 04755"), nested = true}
    assert.are.equal("ENOSYS\nEPERM\n", r.stdout)
  end)
end)

describe("ordinary programs", function()
  it("do not notice the preset: a compiler, make, tar, an archive's owners and times", function()
    local r = sandbox.new({script = [[
      cd /tmp
      mkdir -p a/b; printf 'int main(void){return 0;}' >a/m.c
      printf 'all: m\nm: a/m.c\n\tcc -pipe -o $@ $<\n' >Makefile
      make -j2 >log 2>&1
      ./m
      tar -cf t.tar a m; mkdir out; tar -xpf t.tar -C out; cmp m out/m
      install -D -m 755 m inst/bin/m; cp -a inst copy; ln -s m copy/bin/n; ls -lR copy >log
      perl -e 'use IO::Socket; socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; exit 0'
      echo done]], ids = "root"}):run()
    assert.are.equal("done\n", r.stdout, r.stderr)
  end)
end)

describe("core.seccomp in the current process", function()
  it("takes effect at once, and stays", function()
    local text = host.lua [[
      local core = require "moonsand.core"
      assert(core.no_new_privileges())
      assert(core.seccomp {rules = {{"EXDEV", "mkdir?", "mkdirat"}}})
      io.write((select(2, core.mkdir("/tmp/moonsand-never"))))]]
    assert.matches("cross-device", text, 1, true)
  end)

  it("says that it needs no_new_privileges where it is nobody's privilege", function()
    if host.is_root() then return pending "root needs it not" end
    local text = host.lua [[
      local core = require "moonsand.core"
      io.write((select(2, core.seccomp {rules = {{"EXDEV", "mkdirat"}}})))]]
    assert.matches("needs the step no_new_privileges", text, 1, true)
  end)

  it("says so when the filters of a process are too many", function()
    local text = host.lua [[
      local core = require "moonsand.core"
      local rules = {}
      for i = 1, 600 do rules[i] = {"EPERM", "getppid", when = {{0, "eq", i}}} end
      assert(core.no_new_privileges())
      local program = core.filter {rules = rules}
      for _ = 1, 100 do
        local ok, message = core.seccomp {program = program}
        if not ok then io.write(message) return end
      end]]
    assert.matches("32768 instructions together", text, 1, true)
  end)

  it("takes a program of somebody else's, of whole instructions", function()
    local ok, problem = pcall(core.seccomp, {program = "1234567"})
    assert.is_false(ok)
    assert.matches("instructions of 8 bytes", problem)
  end)
end)
