/* The step fds: which of the caller's descriptors the program has, and under which numbers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spawn.h"

static int map_number(Check *c, int value)
{
  int fd = check_descriptor(c, "map", value);

  if (fd < 0)
    misuse(c, "field 'map' must hold handles, or numbers from 0 to %d", DESCRIPTOR_LIMIT - 1);
  return fd;
}

/* {"fds", map = {[0] = handle, [1] = handle, [7] = 3}}: inside number = fd of the caller. All
   others are closed. */
void check_fds(Check *c, Step *s)
{
  lua_State *L = c->L;
  FdPair *pairs;
  size_t n = 0;
  int table;

  lua_pushliteral(L, "map");
  if (lua_rawget(L, c->table) != LUA_TTABLE) misuse(c, "field 'map' must be a table");
  table = lua_gettop(L);
  pairs = keep_memory(c, (count_pairs(L, table) + 1) * sizeof *pairs);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    pairs[n].source = map_number(c, lua_gettop(L));
    if (lua_type(L, -2) != LUA_TNUMBER) misuse(c, "a number of 'map' must be an integer");
    pairs[n].target = map_number(c, lua_gettop(L) - 1);
    n++;
  }
  lua_pop(L, 1);
  s->fds.pairs = pairs;
  s->fds.count = n;
}

/* Kept for exec: pid 1 has none of the program's fds. */
int run_fds(Run *r, const Step *s)
{
  r->fds = s;
  return 0;
}

static bool is_target(const Step *fds, int fd)
{
  for (size_t i = 0; i < fds->fds.count; i++)
    if (fds->fds.pairs[i].target == fd) return true;
  return false;
}

/* A copy with a number that is no target. Not simply above all of them: there the limit of open
   files may be. */
static int move_away(const Step *fds, int fd)
{
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 0);

  while (moved >= 0 && is_target(fds, moved)) {
    int next = fcntl(fd, F_DUPFD_CLOEXEC, moved + 1);

    close(moved);
    moved = next;
  }
  return moved;
}

/* Sources that are in the way of a target move first; then numbers may overlap in any way. */
int apply_fds(Run *r, const Step *fds)
{
  FdPair *pairs = (FdPair *)(uintptr_t)fds->fds.pairs; /* the child's to change: used once */

  for (size_t i = 0; i < fds->fds.count; i++) {
    if (!is_target(fds, pairs[i].source)) continue;
    pairs[i].source = move_away(fds, pairs[i].source);
    if (pairs[i].source < 0) return stop(r, "move a file descriptor", NULL);
  }
  for (size_t i = 0; i < fds->fds.count; i++) {
    if (dup2(pairs[i].source, pairs[i].target) >= 0) continue;
    if (errno != EBADF || fcntl(pairs[i].source, F_GETFD) < 0) return stop(r, "dup2", NULL);
    errno = EMFILE; /* dup2(2) says EBADF of the target, too */
    return stop(r, "descriptor beyond the limit of open files", NULL);
  }
  return 0;
}

/* From here on nothing is open but what the map names: on the way to the program a link such as
   /proc/self/fd/7 would lead out of the sandbox, to what the caller has open (CVE-2024-21626). */
int close_others(Run *r, const Step *fds)
{
  size_t count = fds ? fds->fds.count : 0;
  unsigned from = 0;

  for (;;) {
    unsigned next = ~0U;

    for (size_t i = 0; i < count; i++) {
      unsigned target = (unsigned)fds->fds.pairs[i].target;

      if (target >= from && target < next) next = target;
    }
    if (r->done >= 0 && (unsigned)r->done >= from && (unsigned)r->done < next)
      next = (unsigned)r->done;
    if (next > from && close_range(from, next == ~0U ? next : next - 1, 0) < 0)
      return stop(r, "close_range", NULL);
    if (next == ~0U) return 0;
    from = next + 1;
  }
}
