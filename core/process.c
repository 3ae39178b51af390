/* A sandbox that runs: its pidfd, and how it ended. Closing the handle kills everything inside. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal.h"
#include "spawn.h"
#include "status.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

Process *process_new(lua_State *L)
{
  Process *p = lua_newuserdatauv(L, sizeof *p, 0);

  *p = (Process){.pidfd = -1, .status = -1};
  luaL_setmetatable(L, PROCESS_TYPE);
  return p;
}

static Process *check_process(lua_State *L)
{
  Process *p = luaL_checkudata(L, 1, PROCESS_TYPE);

  luaL_argcheck(L, p->pidfd >= 0, 1, "the process handle is closed");
  return p;
}

/* waitid(2) of the kernel has a fifth argument, which the C library leaves out. */
static int reap(Process *p, siginfo_t *info, int flags, struct rusage *usage)
{
  long result;

  do result = syscall(SYS_waitid, P_PIDFD, p->pidfd, info, WEXITED | __WALL | flags, usage);
  while (result < 0 && errno == EINTR);
  return (int)result;
}

void process_kill(Process *p)
{
  siginfo_t info;

  if (p->pidfd >= 0 && !p->ended) {
    pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
    reap(p, &info, 0, NULL);
  }
  if (p->pidfd >= 0) close(p->pidfd);
  if (p->status >= 0) close(p->status);
  p->pidfd = p->status = -1;
}

static int process_gc(lua_State *L)
{
  process_kill(luaL_checkudata(L, 1, PROCESS_TYPE));
  return 0;
}

static int process_close(lua_State *L)
{
  process_kill(luaL_checkudata(L, 1, PROCESS_TYPE));
  lua_pushboolean(L, 1);
  return 1;
}

static int process_tostring(lua_State *L)
{
  Process *p = luaL_checkudata(L, 1, PROCESS_TYPE);

  if (p->pidfd < 0)
    lua_pushliteral(L, PROCESS_TYPE " (closed)");
  else
    lua_pushfstring(L, PROCESS_TYPE " (pid %d)", p->pid);
  return 1;
}

static int process_pid(lua_State *L)
{
  lua_pushinteger(L, check_process(L)->pid);
  return 1;
}

/* process:number() -> the pidfd's number: readable when the process has ended */
static int process_number(lua_State *L)
{
  lua_pushinteger(L, check_process(L)->pidfd);
  return 1;
}

static const struct {
  const char *name;
  int number;
} signals[] = {
  {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"TRAP", SIGTRAP},
  {"ABRT", SIGABRT}, {"BUS", SIGBUS},   {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
  {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
  {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},
  {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG}, {"XCPU", SIGXCPU},
  {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},
  {"PWR", SIGPWR}, {"SYS", SIGSYS},
};

int signal_check(lua_State *L, int arg)
{
  const char *name = luaL_checkstring(L, arg);

  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (strcmp(signals[i].name, name) == 0) return signals[i].number;
  return luaL_argerror(L, arg, lua_pushfstring(L, "unknown signal '%s'", name));
}

void signal_push(lua_State *L, int number)
{
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (signals[i].number == number) {
      lua_pushstring(L, signals[i].name);
      return;
    }
  lua_pushfstring(L, "%d", number);
}

/* process:kill(name) -> true | nil, message, errno. Our pid 1 passes it on to the program; KILL
   ends everything. */
static int process_send(lua_State *L)
{
  Process *p = check_process(L);
  int number = signal_check(L, 2);

  if (p->ended) return fail_as(L, ESRCH, "kill");
  if (pidfd_send_signal(p->pidfd, number, NULL, 0) < 0) return fail(L, "kill");
  lua_pushboolean(L, 1);
  return 1;
}

static int send_to_all(lua_State *L, int number, const char *what)
{
  Process *p = check_process(L);

  if (p->ended) return fail_as(L, ESRCH, what);
  if (pidfd_send_signal(p->pidfd, number, NULL, 0) < 0) return fail(L, what);
  lua_pushboolean(L, 1);
  return 1;
}

/* process:stop() -> true | nil, message, errno. Our pid 1 stops all processes inside. */
static int process_stop(lua_State *L)
{
  return send_to_all(L, STOP_ALL, "stop");
}

/* process:continue() -> true | nil, message, errno */
static int process_continue(lua_State *L)
{
  return send_to_all(L, CONTINUE_ALL, "continue");
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_seconds(lua_State *L, const char *name, int64_t microseconds)
{
  lua_pushnumber(L, (lua_Number)microseconds / 1e6);
  lua_setfield(L, -2, name);
}

/* A table of what is known: exit_code or signal, usage; leftovers when our pid 1 could tell. */
static void push_ended(lua_State *L, const Ended *ended, bool told)
{
  lua_createtable(L, 0, 4);
  if (WIFEXITED(ended->status))
    set_integer(L, "exit_code", WEXITSTATUS(ended->status));
  else {
    signal_push(L, WTERMSIG(ended->status));
    lua_setfield(L, -2, "signal");
    lua_pushboolean(L, WCOREDUMP(ended->status));
    lua_setfield(L, -2, "core_dumped");
  }
  if (told) set_integer(L, "leftovers", ended->leftovers);
  lua_createtable(L, 0, 5);
  set_seconds(L, "user", ended->user_us);
  set_seconds(L, "system", ended->system_us);
  set_integer(L, "max_rss", (lua_Integer)ended->max_rss_kib * 1024);
  set_integer(L, "io_read", (lua_Integer)ended->read_blocks * 512);
  set_integer(L, "io_written", (lua_Integer)ended->written_blocks * 512);
  lua_setfield(L, -2, "usage");
}

static int status_of(const siginfo_t *info)
{
  return info->si_code == CLD_EXITED ? (info->si_status & 0xff) << 8 : info->si_status & 0x7f;
}

/* A program without our pid 1: what the kernel counted for it and the children it waited for. */
static void count_usage(Ended *ended, const struct rusage *usage)
{
  ended->user_us = (int64_t)usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec;
  ended->system_us = (int64_t)usage->ru_stime.tv_sec * 1000000 + usage->ru_stime.tv_usec;
  ended->max_rss_kib = usage->ru_maxrss;
  ended->read_blocks = usage->ru_inblock;
  ended->written_blocks = usage->ru_oublock;
}

/* process:wait() -> how it ended; false: not yet (poll process:number()) | nil, message, errno */
static int process_wait(lua_State *L)
{
  Process *p = check_process(L);
  siginfo_t info = {0};
  struct rusage usage = {0};
  Ended ended = {0};
  bool told, lost;

  if (p->ended) return luaL_argerror(L, 1, "the process was waited for already");
  /* a caller that ignores SIGCHLD has no children that have ended; our pid 1 told it still */
  lost = reap(p, &info, WNOHANG, &usage) < 0;
  if (lost && (errno != ECHILD || p->status < 0)) return fail(L, "waitid");
  if (!lost && info.si_pid == 0 && info.si_code == 0) {
    lua_pushboolean(L, 0);
    return 1;
  }
  p->ended = true;
  told = p->status >= 0 && read(p->status, &ended, sizeof ended) == sizeof ended;
  if (!told && lost) return fail_as(L, ECHILD, "waitid");
  if (!told) {
    ended.status = status_of(&info);
    count_usage(&ended, &usage);
  }
  push_ended(L, &ended, told);
  return 1;
}

pid_t process_fork(Process *p)
{
  pid_t parent = getpid(), pid = fork();
  int err;

  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  if (pid <= 0) return pid;
  p->pid = pid;
  p->pidfd = pidfd_open(pid, 0);
  if (p->pidfd >= 0) return pid;
  err = errno;
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  errno = err;
  return -1;
}

/* fork() -> process in the parent, false in the child | nil, message, errno. The child ends with
   its parent. Handles that both hold are the parent's to close: the child leaves by os.exit(code,
   false). */
static int core_fork(lua_State *L)
{
  pid_t pid = process_fork(process_new(L));

  if (pid < 0) return fail(L, "fork");
  if (pid == 0) lua_pushboolean(L, 0);
  return 1;
}

static const luaL_Reg methods[] = {
  {"close", process_close},       {"continue", process_continue}, {"kill", process_send},
  {"number", process_number},     {"pid", process_pid},           {"stop", process_stop},
  {"wait", process_wait},         {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"fork", core_fork},
  {NULL, NULL},
};

static const luaL_Reg meta[] = {
  {"__gc", process_gc},
  {"__close", process_gc},
  {"__tostring", process_tostring},
  {NULL, NULL},
};

void open_process(lua_State *L)
{
  luaL_newmetatable(L, PROCESS_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
