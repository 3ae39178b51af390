/* This process: its number, its ids, and what its clocks say. */
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "core.h"

static int core_getpid(lua_State *L)
{
  lua_pushinteger(L, getpid());
  return 1;
}

static int core_uid(lua_State *L)
{
  lua_pushinteger(L, geteuid());
  return 1;
}

static int core_gid(lua_State *L)
{
  lua_pushinteger(L, getegid());
  return 1;
}

/* clock() -> seconds of a clock that only goes forward */
static int core_clock(lua_State *L)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  return 1;
}

/* time_ns() -> nanoseconds since 1970 */
static int core_time_ns(lua_State *L)
{
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  lua_pushinteger(L, now.tv_sec * 1000000000LL + now.tv_nsec);
  return 1;
}

static const luaL_Reg functions[] = {
  {"getpid", core_getpid},
  {"uid", core_uid},
  {"gid", core_gid},
  {"clock", core_clock},
  {"time_ns", core_time_ns},
  {NULL, NULL},
};

void open_self(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
