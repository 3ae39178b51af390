/* How one comes by a handle: files, pipes, connections, files in memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"

static int open_flags(lua_State *L, int arg)
{
  static const char *const names[] = {"r", "w", "a", "r+", "rw", "x", "path", "dir", NULL};
  static const int flags[] = {
    O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND, O_RDWR,
    O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_PATH, O_RDONLY | O_DIRECTORY,
  };

  return flags[luaL_checkoption(L, arg, "r", names)];
}

/* open(path [, how [, mode]]) -> handle | nil, message, errno
   how: r w a r+ rw(as r+, made when missing) x(create, must be new) path(O_PATH) dir; mode: for a
   new file, 0644 unless given */
static int core_open(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  int flags = open_flags(L, 2);
  mode_t mode = (mode_t)luaL_optinteger(L, 3, 0644);
  Fd *h = fd_new(L);

  h->fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
  if (h->fd < 0) return fail(L, path);
  return 1;
}

/* temporary(directory) -> handle | nil, message, errno: a file without a name */
static int core_temporary(lua_State *L)
{
  const char *directory = luaL_checkstring(L, 1);
  Fd *h = fd_new(L);

  h->fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (h->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* NFS, for one */
    static const char name[] = "/.moonsand.XXXXXX";
    size_t len = strlen(directory);
    char *path = lua_newuserdatauv(L, len + sizeof name, 0);

    memcpy(path, directory, len);
    memcpy(path + len, name, sizeof name);
    lua_insert(L, -2); /* the handle is the result */
    h->fd = mkostemp(path, O_CLOEXEC);
    if (h->fd >= 0) unlink(path);
  }
  if (h->fd < 0) return fail(L, directory);
  return 1;
}

/* pair() -> handle, handle | nil, message, errno: two ends of one connection, for both
   directions */
static int core_pair(lua_State *L)
{
  Fd *one = fd_new(L);
  Fd *other = fd_new(L);
  int p[2];

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0) return fail(L, "socketpair");
  one->fd = p[0];
  other->fd = p[1];
  one->socket = other->socket = true;
  return 2;
}

/* pipe() -> reader, writer | nil, message, errno */
static int core_pipe(lua_State *L)
{
  Fd *reader = fd_new(L);
  Fd *writer = fd_new(L);
  int p[2];

  if (pipe2(p, O_CLOEXEC) < 0) return fail(L, "pipe");
  reader->fd = p[0];
  writer->fd = p[1];
  return 2;
}

static int write_all(int fd, const char *bytes, size_t len)
{
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    bytes += n;
    len -= (size_t)n;
  }
  return 0;
}

/* memfd(name [, text]) -> handle, positioned at the start | nil, message, errno */
static int core_memfd(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  size_t len;
  const char *text = luaL_optlstring(L, 2, "", &len);
  Fd *h = fd_new(L);

  h->fd = memfd_create(name, MFD_CLOEXEC);
  if (h->fd < 0) return fail(L, "memfd_create");
  if (write_all(h->fd, text, len) < 0) return fail(L, "write to memfd");
  if (lseek(h->fd, 0, SEEK_SET) < 0) return fail(L, "seek in memfd");
  return 1;
}

static const luaL_Reg functions[] = {
  {"open", core_open},
  {"temporary", core_temporary},
  {"pair", core_pair},
  {"pipe", core_pipe},
  {"memfd", core_memfd},
  {NULL, NULL},
};

void open_handles(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
