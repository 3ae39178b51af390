/*
** Which paths a program asks the kernel for, and whether they were there: seccomp_unotify(2).
** This is an observation and never a decision: each call that is told is answered with "go on", and
** the kernel reads its path again, from memory that another thread may have changed meanwhile. What
** another filter refuses stays refused, as it answers before a listener is asked.
** The filter is the program's first, so that no other one can refuse the call that hands its
** listener to the observer: a process of its own, beside the caller, who may be busy.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "observe.h"
#include "spawn.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* readlink is not told: what is read of a link decides nothing that a look or an open does not. */
const Told told[] = {
  {"open", -1, 0, OPENED},      {"openat", 0, 1, OPENED},      {"openat2", 0, 1, OPENED},
  {"execve", -1, 0, EXECUTED},  {"execveat", 0, 1, EXECUTED},  {"stat", -1, 0, LOOKED},
  {"lstat", -1, 0, LOOKED},     {"stat64", -1, 0, LOOKED},     {"lstat64", -1, 0, LOOKED},
  {"newfstatat", 0, 1, LOOKED}, {"fstatat64", 0, 1, LOOKED},   {"statx", 0, 1, LOOKED},
  {"access", -1, 0, LOOKED},    {"faccessat", 0, 1, LOOKED},   {"faccessat2", 0, 1, LOOKED},
  {NULL, 0, 0, 0},
};

enum { TOLD = sizeof told / sizeof *told - 1, ABIS = 3 };

/* What is not worth a stop: fstat in the form that the C library gives it, and files that are only
   written. */
enum { EMPTY_PATH = 0x1000, ACCESS_MODE = 3, WRITE_ONLY = 1, QUIET = 5 };

static const char *quiet_names[QUIET][3] = {
  {"newfstatat", "fstatat64"}, {"statx"}, {"execveat"}, {"open"}, {"openat"},
};

static const Condition quiet_when[QUIET] = {
  {3, EQUAL, EMPTY_PATH, EMPTY_PATH}, {2, EQUAL, EMPTY_PATH, EMPTY_PATH},
  {4, EQUAL, EMPTY_PATH, EMPTY_PATH}, {1, EQUAL, WRITE_ONLY, ACCESS_MODE},
  {2, EQUAL, WRITE_ONLY, ACCESS_MODE},
};

static void compile(Check *c, Step *s)
{
  const char **names = keep_memory(c, (TOLD + 1) * sizeof *names);
  struct sock_filter *program = keep_memory(c, FILTER_LIMIT * sizeof *program);
  Rule rules[QUIET + 1];
  const Policy policy = {SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW, rules, QUIET + 1};

  for (int i = 0; i < TOLD; i++) names[i] = told[i].name;
  for (int i = 0; i < QUIET; i++)
    rules[i] = (Rule){SECCOMP_RET_ALLOW, quiet_names[i], &quiet_when[i], 1};
  rules[QUIET] = (Rule){SECCOMP_RET_USER_NOTIF, names, NULL, 0};
  s->filter.size = filter_compile(c, &policy, program);
  s->filter.program = program;
}

/* {"observe", to = socket}: of core.observer. Without it nobody listens, and nothing is told. */
void check_observe(Check *c, Step *s)
{
  s->fd = check_handle(c, "to");
  luaL_checkstack(c->L, 16, "observe");
  if (s->fd >= 0) compile(c, s);
}

/* Kept for exec: our pid 1 is not observed. */
int run_observe(Run *r, const Step *s)
{
  if (s->fd >= 0) r->observe = s;
  return 0;
}

static int listen_with(const Step *s, unsigned long flags)
{
  struct sock_fprog program = {
    .len = (unsigned short)s->filter.size,
    .filter = (struct sock_filter *)(uintptr_t)s->filter.program,
  };

  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* With WAIT_KILLABLE_RECV (Linux 5.19) a signal does not begin a call anew that is told already. */
int apply_observe(Run *r, const Step *s)
{
  const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  int listener = listen_with(s, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

  if (listener < 0 && errno == EINVAL) listener = listen_with(s, flags);
  if (listener < 0) {
    if (errno == EBUSY) strcpy(r->report->log, "this process is observed already, by a container's"
                                               " runtime or another sandbox");
    if (errno == EACCES) strcpy(r->report->log, "it needs the step no_new_privileges before it");
    return stop(r, "seccomp(NEW_LISTENER)", NULL);
  }
  if (send_fd(s->fd, listener) < 0) return stop(r, "hand the listener to the observer", NULL);
  close(listener);
  return 0;
}

static size_t number_calls(Numbered *out)
{
  size_t n = 0;

  for (const Abi *abi = abis; abi->name; abi++)
    for (const Told *call = told; call->name; call++) {
      long number = syscall_number(abi, call->name, strlen(call->name));

      if (number >= 0) out[n++] = (Numbered){abi->architecture, (uint32_t)number, call};
    }
  return n;
}

/* What the observer needs of the caller is its socket; what the caller has open or locked, and what
   a keyboard says to him, is not its business. */
static _Noreturn void become_observer(const Witness *w)
{
  sigset_t all;

  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  prctl(PR_SET_NAME, "moonsand-look");
  if (w->socket > 0) close_range(0, (unsigned)w->socket - 1, 0);
  close_range((unsigned)w->socket + 1, ~0U, 0);
  bear_witness(w);
  _exit(0);
}

static Sight *map_sight(int fd, int access)
{
  void *memory = mmap(NULL, sizeof(Sight), access, MAP_SHARED, fd, 0);

  return memory == MAP_FAILED ? NULL : memory;
}

/* observer{path, ...} -> process, socket for the step, memory for read_observed | nil, message,
   errno */
static int core_observer(lua_State *L)
{
  Check c = {.L = L, .table = 1, .keep = 2, .verb = "observer", .words = 1};
  Witness w = {0};
  Process *process;
  Fd *ours, *memory;
  int ends[2];
  pid_t pid;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  w.places = check_words(&c, 1, &w.count);
  if (w.count == 0) misuse(&c, "at least one path is needed");
  for (const char *const *place = w.places; *place; place++)
    check_target_path(&c, "path", *place);
  w.calls = keep_memory(&c, ABIS * TOLD * sizeof *w.calls);
  w.count = number_calls((Numbered *)(uintptr_t)w.calls);
  process = process_new(L);
  ours = fd_new(L);
  memory = fd_new(L);
  memory->fd = memfd_create("moonsand-observed", MFD_CLOEXEC);
  if (memory->fd < 0 || ftruncate(memory->fd, sizeof(Sight)) < 0)
    return fail(L, "memory for what is observed");
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return fail(L, "socketpair");
  ours->fd = ends[0];
  w.socket = ends[1];
  w.sight = map_sight(memory->fd, PROT_READ | PROT_WRITE);
  pid = w.sight ? process_fork(process) : -1;
  if (pid == 0) become_observer(&w);
  close(w.socket);
  if (w.sight) munmap(w.sight, sizeof *w.sight);
  if (pid < 0) return fail(L, "start an observer");
  return 3;
}

static void push_seen(lua_State *L, const Sight *sight, const Seen *seen)
{
  static const char *const states[] = {"absent", "file", "directory", "other", "unknown"};

  lua_createtable(L, 0, 5);
  lua_pushstring(L, sight->text + seen->path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, sight->text + (seen->real ? seen->real : seen->path));
  lua_setfield(L, -2, "real");
  lua_pushstring(L, states[seen->state]);
  lua_setfield(L, -2, "state");
  lua_pushboolean(L, seen->uses & OPENED);
  lua_setfield(L, -2, "opened");
  lua_pushboolean(L, seen->uses & EXECUTED);
  lua_setfield(L, -2, "executed");
}

/* read_observed(memory) -> list, about | nil, message, errno */
static int core_read_observed(lua_State *L)
{
  int fd = fd_check(L, 1);
  Sight *sight = map_sight(fd, PROT_READ);

  if (!sight) return fail(L, "read what was observed");
  lua_createtable(L, (int)sight->count, 0);
  for (uint32_t i = 0; i < sight->count; i++) {
    push_seen(L, sight, &sight->seen[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)sight->calls);
  lua_setfield(L, -2, "calls");
  lua_pushinteger(L, (lua_Integer)sight->unread);
  lua_setfield(L, -2, "unread");
  lua_pushboolean(L, sight->lost);
  lua_setfield(L, -2, "lost");
  lua_pushboolean(L, sight->attached);
  lua_setfield(L, -2, "attached");
  lua_pushboolean(L, sight->complete);
  lua_setfield(L, -2, "complete");
  munmap(sight, sizeof *sight);
  return 2;
}

static const luaL_Reg functions[] = {
  {"observer", core_observer},
  {"read_observed", core_read_observed},
  {NULL, NULL},
};

void open_observe(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
