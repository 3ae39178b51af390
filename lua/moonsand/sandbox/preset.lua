--- The preset "build": what a build never needs of the kernel, by group. Rules are those of
--- `core.filter`: {action, name, ..., when = {{argument, comparison, value, mask}, ...}}, arguments
--- counted from 0. Every rule refuses, so a policy that allows little stays as it is.
local M = {}

local INT <const> = 0xffffffff -- the kernel reads 32 bits of an int, whatever the register holds
local SET_IDS <const> = 3072 -- S_ISUID | S_ISGID, 06000
local CREATE <const> = 64 -- O_CREAT, 0100
local UNNAMED <const> = 4194304 -- __O_TMPFILE, 020000000

-- CLONE_NEW*: ns, cgroup, uts, ipc, user, pid, net; for unshare also time, which clone(2) lacks
local NAMESPACES <const> = 0x7e020000
local TIME_NAMESPACE <const> = 0x80

-- personality(2): PER_LINUX32, UNAME26, ADDR_NO_RANDOMIZE, ADDR_COMPAT_LAYOUT, ADDR_LIMIT_3GB
local HARMLESS <const> = 0x8 | 0x20000 | 0x40000 | 0x200000 | 0x8000000

local UNIX <const>, INET <const>, INET6 <const>, NETLINK <const> = 1, 2, 10, 16

local function set(argument, bits) return {argument, "ne", 0, bits} end
local function is(argument, value) return {argument, "eq", value, INT} end
local function is_not(argument, value) return {argument, "ne", value, INT} end

---@class moonsand.sandbox.Group
---@field name string       "@name" stands for all its calls
---@field about string
---@field nested? boolean   lifted by `nested`: a sandbox inside of the sandbox needs it
---@field rules table[]

---@type moonsand.sandbox.Group[]
M.groups = {
  {name = "keys", about = "keyrings: those of the caller's session are shared with the program",
    rules = {{"ENOSYS", "add_key", "request_key", "keyctl"}}},
  {name = "kernel-code", about = "programs and probes that run in the kernel",
    rules = {{"ENOSYS", "bpf", "perf_event_open", "userfaultfd"}}},
  {name = "io_uring", about = "a second way to make system calls, which no filter sees",
    rules = {{"ENOSYS", "io_uring_setup", "io_uring_enter", "io_uring_register"}}},
  {name = "mount", about = "mounts, old and new interface", nested = true,
    rules = {{"EPERM", "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree",
      "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
      "mount_setattr"}}},
  {name = "namespaces", about = "new namespaces; clone3 hides its flags, libraries fall back",
    nested = true, rules = {
      {"EPERM", "setns"},
      {"EPERM", "unshare", when = {set(0, NAMESPACES | TIME_NAMESPACE)}},
      {"EPERM", "clone", when = {set(0, NAMESPACES)}},
      {"ENOSYS", "clone3"},
    }},
  {name = "host-name", about = "the name of the host", nested = true,
    rules = {{"EPERM", "sethostname", "setdomainname"}}},
  {name = "set-ids", about = "setuid and setgid bits, by whatever sets a mode", rules = {
    {"EPERM", "chmod", "fchmod", "creat", "mknod", when = {set(1, SET_IDS)}},
    {"EPERM", "fchmodat", "fchmodat2", "mknodat", when = {set(2, SET_IDS)}},
    {"EPERM", "open", when = {set(1, CREATE | UNNAMED), set(2, SET_IDS)}},
    {"EPERM", "openat", when = {set(2, CREATE | UNNAMED), set(3, SET_IDS)}},
  }},
  {name = "hidden-modes", about = "openat2 hides its mode in memory; programs fall back to openat",
    nested = true, rules = {{"ENOSYS", "openat2"}}},
  {name = "sockets", about = "families but UNIX, INET, INET6, and NETLINK to look at routes",
    rules = {
      {"EAFNOSUPPORT", "socket", "socketpair",
        when = {is_not(0, UNIX), is_not(0, INET), is_not(0, INET6), is_not(0, NETLINK)}},
      {"EPROTONOSUPPORT", "socket", when = {is(0, NETLINK), is_not(2, 0)}},
    }},
  {name = "terminal", about = "keys pushed into a terminal (CVE-2017-5226)",
    rules = {
      {"EPERM", "ioctl", when = {is(1, 0x5412)}}, -- TIOCSTI
      {"EPERM", "ioctl", when = {is(1, 0x541c)}}, -- TIOCLINUX
    }},
  {name = "personality", about = "execution domains other than harmless ones",
    rules = {{"EPERM", "personality", when = {is_not(0, INT), set(0, INT & ~HARMLESS)}}}},
  {name = "handles", about = "files opened without their path, and watching of whole mounts",
    rules = {{"EPERM", "open_by_handle_at", "fanotify_init", "fanotify_mark"}}},
  {name = "machine", about = "what belongs to the whole machine", rules = {
    {"EPERM", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
      "reboot", "swapon", "swapoff", "settimeofday", "stime", "clock_settime", "clock_settime64",
      "clock_adjtime", "clock_adjtime64", "adjtimex", "acct", "quotactl", "quotactl_fd", "syslog",
      "iopl", "ioperm"},
  }},
  {name = "obsolete", about = "calls that no program of this century makes", rules = {
    {"ENOSYS", "create_module", "get_kernel_syms", "query_module", "uselib", "nfsservctl",
      "lookup_dcookie", "_sysctl", "vm86", "vm86old"},
  }},
}

--- `fsync = "off"`: durability that a throw-away build does not need. msync with MS_ASYNC does
--- nothing anyway, and is how libunwind asks whether an address is mapped.
M.fsync_off = {
  {"succeed", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "sync_file_range2",
    "arm_sync_file_range"},
  {"succeed", "msync", when = {set(2, 4)}}, -- MS_SYNC
}

local chown = {"chown", "lchown", "fchown", "fchownat", "chown32", "lchown32", "fchown32"}

--- `chown = "ignore"` or `"error"`.
M.chown = {ignore = {{"succeed", table.unpack(chown)}}, error = {{"EPERM", table.unpack(chown)}}}

--- Without a network namespace this is what "none" means: no socket but a pair.
M.no_sockets = {
  {"EACCES", "socket"},
  {"ENOSYS", "io_uring_setup"}, -- has sockets of its own
  {"EAFNOSUPPORT", "socketpair", when = {is_not(0, UNIX)}},
}

return M
