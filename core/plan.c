/* core.spawn(plan): the whole plan is checked before anything happens; then one child carries it
   out. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn.h"

enum { STEPS_LIMIT = 100000, STACK_SIZE = 65536 };

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

#define INIT_KEY "moonsand.init"
#define SELF_KEY "moonsand.self"
#define STACK_KEY "moonsand.stack"

/* The program in core/init.c, put in here by the assembler. */
__asm__(".pushsection .rodata\n"
        ".globl moonsand_init_start, moonsand_init_end\n"
        ".hidden moonsand_init_start, moonsand_init_end\n"
        "moonsand_init_start:\n.incbin \"moonsand-init\"\nmoonsand_init_end:\n"
        ".popsection\n");
extern const char moonsand_init_start[], moonsand_init_end[];

static int write_init(int fd)
{
  size_t size = (size_t)(moonsand_init_end - moonsand_init_start);

  if (write(fd, moonsand_init_start, size) != (ssize_t)size) return -1;
  /* who cannot read a program cannot attach to it, from its first instruction on (execve(2)) */
  if (fchmod(fd, 0111) < 0) return -1;
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

/* The sealed memfd of our pid 1, made once: nothing inside a sandbox can write to it
   (CVE-2019-5736 class). */
static int init_fd(lua_State *L)
{
  Fd *h;

  if (lua_getfield(L, LUA_REGISTRYINDEX, INIT_KEY) == LUA_TUSERDATA) {
    h = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return h->fd;
  }
  lua_pop(L, 1);
  h = fd_new(L);
  h->fd = memfd_create("moonsand-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (h->fd < 0 && errno == EINVAL) /* before Linux 6.3 */
    h->fd = memfd_create("moonsand-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (h->fd < 0 || write_init(h->fd) < 0) return -1;
  lua_setfield(L, LUA_REGISTRYINDEX, INIT_KEY);
  return h->fd;
}

typedef struct Self {
  Fd pidfd;
  pid_t pid;
} Self;

/* A pidfd of this process; a new one after a fork. */
static int self_fd(lua_State *L)
{
  int type = lua_getfield(L, LUA_REGISTRYINDEX, SELF_KEY);
  Self *self = lua_touserdata(L, -1);
  pid_t pid = getpid();

  lua_pop(L, 1);
  if (type == LUA_TUSERDATA && self->pid == pid) return self->pidfd.fd;
  self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (Self){{.fd = -1}, pid};
  luaL_setmetatable(L, FD_TYPE);
  self->pidfd.fd = pidfd_open(pid, 0);
  if (self->pidfd.fd < 0) return -1;
  lua_setfield(L, LUA_REGISTRYINDEX, SELF_KEY);
  return self->pidfd.fd;
}

/* A child never returns from the functions on its stack, so nobody tells the sanitizer that their
   variables are gone: without this, the next child's would seem to be out of their scope. */
#ifdef ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#define FRESH_STACK(stack) ASAN_UNPOISON_MEMORY_REGION(stack, STACK_SIZE)
#else
#define FRESH_STACK(stack) ((void)(stack))
#endif

/* The child's stack, made once: nobody is on it any more when spawn returns. */
static char *child_stack(lua_State *L)
{
  char *stack;

  if (lua_getfield(L, LUA_REGISTRYINDEX, STACK_KEY) == LUA_TUSERDATA) {
    stack = lua_touserdata(L, -1);
    lua_pop(L, 1);
    FRESH_STACK(stack);
    return stack;
  }
  lua_pop(L, 1);
  stack = lua_newuserdatauv(L, STACK_SIZE, 0);
  lua_setfield(L, LUA_REGISTRYINDEX, STACK_KEY);
  return stack;
}

static void check_plan_step(Check *c, int plan, int i, Step *s)
{
  const Verb *verb;

  c->step = i;
  c->verb = "?";
  if (lua_rawgeti(c->L, plan, i) != LUA_TTABLE) misuse(c, "a step must be a table");
  if (lua_rawgeti(c->L, -1, 1) != LUA_TSTRING) misuse(c, "a step begins with the verb's name");
  verb = verb_find(lua_tostring(c->L, -1));
  if (!verb) misuse(c, "unknown verb '%s'", lua_tostring(c->L, -1));
  lua_pop(c->L, 1);
  check_step(c, lua_gettop(c->L), s, verb);
  lua_settop(c->L, c->keep);
}

static bool is_verb(const Step *s, const char *name)
{
  return strcmp(s->verb->name, name) == 0;
}

static bool is_last(const Step *s)
{
  return is_verb(s, "exec") || is_verb(s, "hold");
}

/* Exactly one exec or hold, at the end; namespaces, if any, at the start. */
static Step *check_plan(Check *c, int plan, size_t *count)
{
  lua_Unsigned n = lua_rawlen(c->L, plan);
  Step *steps;

  if (n == 0 || n > STEPS_LIMIT) luaL_argerror(c->L, plan, "not a list of 1 to 100000 steps");
  steps = keep_memory(c, (size_t)n * sizeof *steps);
  for (size_t i = 0; i < n; i++) {
    check_plan_step(c, plan, (int)i + 1, &steps[i]);
    if (is_last(&steps[i]) != (i == n - 1)) misuse(c, "a plan ends in its one exec");
    if (is_verb(&steps[i], "namespaces") && i > 0) misuse(c, "namespaces come first");
  }
  if (steps[n - 1].exec.init &&
      !(is_verb(&steps[0], "namespaces") && steps[0].number & CLONE_NEWPID))
    misuse(c, "our pid 1 needs the namespace 'pid'; without it, say init = false");
  *count = (size_t)n;
  return steps;
}

static const Step *find_step(const Step *steps, size_t count, const char *verb)
{
  for (size_t i = 0; i < count; i++)
    if (is_verb(&steps[i], verb)) return &steps[i];
  return NULL;
}

static const Step *find_ranges(const Step *steps, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (is_verb(&steps[i], "ids") && (steps[i].ids.uid.by_parent || steps[i].ids.gid.by_parent))
      return &steps[i];
  return NULL;
}

/* Mount points may have to be made on the caller's disk: then the child has to know what is not. */
static void watch_places(Check *c, Run *run)
{
  bool writable = false;

  for (size_t i = 0; i < run->count; i++) {
    const Step *s = &run->steps[i];

    if (is_verb(s, "bind") && !(s->attributes & MOUNT_ATTR_RDONLY)) writable = true;
    if (is_verb(s, "overlay") && s->overlay.upper) writable = true;
  }
  if (!writable) return;
  run->report->made = keep_memory(c, run->count * sizeof *run->report->made);
  run->own = keep_memory(c, 2 * run->count * sizeof *run->own); /* an overlay and its tmpfs: two */
}

/* 64 descriptors fit into a process as it is made; half of them where only few may be open. */
static int left_open(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  return limit.rlim_cur < 128 ? (int)limit.rlim_cur / 2 : 64;
}

/* check_plan(plan) -> true: raises what spawn would raise, and does nothing else */
static int core_check_plan(lua_State *L)
{
  Check c = {.L = L, .keep = 2, .words = 2};
  size_t count;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  check_plan(&c, 1, &count);
  lua_pushboolean(L, 1);
  return 1;
}

/* spawn(plan) -> process [, notes] | nil, message, errno, {step =, verb =, call =, path =,
   log =} */
static int core_spawn(lua_State *L)
{
  Report report = {.step = -1};
  Run run = {.root = -1, .sync = -1, .sync_peer = -1, .done = -1, .near_fd = -1,
             .stack_size = STACK_SIZE, .report = &report};
  Check c = {.L = L, .keep = 2, .words = 2};
  uint64_t namespaces = 0;
  Process *process;
  int status[2];

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  run.steps = check_plan(&c, 1, &run.count);
  watch_places(&c, &run);
  run.stack = child_stack(L);
  run.left_open = left_open();
  process = process_new(L);
  if ((run.init = init_fd(L)) < 0) return fail(L, "make the memfd of pid 1");
  if ((run.parent = self_fd(L)) < 0) return fail(L, "pidfd_open");
  run.own_world = is_verb(&run.steps[0], "namespaces");
  if (run.own_world && !run.steps[0].flag)
    namespaces = run.steps[0].number, process->namespaces = namespaces | entered(&run.steps[0]);
  run.cgroup = find_step(run.steps, run.count, "cgroup");
  run.clocks = find_step(run.steps, run.count, "time") != NULL;
  run.own_groups = run.cgroup && namespaces & CLONE_NEWCGROUP;
  if (run.own_groups) namespaces &= ~(uint64_t)CLONE_NEWCGROUP; /* made by run_cgroup */
  if (pipe2(status, O_CLOEXEC) < 0) return fail(L, "pipe");
  run.status = status[1];
  process->status = status[0];
  if (spawn_child(&run, process, namespaces, find_ranges(run.steps, run.count)) < 0) {
    int err = errno;

    close(status[1]);
    return fail_as(L, err, run.cgroup ? "clone3 into the control group" : "clone3");
  }
  close(status[1]);
  if (report.err != 0) {
    process_kill(process);
    return push_report(L, run.steps, run.count, &report);
  }
  return 1 + push_notes(L, run.steps, run.count, &report);
}

static const luaL_Reg functions[] = {
  {"check_plan", core_check_plan},
  {"spawn", core_spawn},
  {NULL, NULL},
};

void open_plan(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
