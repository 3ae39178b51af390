/* Waiting: one poll for pidfds, pipes and signals. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "signal.h"
#include "spawn.h"

enum { POLL_LIMIT = 65536 };

static int pollable(lua_State *L, int arg)
{
  Process *p = luaL_testudata(L, arg, PROCESS_TYPE);

  if (!p) return fd_check(L, arg);
  luaL_argcheck(L, p->pidfd >= 0, arg, "the process handle is closed");
  return p->pidfd;
}

static short check_events(lua_State *L, const char *events)
{
  short mask = 0;

  for (; *events; events++) {
    if (*events == 'r')
      mask |= POLLIN;
    else if (*events == 'w')
      mask |= POLLOUT;
    else
      luaL_error(L, "poll: events are 'r', 'w' or 'rw'");
  }
  return mask;
}

/* {fd = handle | number | process, events = "r" | "w" | "rw"} */
static void check_entry(lua_State *L, int i, struct pollfd *entry)
{
  if (lua_rawgeti(L, 1, i) != LUA_TTABLE) luaL_error(L, "poll: entry %d is not a table", i);
  lua_getfield(L, -1, "fd");
  lua_getfield(L, -2, "events");
  entry->fd = pollable(L, lua_gettop(L) - 1);
  entry->events = check_events(L, luaL_optstring(L, -1, "r"));
  lua_settop(L, 3);
}

/* Rounded up, so that a deadline has really passed when poll says so. */
static int check_timeout(lua_State *L, int arg)
{
  lua_Number seconds = luaL_optnumber(L, arg, -1);

  if (seconds < 0 || seconds > 2147483) return -1;
  return (int)ceil(seconds * 1000);
}

/* poll(list [, seconds]) -> {index, ...} of the ready entries; {} after the time, or a signal |
   nil, message, errno */
static int core_poll(lua_State *L)
{
  int timeout = check_timeout(L, 2);
  lua_Unsigned n;
  struct pollfd *entries;
  int ready;

  luaL_checktype(L, 1, LUA_TTABLE);
  n = lua_rawlen(L, 1);
  luaL_argcheck(L, n <= POLL_LIMIT, 1, "too many entries");
  lua_settop(L, 2);
  entries = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *entries, 0);
  for (size_t i = 0; i < n; i++) check_entry(L, (int)i + 1, &entries[i]);
  ready = poll(entries, (nfds_t)n, timeout);
  if (ready < 0 && errno != EINTR) return fail(L, "poll");
  lua_createtable(L, ready > 0 ? ready : 0, 0);
  for (size_t i = 0, k = 0; ready > 0 && i < n; i++) {
    if (entries[i].revents == 0) continue;
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_rawseti(L, -2, (lua_Integer)++k);
  }
  return 1;
}

static void check_set(lua_State *L, sigset_t *set)
{
  sigemptyset(set);
  for (int i = 1; i <= lua_gettop(L); i++) sigaddset(set, signal_check(L, i));
}

/* What the caller's caller ignores (nohup, a job in the background) stays ignored: once blocked, it
   would be read as any other. */
static void drop_ignored(sigset_t *set)
{
  struct sigaction action;

  for (int signal = 1; signal < 32; signal++)
    if (sigismember(set, signal) && sigaction(signal, NULL, &action) == 0 &&
        action.sa_handler == SIG_IGN)
      sigdelset(set, signal);
}

/* Which of a set are not in another one. */
static uint32_t only_in(const sigset_t *set, const sigset_t *other)
{
  uint32_t bits = 0;

  for (int signal = 1; signal < 32; signal++)
    if (sigismember(set, signal) && !sigismember(other, signal)) bits |= UINT32_C(1) << signal;
  return bits;
}

/* signals("INT", "TERM", ...) -> handle | nil, message, errno. These signals stop nothing until it
   is closed; they are read from the handle, but for those that are ignored. */
static int core_signals(lua_State *L)
{
  sigset_t set, before;
  Fd *h;

  check_set(L, &set);
  drop_ignored(&set);
  h = fd_new(L);
  if (sigprocmask(SIG_BLOCK, &set, &before) < 0) return fail(L, "sigprocmask");
  h->blocked = only_in(&set, &before);
  h->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (h->fd < 0) return fail(L, "signalfd");
  return 1;
}

/* read_signal(handle) -> name | nil: none is waiting */
static int core_read_signal(lua_State *L)
{
  struct signalfd_siginfo info;

  if (read(fd_check(L, 1), &info, sizeof info) != sizeof info) return 0;
  signal_push(L, (int)info.ssi_signo);
  return 1;
}

/* deliver("INT", ...) -> true | nil, message, errno: what `signals` blocked acts again; one that
   waits does so now */
static int core_deliver(lua_State *L)
{
  sigset_t set;

  check_set(L, &set);
  if (sigprocmask(SIG_UNBLOCK, &set, NULL) < 0) return fail(L, "sigprocmask");
  lua_pushboolean(L, 1);
  return 1;
}

/* raise("STOP") -> true | nil, message, errno: a signal to this process */
static int core_raise(lua_State *L)
{
  if (kill(getpid(), signal_check(L, 1)) < 0) return fail(L, "kill");
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
  {"poll", core_poll},
  {"signals", core_signals},
  {"read_signal", core_read_signal},
  {"deliver", core_deliver},
  {"raise", core_raise},
  {NULL, NULL},
};

void open_poll(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
