/* Which files of some directories are opened: inotify(7). What a directory of an overlay sees is
   opened through that very mount, so a sandbox hears of itself alone, whoever shares its layers. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "step.h"

enum { READ_SIZE = 65536 };

/* {"watch", paths = {...}, queue = core.watch_queue()}: to a fresh queue the n-th path is number n.
   Without a queue nobody listens, and nothing is watched. */
void check_watch(Check *c, Step *s)
{
  size_t count;

  s->list = check_strings(c, "paths", &count);
  if (count == 0) misuse(c, "field 'paths' needs at least one path");
  for (const char **path = s->list; *path; path++) check_target_path(c, "path", *path);
  s->fd = check_handle(c, "queue");
}

/* After pivot, so paths are those of the new world. Names go to the caller only. */
int run_watch(Run *r, const Step *s)
{
  int first = 0;

  for (int i = 0; s->fd >= 0 && s->list[i]; i++) {
    int number = inotify_add_watch(s->fd, s->list[i], IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW);

    if (i == 0) first = number;
    if (number >= 0 && number != first + i) errno = EEXIST; /* a directory with two names here */
    if (number < 0 || number != first + i) return stop(r, "inotify_add_watch", s->list[i]);
  }
  return 0;
}

/* watch_queue() -> handle | nil, message, errno */
static int core_watch_queue(lua_State *L)
{
  Fd *h = fd_new(L);

  h->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (h->fd < 0) return fail(L, "inotify_init1");
  return 1;
}

/* A directory that is opened to list it is no file of it. */
static bool is_file(const struct inotify_event *e)
{
  return e->mask & IN_OPEN && !(e->mask & IN_ISDIR) && e->len > 0;
}

/* read_opened(queue) -> {number, name, number, name, ...}, lost | nil, message, errno */
static int core_read_opened(lua_State *L)
{
  _Alignas(struct inotify_event) char buffer[READ_SIZE];
  int fd = fd_check(L, 1);
  bool lost = false;
  lua_Integer count = 0;
  ssize_t n;

  lua_newtable(L);
  do n = read(fd, buffer, sizeof buffer);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) return fail(L, "read the queue of watches");
  for (ssize_t at = 0; at < n;) {
    const struct inotify_event *e = (const void *)(buffer + at);

    if (e->mask & IN_Q_OVERFLOW) lost = true;
    if (is_file(e)) {
      lua_pushinteger(L, e->wd);
      lua_rawseti(L, -2, ++count);
      lua_pushstring(L, e->name);
      lua_rawseti(L, -2, ++count);
    }
    at += (ssize_t)sizeof *e + (ssize_t)e->len;
  }
  lua_pushboolean(L, lost);
  return 2;
}

static const luaL_Reg functions[] = {
  {"watch_queue", core_watch_queue},
  {"read_opened", core_read_opened},
  {NULL, NULL},
};

void open_watch(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
