/* System calls by name: libseccomp's tables, the newer calls, and the two multiplexers of i386. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "syscalls.h"

enum { FIRST_COMMON = 424, NAME_LIMIT = 63 };

const Abi abis[] = {
#if defined(__x86_64__)
  {"x86-64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 0, {0, 0}},
  {"x32", AUDIT_ARCH_X86_64, SCMP_ARCH_X32, 0x40000000U, {512, 547}},
  {"i386", AUDIT_ARCH_I386, SCMP_ARCH_X86, 0, {0, 0}},
#elif defined(__aarch64__)
  {"arm64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0, {0, 0}},
  {"arm", AUDIT_ARCH_ARM, SCMP_ARCH_ARM, 0, {0xf0001, 0xf0006}},
#else
#error "core/syscalls.c does not know the ABIs of this architecture yet"
#endif
  {NULL, 0, 0, 0, {0, 0}},
};

/* From 424 on a call has one number on all ABIs. libseccomp of Debian 12 ends at 456. */
static const char *const common[] = {
  "pidfd_send_signal", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree",
  "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "pidfd_open", "clone3", "close_range",
  "openat2", "pidfd_getfd", "faccessat2", "process_madvise", "epoll_pwait2", "mount_setattr",
  "quotactl_fd", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
  "memfd_secret", "process_mrelease", "futex_waitv", "set_mempolicy_home_node", "cachestat",
  "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount",
  "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
  "setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr",
  "file_setattr", "listns", "rseq_slice_yield",
};

_Static_assert(FIRST_COMMON + sizeof common / sizeof *common - 1 == SYSCALL_LAST,
               "a name is missing, or SYSCALL_LAST is not the last");

#if defined(__x86_64__)
enum { SOCKETCALL = 102, IPC = 117, LOW = 0xffff };
#define ALL UINT32_MAX

/* linux/net.h, linux/ipc.h; ipc(2) has a version in the upper half of its first argument */
static const Multiplexed multiplexed[] = {
  {"socket", 359, SOCKETCALL, 1, ALL},      {"bind", 361, SOCKETCALL, 2, ALL},
  {"connect", 362, SOCKETCALL, 3, ALL},     {"listen", 363, SOCKETCALL, 4, ALL},
  {"accept", -1, SOCKETCALL, 5, ALL},       {"getsockname", 367, SOCKETCALL, 6, ALL},
  {"getpeername", 368, SOCKETCALL, 7, ALL}, {"socketpair", 360, SOCKETCALL, 8, ALL},
  {"send", -1, SOCKETCALL, 9, ALL},         {"recv", -1, SOCKETCALL, 10, ALL},
  {"sendto", 369, SOCKETCALL, 11, ALL},     {"recvfrom", 371, SOCKETCALL, 12, ALL},
  {"shutdown", 373, SOCKETCALL, 13, ALL},   {"setsockopt", 366, SOCKETCALL, 14, ALL},
  {"getsockopt", 365, SOCKETCALL, 15, ALL}, {"sendmsg", 370, SOCKETCALL, 16, ALL},
  {"recvmsg", 372, SOCKETCALL, 17, ALL},    {"accept4", 364, SOCKETCALL, 18, ALL},
  {"recvmmsg", 337, SOCKETCALL, 19, ALL},   {"sendmmsg", 345, SOCKETCALL, 20, ALL},
  {"semop", -1, IPC, 1, LOW},               {"semget", 393, IPC, 2, LOW},
  {"semctl", 394, IPC, 3, LOW},             {"semtimedop", -1, IPC, 4, LOW},
  {"msgsnd", 400, IPC, 11, LOW},            {"msgrcv", 401, IPC, 12, LOW},
  {"msgget", 399, IPC, 13, LOW},            {"msgctl", 402, IPC, 14, LOW},
  {"shmat", 397, IPC, 21, LOW},             {"shmdt", 398, IPC, 22, LOW},
  {"shmget", 395, IPC, 23, LOW},            {"shmctl", 396, IPC, 24, LOW},
};
enum { MULTIPLEXED = sizeof multiplexed / sizeof *multiplexed };
#else
static const Multiplexed multiplexed[1];
enum { MULTIPLEXED = 0 };
#endif

static bool same(const char *known, const char *name, size_t length)
{
  return known[0] == name[0] && strncmp(known, name, length) == 0 && known[length] == '\0';
}

size_t syscall_name_length(const char *name)
{
  size_t length = strlen(name);

  return length > 0 && name[length - 1] == '?' ? length - 1 : length;
}

const Multiplexed *syscall_multiplexed(const Abi *abi, const char *name, size_t length)
{
  if (abi->token != SCMP_ARCH_X86) return NULL;
  for (size_t i = 0; i < MULTIPLEXED; i++)
    if (same(multiplexed[i].name, name, length)) return &multiplexed[i];
  return NULL;
}

static long common_number(const char *name, size_t length)
{
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    if (same(common[i], name, length)) return FIRST_COMMON + (long)i;
  return SYSCALL_UNKNOWN;
}

long syscall_number(const Abi *abi, const char *name, size_t length)
{
  const Multiplexed *inner = syscall_multiplexed(abi, name, length);
  long number = inner ? inner->direct : common_number(name, length);
  char word[NAME_LIMIT + 1];

  if (inner) return number;
  if (number >= 0) return number | (long)abi->bit;
  if (length == 0 || length > NAME_LIMIT) return SYSCALL_UNKNOWN;
  memcpy(word, name, length);
  word[length] = '\0';
  number = seccomp_syscall_resolve_name_arch(abi->token, word);
  if (number == __NR_SCMP_ERROR) return SYSCALL_UNKNOWN;
  return number < 0 ? SYSCALL_ABSENT : number;
}

/* libseccomp knows a name on all architectures or on none. */
bool syscall_known(const char *name, size_t length)
{
  return syscall_number(&abis[0], name, length) != SYSCALL_UNKNOWN;
}

/* Levenshtein; both names are short. */
static size_t distance(const char *a, size_t size, const char *b)
{
  size_t row[NAME_LIMIT + 1], width = strlen(b);

  if (width > NAME_LIMIT) return NAME_LIMIT;
  for (size_t j = 0; j <= width; j++) row[j] = j;
  for (size_t i = 1; i <= size; i++) {
    size_t diagonal = row[0];

    row[0] = i;
    for (size_t j = 1; j <= width; j++) {
      size_t cost = diagonal + (a[i - 1] != b[j - 1]);

      diagonal = row[j];
      if (row[j] + 1 < cost) cost = row[j] + 1;
      if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
      row[j] = cost;
    }
  }
  return row[width];
}

static void consider(const char *known, const char *name, size_t length, size_t *least, char *room)
{
  size_t far = distance(name, length, known);

  if (far >= *least) return;
  *least = far;
  strcpy(room, known); /* no name is as long as NAME_LIMIT */
}

const char *syscall_nearest(const char *name, size_t length, char *room)
{
  size_t least = (length / 3 > 1 ? length / 3 : 1) + 1;

  room[0] = '\0';
  if (length > NAME_LIMIT) return NULL;
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    consider(common[i], name, length, &least, room);
  for (const Abi *abi = abis; abi->name; abi++) {
    for (int number = 0; number < FIRST_COMMON; number++) {
      char *known = seccomp_syscall_resolve_num_arch(abi->token, number | (int)abi->bit);

      if (known) consider(known, name, length, &least, room);
      free(known);
    }
  }
  return room[0] ? room : NULL;
}

/* syscall_number(name) -> {abi = number, ...} | nil, nearest? */
static int core_syscall_number(lua_State *L)
{
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  char room[NAME_LIMIT + 1];

  if (!syscall_known(name, length)) {
    luaL_pushfail(L);
    lua_pushstring(L, syscall_nearest(name, length, room));
    return 2;
  }
  lua_newtable(L);
  for (const Abi *abi = abis; abi->name; abi++) {
    long number = syscall_number(abi, name, length);

    if (number < 0) continue;
    lua_pushinteger(L, number);
    lua_setfield(L, -2, abi->name);
  }
  return 1;
}

/* abis() -> {"x86-64", ...}: what a filter covers, the native one first */
static int core_abis(lua_State *L)
{
  lua_newtable(L);
  for (int i = 0; abis[i].name; i++) {
    lua_pushstring(L, abis[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {
  {"syscall_number", core_syscall_number},
  {"abis", core_abis},
  {NULL, NULL},
};

void open_syscalls(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
