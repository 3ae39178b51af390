/* Id maps (user_namespaces(7)). A map of one id is written by the child itself, ranges by the
   parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ids.h"

static char *put_number(char *at, uint32_t number)
{
  char digits[10];
  int n = 0;

  do digits[n++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (n > 0) *at++ = digits[--n];
  return at;
}

size_t format_map(char *text, const IdRange *ranges, size_t count)
{
  char *at = text;

  for (size_t i = 0; i < count; i++) {
    at = put_number(at, ranges[i].inside);
    *at++ = ' ';
    at = put_number(at, ranges[i].outside);
    *at++ = ' ';
    at = put_number(at, ranges[i].count);
    *at++ = '\n';
  }
  return (size_t)(at - text);
}

static uint32_t range_number(Check *c, int range, int index, const char *what)
{
  lua_Integer value, highest = index == 3 ? ID_LAST + 1 : ID_LAST;
  int is_integer;

  lua_rawgeti(c->L, range, index);
  value = lua_tointegerx(c->L, -1, &is_integer);
  lua_pop(c->L, 1);
  if (!is_integer || value < 0 || value > highest)
    misuse(c, "'%s' must be an integer from 0 to %lld", what, (long long)highest);
  return (uint32_t)value;
}

static bool is_mapped(const IdMap *map, uint32_t id)
{
  for (size_t i = 0; i < map->count; i++)
    if (id >= map->ranges[i].inside && id - map->ranges[i].inside < map->ranges[i].count)
      return true;
  return false;
}

/* A process may map its own id, and nothing else, itself (user_namespaces(7)). In a direct call the
   namespace is made already, and the process has no id to compare with. */
static bool is_own(Check *c, const IdMap *map, uint32_t own)
{
  return map->count == 1 && map->ranges[0].count == 1 &&
         (c->step == 0 || map->ranges[0].outside == own);
}

static void check_size_of(Check *c, const char *field, const IdMap *map)
{
  char text[MAP_LINES * MAP_LINE_SIZE];
  size_t size = format_map(text, map->ranges, map->count);

  if (size >= MAP_TEXT_SIZE)
    misuse(c, "field '%s' is a map of %d bytes, and the kernel takes %d", field, (int)size,
           MAP_TEXT_SIZE - 1);
}

/* {{inside, outside, count}, ...} */
static void check_map(Check *c, const char *field, IdMap *map)
{
  IdRange *ranges;
  int table;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) != LUA_TTABLE) misuse(c, "field '%s' must be a list", field);
  table = lua_gettop(c->L);
  map->count = lua_rawlen(c->L, table);
  if (map->count == 0 || map->count > MAP_LINES)
    misuse(c, "field '%s' must have 1 to %d ranges", field, MAP_LINES);
  map->ranges = ranges = keep_memory(c, map->count * sizeof *ranges);
  for (size_t i = 0; i < map->count; i++) {
    if (lua_rawgeti(c->L, table, (lua_Integer)i + 1) != LUA_TTABLE)
      misuse(c, "field '%s' must hold {inside, outside, count}", field);
    ranges[i].inside = range_number(c, table + 1, 1, "inside");
    ranges[i].outside = range_number(c, table + 1, 2, "outside");
    ranges[i].count = range_number(c, table + 1, 3, "count");
    if (ranges[i].count == 0) misuse(c, "a range of no ids in '%s'", field);
    lua_pop(c->L, 1);
  }
  lua_pop(c->L, 1);
  check_size_of(c, field, map);
}

/* {"ids", uid = map, gid = map, user = id, group = id}: user and group are who the child is inside,
   the first ids of the maps when not given. */
void check_ids(Check *c, Step *s)
{
  IdMap *uid = &s->ids.uid, *gid = &s->ids.gid;

  check_map(c, "uid", uid);
  check_map(c, "gid", gid);
  s->ids.user = (uint32_t)check_integer(c, "user", 0, ID_LAST, uid->ranges[0].inside);
  s->ids.group = (uint32_t)check_integer(c, "group", 0, ID_LAST, gid->ranges[0].inside);
  if (!is_mapped(uid, s->ids.user)) misuse(c, "'user' is an id that is not mapped");
  if (!is_mapped(gid, s->ids.group)) misuse(c, "'group' is an id that is not mapped");
  uid->by_parent = !is_own(c, uid, geteuid());
  gid->by_parent = !is_own(c, gid, getegid());
}

int write_file(const char *path, const char *text, size_t size)
{
  int err = 0, fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd < 0) return -1;
  if (write(fd, text, size) < 0) err = errno;
  close(fd);
  errno = err;
  return err ? -1 : 0;
}

static int write_own_map(Run *r, const char *path, const IdRange *range, uint32_t below)
{
  char text[MAP_LINE_SIZE];
  IdRange own = *range;

  if (r->below) own.outside = below;
  if (write_file(path, text, format_map(text, &own, 1)) < 0) return stop(r, "write", path);
  return 0;
}

static int map_own(Run *r, const Step *s)
{
  /* setgroups must be off before an unprivileged process may map a group (CVE-2014-8989) */
  if (!s->ids.gid.by_parent && write_file("/proc/self/setgroups", "deny", 4) < 0)
    return stop(r, "write", "/proc/self/setgroups");
  if (!s->ids.uid.by_parent &&
      write_own_map(r, "/proc/self/uid_map", s->ids.uid.ranges, r->below_uid) < 0)
    return -1;
  if (!s->ids.gid.by_parent &&
      write_own_map(r, "/proc/self/gid_map", s->ids.gid.ranges, r->below_gid) < 0)
    return -1;
  return 0;
}

/* The parent has written its maps when the pipe says so. This process has a copy of the end that it
   writes to: as long as that is open, a parent that gives up would not be heard. */
static int wait_for_maps(Run *r)
{
  char go = 0;
  ssize_t n;

  close(r->sync_peer);
  do n = read(r->sync, &go, 1);
  while (n < 0 && errno == EINTR);
  if (n == 1) return 0;
  errno = n == 0 ? EPERM : errno;
  return stop(r, "wait for the id maps", NULL);
}

/* Where groups can be dropped they are. Leaving uid 0 must not cost the capabilities that the steps
   after this one need: the step capabilities gives them up, and this bit with them. */
static int become(Run *r, const Step *s)
{
  uint32_t user = s->ids.user, group = s->ids.group;

  if (s->ids.gid.by_parent && syscall(SYS_setgroups, 0, NULL) < 0)
    return stop(r, "setgroups", NULL);
  if (user != 0 && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
    return stop(r, "prctl(SET_SECUREBITS)", NULL);
  if (syscall(SYS_setresgid, group, group, group) < 0) return stop(r, "setresgid", NULL);
  if (syscall(SYS_setresuid, user, user, user) < 0) return stop(r, "setresuid", NULL);
  return 0;
}

int run_ids(Run *r, const Step *s)
{
  bool by_parent = s->ids.uid.by_parent || s->ids.gid.by_parent;

  if (by_parent && wait_for_maps(r) < 0) return -1;
  if (map_own(r, s) < 0) return -1;
  return by_parent ? become(r, s) : 0;
}
