/*
** Code that is not trusted with the machine: so much memory and so many instructions, and no more.
** Lua itself says "not enough memory" when the allocator refuses, so nothing can get around it.
*/
#include "core.h"

enum { PERIOD = 10000 }; /* instructions between two looks */

typedef struct Bound {
  lua_Alloc alloc;
  void *data;
  lua_Integer memory, steps; /* what is left */
} Bound;

static const char key; /* its address is where the registry has the innermost one */

static void *bounded_alloc(void *data, void *block, size_t old, size_t size)
{
  Bound *b = data;
  lua_Integer more = (lua_Integer)size - (lua_Integer)(block ? old : 0);
  void *result;

  if (more > 0 && more > b->memory) return NULL;
  result = b->alloc(b->data, block, old, size);
  if (result || size == 0) b->memory -= more;
  return result;
}

static Bound *innermost(lua_State *L)
{
  Bound *b;

  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  b = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return b;
}

static void look(lua_State *L, lua_Debug *where)
{
  Bound *b = innermost(L);

  (void)where;
  if (!b || (b->steps -= PERIOD) > 0) return;
  luaL_error(L, "too many instructions");
}

/* What has to be as it was afterwards. */
typedef struct Before {
  Bound *outer;
  lua_Hook hook;
  int mask, count;
} Before;

static void enter(lua_State *L, Bound *b, Before *before)
{
  before->outer = innermost(L);
  before->hook = lua_gethook(L);
  before->mask = lua_gethookmask(L);
  before->count = lua_gethookcount(L);
  lua_pushlightuserdata(L, b);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
  lua_sethook(L, look, LUA_MASKCOUNT, PERIOD);
  b->alloc = lua_getallocf(L, &b->data);
  lua_setallocf(L, bounded_alloc, b);
}

static void leave(lua_State *L, const Bound *b, const Before *before)
{
  lua_setallocf(L, b->alloc, b->data);
  lua_sethook(L, before->hook, before->mask, before->count);
  lua_pushlightuserdata(L, before->outer);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

/* bounded({memory = bytes, steps = instructions}, function, handler, ...) -> as xpcall */
static int core_bounded(lua_State *L)
{
  Bound b = {.memory = 0};
  Before before;
  int status;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_getfield(L, 1, "memory");
  lua_getfield(L, 1, "steps");
  b.memory = luaL_checkinteger(L, -2);
  b.steps = luaL_checkinteger(L, -1);
  lua_pop(L, 2);
  lua_remove(L, 1);
  lua_pushvalue(L, 1);
  lua_copy(L, 2, 1);
  lua_replace(L, 2); /* handler, function, arguments */
  luaL_checkstack(L, 4, NULL);
  enter(L, &b, &before);
  status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
  leave(L, &b, &before);
  lua_pushboolean(L, status == LUA_OK);
  lua_replace(L, 1);
  return lua_gettop(L);
}

static const luaL_Reg functions[] = {
  {"bounded", core_bounded},
  {NULL, NULL},
};

void open_bound(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
