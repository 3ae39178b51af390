/* Id maps (user_namespaces(7)). A map of one id is written by the child itself, ranges by the
   parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ids.h"

enum { MAP_LINES = 340 }; /* the kernel's limit, user_namespaces(7) */

static uint32_t range_number(Check *c, int range, int index, const char *what)
{
  lua_Integer value;
  int is_integer;

  lua_rawgeti(c->L, range, index);
  value = lua_tointegerx(c->L, -1, &is_integer);
  lua_pop(c->L, 1);
  if (!is_integer || value < 0 || value > 4294967294LL)
    misuse(c, "'%s' must be an integer from 0 to 4294967294", what);
  return (uint32_t)value;
}

/* {{inside, outside, count}, ...} */
static const IdRange *check_map(Check *c, const char *field, size_t *count)
{
  IdRange *ranges;
  int table;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) != LUA_TTABLE) misuse(c, "field '%s' must be a list", field);
  table = lua_gettop(c->L);
  *count = lua_rawlen(c->L, table);
  if (*count == 0 || *count > MAP_LINES)
    misuse(c, "field '%s' must have 1 to %d ranges", field, MAP_LINES);
  ranges = keep_memory(c, *count * sizeof *ranges);
  for (size_t i = 0; i < *count; i++) {
    if (lua_rawgeti(c->L, table, (lua_Integer)i + 1) != LUA_TTABLE)
      misuse(c, "field '%s' must hold {inside, outside, count}", field);
    ranges[i].inside = range_number(c, table + 1, 1, "inside");
    ranges[i].outside = range_number(c, table + 1, 2, "outside");
    ranges[i].count = range_number(c, table + 1, 3, "count");
    if (ranges[i].count == 0) misuse(c, "a range of no ids in '%s'", field);
    lua_pop(c->L, 1);
  }
  lua_pop(c->L, 1);
  return ranges;
}

void check_ids(Check *c, Step *s)
{
  s->ids.uid = check_map(c, "uid", &s->ids.uids);
  s->ids.gid = check_map(c, "gid", &s->ids.gids);
  s->ids.by_parent = s->ids.uids > 1 || s->ids.gids > 1 || s->ids.uid[0].count > 1 ||
                     s->ids.gid[0].count > 1;
  s->ids.deny_setgroups = !s->ids.by_parent;
}

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

static int write_file(const char *path, const char *text, size_t size)
{
  int err = 0, fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd < 0) return -1;
  if (write(fd, text, size) < 0) err = errno;
  close(fd);
  errno = err;
  return err ? -1 : 0;
}

static int write_own_map(Run *r, const char *path, const IdRange *range)
{
  char text[MAP_LINE_SIZE];

  if (write_file(path, text, format_map(text, range, 1)) < 0) return stop(r, "write", path);
  return 0;
}

/* The parent has written the maps when the pipe says so; then this process takes the first ids
   of the map. */
static int take_ranges(Run *r, const Step *s)
{
  char go = 0;
  ssize_t n;

  do n = read(r->sync, &go, 1);
  while (n < 0 && errno == EINTR);
  if (n != 1) {
    errno = n == 0 ? EPERM : errno;
    return stop(r, "wait for the id maps", NULL);
  }
  if (syscall(SYS_setgroups, 0, NULL) < 0) return stop(r, "setgroups", NULL);
  if (syscall(SYS_setresgid, s->ids.gid[0].inside, s->ids.gid[0].inside, s->ids.gid[0].inside) < 0)
    return stop(r, "setresgid", NULL);
  if (syscall(SYS_setresuid, s->ids.uid[0].inside, s->ids.uid[0].inside, s->ids.uid[0].inside) < 0)
    return stop(r, "setresuid", NULL);
  return 0;
}

int run_ids(Run *r, const Step *s)
{
  if (s->ids.by_parent) return take_ranges(r, s);
  /* setgroups must be off before an unprivileged process may map a group (CVE-2014-8989) */
  if (s->ids.deny_setgroups && write_file("/proc/self/setgroups", "deny", 4) < 0)
    return stop(r, "write", "/proc/self/setgroups");
  if (write_own_map(r, "/proc/self/uid_map", s->ids.uid) < 0) return -1;
  return write_own_map(r, "/proc/self/gid_map", s->ids.gid);
}
