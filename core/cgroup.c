/*
** Control groups (cgroups(7)). Finding, making and removing groups is Lua's part; this is how the
** child gets into them before anything of the program runs.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "step.h"

/* The handle or number on the top of the stack. */
static int group_file(Check *c, const char *field)
{
  int fd = check_descriptor(c, field, lua_gettop(c->L));

  if (fd < 0) misuse(c, "field '%s' must hold handles or descriptor numbers", field);
  return fd;
}

/*
** {"cgroup", "what it is for", ..., into = handle, join = {handle, ...}}
** into: the directory of a version 2 group, where clone3 puts the child at once;
** join: open cgroup.procs files of version 1 groups. The caller's right to write counts, as it
** has opened them.
*/
void check_cgroup(Check *c, Step *s)
{
  lua_Unsigned n = 0;
  int *join;

  s->cgroup.into = -1;
  lua_pushliteral(c->L, "into");
  if (lua_rawget(c->L, c->table) != LUA_TNIL) s->cgroup.into = group_file(c, "into");
  lua_pop(c->L, 1);
  lua_pushliteral(c->L, "join");
  if (lua_rawget(c->L, c->table) != LUA_TNIL) {
    if (lua_type(c->L, -1) != LUA_TTABLE) misuse(c, "field 'join' must be a list");
    n = lua_rawlen(c->L, -1);
    if (n > 64) misuse(c, "field 'join' has more than 64 entries");
  }
  join = keep_memory(c, (size_t)(n + 1) * sizeof *join);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(c->L, -1, (lua_Integer)i + 1);
    join[i] = group_file(c, "join");
    lua_pop(c->L, 1);
  }
  lua_pop(c->L, 1);
  s->cgroup.join = join;
  s->cgroup.joins = (size_t)n;
}

/* A namespace of groups has its root where its first process is: so it is entered only here, and
   the program sees its own groups as "/" (cgroup_namespaces(7)). */
int run_cgroup(Run *r, const Step *s)
{
  for (size_t i = 0; i < s->cgroup.joins; i++) {
    ssize_t n;

    do n = write(s->cgroup.join[i], "0", 1); /* 0: who writes */
    while (n < 0 && errno == EINTR);
    if (n < 0) return stop(r, "write cgroup.procs", NULL);
  }
  if (r->own_groups && unshare(CLONE_NEWCGROUP) < 0) return stop(r, "unshare", NULL);
  return 0;
}
