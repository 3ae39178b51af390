/* The last step: the program, and our init behind it as pid 1. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone.h"
#include "spawn.h"

/* A step of before whose time is now: what it reports is about itself. */
static int apply_late(Run *r, const Step *late, int (*apply)(Run *, const Step *))
{
  int exec = r->report->step;

  if (!late) return 0;
  r->report->step = (int)(late - r->steps);
  if (apply(r, late) < 0) return -1;
  r->report->step = exec;
  return 0;
}

static const char **check_environment(Check *c)
{
  lua_State *L = c->L;
  const char **env;
  size_t n = 0;
  int table;

  lua_pushliteral(L, "env");
  if (lua_rawget(L, c->table) == LUA_TNIL) {
    lua_pop(L, 1);
    return keep_memory(c, sizeof *env);
  }
  if (lua_type(L, -1) != LUA_TTABLE) misuse(c, "field 'env' must be a table");
  table = lua_gettop(L);
  env = keep_memory(c, (count_pairs(L, table) + 1) * sizeof *env);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    size_t name_size, value_size, size;
    const char *name, *value;
    char *entry;

    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      misuse(c, "field 'env' must map strings to strings");
    name = lua_tolstring(L, -2, &name_size);
    value = lua_tolstring(L, -1, &value_size);
    if (name_size == 0 || strchr(name, '=') || strlen(name) != name_size ||
        strlen(value) != value_size)
      misuse(c, "'%s' cannot be the name or value of an environment variable", name);
    size = name_size + value_size + 2;
    entry = keep_memory(c, size);
    memcpy(entry, name, name_size);
    entry[name_size] = '=';
    memcpy(entry + name_size + 1, value, value_size + 1);
    env[n++] = entry;
  }
  lua_pop(L, 1);
  return env;
}

/* {"exec", argv = {...}, env = {...}, path = "where to look", session = true, init = true,
   terminal = false}; terminal: fd 0 becomes the controlling terminal of the new session */
void check_exec(Check *c, Step *s)
{
  size_t count;

  s->exec.argv = check_strings(c, "argv", &count);
  if (count == 0) misuse(c, "field 'argv' needs at least the program");
  s->exec.env = check_environment(c);
  s->exec.path = check_string_or(c, "path", "/usr/local/bin:/usr/bin:/bin");
  s->exec.session = check_flag(c, "session", true);
  s->exec.init = check_flag(c, "init", true);
  s->exec.terminal = check_flag(c, "terminal", false);
}

/* One directory of a path list and the name, as "dir/name"; returns the rest of the list. */
static const char *join_path(char *out, size_t room, const char *list, const char *name)
{
  size_t len = strcspn(list, ":"), name_len = strlen(name);

  if (len + name_len + 2 > room) {
    out[0] = '\0';
  } else {
    memcpy(out, list, len);
    if (len > 0) out[len++] = '/';
    memcpy(out + len, name, name_len + 1);
  }
  list += strcspn(list, ":");
  return *list ? list + 1 : NULL;
}

/* As execvp(3), with the sandbox's own path list: EACCES is remembered while the search goes on. */
static void search_and_execute(const Step *s)
{
  char *const *argv = (char *const *)(uintptr_t)s->exec.argv;
  char *const *env = (char *const *)(uintptr_t)s->exec.env;
  const char *list = s->exec.path;
  bool denied = false;
  char path[4096];

  if (strchr(argv[0], '/')) {
    execve(argv[0], argv, env);
    return;
  }
  while (list) {
    list = join_path(path, sizeof path, list, argv[0]);
    execve(path, argv, env);
    if (errno == EACCES)
      denied = true;
    else if (errno != ENOENT && errno != ENOTDIR)
      return;
  }
  errno = denied ? EACCES : ENOENT;
}

/* Did exec say of a file that is there that it is not? Asked by pid 1 where there is one: to the
   program the filter may refuse the calls that it takes, or kill it for them. */
static int explain(Run *r, const Step *s)
{
  const char *name = s->exec.argv[0], *list = s->exec.path;
  char path[4096];

  if (r->report->err != ENOENT || strcmp(r->report->call, "exec") != 0) return -1;
  if (strchr(name, '/')) {
    tell_interpreter(r, name);
    return -1;
  }
  do list = join_path(path, sizeof path, list, name);
  while (!tell_interpreter(r, path) && list);
  return -1;
}

int exec_program(Run *r, const Step *s)
{
  sigset_t none;

  /* beside a sandbox's own pid 1, the program ends with the process that waits for it */
  if (r->joined && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return stop(r, "prctl", NULL);
  if (s->exec.session && setsid() < 0) return stop(r, "setsid", NULL);
  if (apply_late(r, r->observe, apply_observe) < 0) return -1;
  if (apply_late(r, r->fds, apply_fds) < 0 || close_others(r, r->fds) < 0) return -1;
  if (s->exec.terminal && ioctl(0, TIOCSCTTY, 0) < 0) return stop(r, "ioctl(TIOCSCTTY)", NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(r->umask);
  if (apply_late(r, r->rlimits, apply_rlimits) < 0) return -1;
  if (apply_late(r, r->capabilities, apply_capabilities) < 0) return -1;
  if (apply_filters(r) < 0) return -1;
  search_and_execute(s);
  return stop(r, "exec", s->exec.argv[0]);
}

typedef struct Program {
  Run *run;
  const Step *step;
} Program;

static void program_main(void *data)
{
  Program *program = data;

  exec_program(program->run, program->step);
  _exit(127);
}

static char *put_decimal(char *end, int number)
{
  *--end = '\0';
  do *--end = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return end;
}

/* This process becomes pid 1: a sealed memfd of a few hundred instructions takes the place of
   the caller's memory. */
static int become_init(Run *r, int program)
{
  char pid[16], status[16], parent[16];
  char init[] = "moonsand-init", waiter[] = "moonsand-wait";
  char *argv[] = {r->joined ? waiter : init, put_decimal(pid + sizeof pid, program),
                  put_decimal(status + sizeof status, r->status),
                  put_decimal(parent + sizeof parent, r->parent), NULL};
  char *env[] = {NULL};

  if (fcntl(r->status, F_SETFD, 0) < 0 || fcntl(r->parent, F_SETFD, 0) < 0)
    return stop(r, "fcntl", NULL);
  if (apply_late(r, r->capabilities, apply_capabilities_of_init) < 0) return -1;
  syscall(SYS_execveat, r->init, "", argv, env, 0x1000 /* AT_EMPTY_PATH */);
  return stop(r, "execveat(moonsand-init)", NULL);
}

/* As long as this process shares the caller's memory, no program inside may attach to it
   (CVE-2016-8659 class): the kernel asks for privileges outside of the sandbox then (ptrace(2),
   PR_SET_DUMPABLE). spawn_child takes it back. */
int hide_memory(Run *r)
{
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return stop(r, "prctl(SET_DUMPABLE)", NULL);
  return 0;
}

/* The program starts as a child that shares our memory until it executes, so its failure is in
   the report. Who shares memory cannot enter a time namespace before Linux 6.2; then the child has
   a copy, and only the report is shared. */
int run_exec(Run *r, const Step *s)
{
  struct clone_args args = {
    .flags = (r->clocks ? 0 : CLONE_VM) | CLONE_VFORK,
    .exit_signal = SIGCHLD,
    .stack = (uint64_t)(uintptr_t)r->stack,
    .stack_size = RESERVED_STACK,
  };
  Program program = {r, s};
  long pid;

  if (!s->exec.init) {
    exec_program(r, s);
    return explain(r, s);
  }
  if (hide_memory(r) < 0) return -1;
  pid = clone3_call(&args, program_main, &program);
  if (pid < 0) {
    errno = (int)-pid;
    return stop(r, "clone3", NULL);
  }
  if (r->report->err != 0) return explain(r, s);
  return become_init(r, (int)pid);
}

/* {"hold"}: a sandbox without a program, for others to be executed in (namespaces, join =
   process) */
void check_hold(Check *c, Step *s)
{
  (void)c;
  s->exec.init = true;
}

int run_hold(Run *r, const Step *s)
{
  (void)s;
  return become_init(r, 0);
}
