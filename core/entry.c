/* The entries of directories as tables of Lua. */
#define _GNU_SOURCE
#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "tree.h"

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static lua_Integer nanoseconds(struct timespec t)
{
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* What is left to do with a file that is open: its xattrs go to Lua before they are dropped. */
static int read_open(lua_State *L, Entries *e, Content *c)
{
  if (c->from->hash && !c->hashed && content_hash(e->hasher, e->file->fd, c) < 0) return -1;
  if (xattrs_push(L, e->file->fd) < 0) return -1;
  if (c->from->normalise && c->st.st_nlink <= 1 && xattrs_drop(e->file->fd) < 0) return -1;
  if (content_normalise(e->file->fd, c) < 0) return -1;
  close(e->file->fd);
  e->file->fd = -1;
  return 0;
}

static int add_file(lua_State *L, Entries *e, Content *c)
{
  if (!c->finished) {
    e->file->fd = content_open(c);
    if (e->file->fd < 0 || read_open(L, e, c) < 0) return -1;
  }
  if (c->from->hash) {
    lua_pushlstring(L, c->hex, 64);
    lua_setfield(L, -2, "digest");
  }
  set_integer(L, "size", c->size);
  if (c->st.st_nlink > 1) {
    set_integer(L, "nlink", (lua_Integer)c->st.st_nlink);
    set_integer(L, "ino", (lua_Integer)c->st.st_ino);
  }
  return 0;
}

static int add_symlink(lua_State *L, const Content *c)
{
  struct timespec times[2] = {c->from->time, c->from->time};
  char target[PATH_MAX];
  ssize_t n = readlinkat(c->from->dirfd, c->name, target, sizeof target);

  if (n < 0) return -1;
  lua_pushlstring(L, target, (size_t)n);
  lua_setfield(L, -2, "target");
  if (!c->from->normalise) return 0;
  return utimensat(c->from->dirfd, c->name, times, AT_SYMLINK_NOFOLLOW);
}

static int add_details(lua_State *L, Entries *e, Content *c)
{
  switch (c->st.st_mode & S_IFMT) {
  case S_IFREG: return add_file(L, e, c);
  case S_IFLNK: return add_symlink(L, c);
  case S_IFCHR:
  case S_IFBLK: set_integer(L, "rdev", (lua_Integer)c->st.st_rdev); return 0;
  default: return 0;
  }
}

static void set_owner(lua_State *L, const Entries *e, const struct stat *st)
{
  if (st->st_uid == e->top.st_uid && st->st_gid == e->top.st_gid) return;
  set_integer(L, "uid", (lua_Integer)st->st_uid);
  set_integer(L, "gid", (lua_Integer)st->st_gid);
}

int entry_push(lua_State *L, Entries *e, Content *c)
{
  if (c->err != 0) return c->err;
  lua_createtable(L, 0, 6);
  lua_pushstring(L, c->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, path_type(c->st.st_mode));
  lua_setfield(L, -2, "type");
  if (add_details(L, e, c) < 0) return errno;
  set_owner(L, e, &c->st);
  set_integer(L, "mode", c->st.st_mode & 07777);
  set_integer(L, "mtime_ns", nanoseconds(c->st.st_mtim));
  return 0;
}

int entry_own(lua_State *L, const Reading *r)
{
  struct stat st;
  int fd = r->dirfd;

  if (fstat(fd, &st) < 0) return -1;
  set_integer(L, "mode", st.st_mode & 07777);
  set_integer(L, "mtime_ns", nanoseconds(st.st_mtim));
  if (xattrs_push(L, fd) < 0) return -1;
  if (!r->normalise) return 0;
  if (xattrs_drop(fd) < 0) return -1;
  return content_normalise_fd(r, fd, &st, 0755);
}
