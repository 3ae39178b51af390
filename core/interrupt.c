/*
** What a person stops by ctrl-C without losing the prompt: the signal is an error of what runs.
** A handler can reach nothing but a variable, so here, and here only, there are two that change.
*/
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>

#include "core.h"

/* Instructions between two looks, for coroutines: the handler cannot reach them. */
enum { PERIOD = 1000 };

static volatile sig_atomic_t asked;
static lua_State *volatile outermost;

/* Coroutines inherit the hook of who makes them. */
static void look(lua_State *L, lua_Debug *where)
{
  (void)where;
  lua_sethook(L, look, LUA_MASKCOUNT, PERIOD);
  if (!asked) return;
  asked = 0;
  luaL_error(L, "interrupted!");
}

static void on_interrupt(int sig)
{
  (void)sig;
  asked = 1;
  if (outermost)
    lua_sethook(outermost, look, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* What has to be as it was afterwards. */
typedef struct Before {
  struct sigaction action;
  sigset_t mask;
  lua_State *outermost;
  lua_Hook hook;
  int hook_mask, hook_count;
} Before;

static void enter(lua_State *L, Before *before)
{
  struct sigaction action = {.sa_handler = on_interrupt}; /* no SA_RESTART: what waits is woken */
  sigset_t set;

  before->outermost = outermost;
  before->hook = lua_gethook(L);
  before->hook_mask = lua_gethookmask(L);
  before->hook_count = lua_gethookcount(L);
  asked = 0;
  outermost = L;
  lua_sethook(L, look, LUA_MASKCOUNT, PERIOD);
  sigaction(SIGINT, &action, &before->action);
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_UNBLOCK, &set, &before->mask);
}

/* Signals that what ran has blocked for itself come through again; an INT among them is stale. */
static void leave(lua_State *L, const Before *before)
{
  outermost = before->outermost;
  sigprocmask(SIG_SETMASK, &before->mask, NULL);
  sigaction(SIGINT, &before->action, NULL);
  lua_sethook(L, before->hook, before->hook_mask, before->hook_count);
}

/* interruptible(function, handler, ...) -> as xpcall; while it runs, an INT is an error
   "interrupted!" of it */
static int core_interruptible(lua_State *L)
{
  Before before;
  int status;

  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 1);
  lua_copy(L, 2, 1);
  lua_replace(L, 2); /* handler, function, arguments */
  enter(L, &before);
  status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
  leave(L, &before);
  lua_pushboolean(L, status == LUA_OK);
  lua_replace(L, 1);
  return lua_gettop(L);
}

static const luaL_Reg functions[] = {
  {"interruptible", core_interruptible},
  {NULL, NULL},
};

void open_interrupt(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
