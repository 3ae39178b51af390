/* Resource limits of processes (getrlimit(2)): the names are those of prlimit(1). */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "step.h"

static const struct {
  const char *name;
  __rlimit_resource_t resource;
} resources[] = {
  {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
  {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"memlock", RLIMIT_MEMLOCK},
  {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},       {"nofile", RLIMIT_NOFILE},
  {"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
  {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
};

enum { RESOURCES = sizeof resources / sizeof *resources };

/* The value on the top of the stack: a count, or "unlimited". */
static rlim_t check_bound(Check *c, const char *name)
{
  lua_Integer value;
  int is_integer;

  if (lua_type(c->L, -1) == LUA_TSTRING && strcmp(lua_tostring(c->L, -1), "unlimited") == 0)
    return RLIM_INFINITY;
  value = lua_tointegerx(c->L, -1, &is_integer);
  if (lua_type(c->L, -1) != LUA_TNUMBER || !is_integer || value < 0)
    misuse(c, "field '%s' must be a count, \"unlimited\", or {soft, hard} of these", name);
  return (rlim_t)value;
}

/* One value, or {soft, hard}. */
static struct rlimit check_limit(Check *c, const char *name)
{
  struct rlimit limit;

  if (lua_type(c->L, -1) != LUA_TTABLE) {
    limit.rlim_cur = limit.rlim_max = check_bound(c, name);
    return limit;
  }
  lua_rawgeti(c->L, -1, 1);
  limit.rlim_cur = check_bound(c, name);
  lua_rawgeti(c->L, -2, 2);
  limit.rlim_max = check_bound(c, name);
  lua_pop(c->L, 2);
  if (limit.rlim_cur > limit.rlim_max)
    misuse(c, "the soft limit of '%s' is above its hard limit", name);
  return limit;
}

/* {"rlimit", core = 0, nofile = {1024, 4096}, cpu = "unlimited"} */
void check_rlimit(Check *c, Step *s)
{
  ResourceLimit *limits = keep_memory(c, RESOURCES * sizeof *limits);
  size_t n = 0;

  for (int i = 0; i < RESOURCES; i++) {
    lua_pushstring(c->L, resources[i].name);
    if (lua_rawget(c->L, c->table) != LUA_TNIL) {
      limits[n].resource = (int)resources[i].resource;
      limits[n].name = resources[i].name;
      limits[n++].limit = check_limit(c, resources[i].name);
    }
    lua_pop(c->L, 1);
  }
  if (n == 0) misuse(c, "no limit is named");
  s->rlimits.list = limits;
  s->rlimits.count = n;
}

int apply_rlimits(Run *r, const Step *s)
{
  for (size_t i = 0; i < s->rlimits.count; i++) {
    const ResourceLimit *one = &s->rlimits.list[i];

    if (setrlimit((__rlimit_resource_t)one->resource, &one->limit) < 0)
      return stop(r, "setrlimit", one->name);
  }
  return 0;
}

/* Kept for exec: they are the program's. Our pid 1 must be able to open its files, and the
   program to be started. */
int run_rlimit(Run *r, const Step *s)
{
  if (r->direct) return apply_rlimits(r, s);
  r->rlimits = s;
  return 0;
}

static void set_bound(lua_State *L, const char *name, rlim_t value)
{
  if (value == RLIM_INFINITY)
    lua_pushliteral(L, "unlimited");
  else
    lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

/* rlimits() -> {nofile = {soft =, hard =}, ...}: the limits of this process */
static int core_rlimits(lua_State *L)
{
  lua_createtable(L, 0, RESOURCES);
  for (int i = 0; i < RESOURCES; i++) {
    struct rlimit limit;

    if (getrlimit(resources[i].resource, &limit) < 0) return fail(L, resources[i].name);
    lua_createtable(L, 0, 2);
    set_bound(L, "soft", limit.rlim_cur);
    set_bound(L, "hard", limit.rlim_max);
    lua_setfield(L, -2, resources[i].name);
  }
  return 1;
}

void open_rlimits(lua_State *L)
{
  lua_pushcfunction(L, core_rlimits);
  lua_setfield(L, -2, "rlimits");
}
