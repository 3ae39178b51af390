/* File descriptors as closable handles; every one is close-on-exec from birth. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

enum { READ_MAX = 1 << 20, SMALL_READ = 1 << 16 };

Fd *fd_new(lua_State *L)
{
  Fd *h = lua_newuserdatauv(L, sizeof *h, 0);

  h->fd = -1;
  h->socket = false;
  h->blocked = 0;
  luaL_setmetatable(L, FD_TYPE);
  return h;
}

static Fd *check_open(lua_State *L, int arg)
{
  Fd *h = luaL_checkudata(L, arg, FD_TYPE);

  luaL_argcheck(L, h->fd >= 0, arg, "the handle is closed");
  return h;
}

/* A file of Lua's own library; what it has in its buffer goes first. */
static int stdio_number(lua_State *L, int arg)
{
  luaL_Stream *file = luaL_testudata(L, arg, LUA_FILEHANDLE);

  if (!file) return -1;
  luaL_argcheck(L, file->closef != NULL, arg, "the file is closed");
  fflush(file->f);
  return fileno(file->f);
}

int fd_check(lua_State *L, int arg)
{
  lua_Integer fd;

  if (lua_type(L, arg) == LUA_TUSERDATA) {
    int number = stdio_number(L, arg);

    return number >= 0 ? number : check_open(L, arg)->fd;
  }
  fd = luaL_checkinteger(L, arg);
  luaL_argcheck(L, fd >= 0 && fd <= 1 << 24, arg, "not a file descriptor");
  return (int)fd;
}

/* Signals that were read from the handle do again what they did; what has not been read is stale. */
static void unblock(Fd *h)
{
  const struct timespec now = {0};
  sigset_t set;

  if (h->blocked == 0) return;
  sigemptyset(&set);
  for (int signal = 1; signal < 32; signal++)
    if (h->blocked & UINT32_C(1) << signal) sigaddset(&set, signal);
  while (sigtimedwait(&set, NULL, &now) > 0) continue;
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  h->blocked = 0;
}

static int fd_gc(lua_State *L)
{
  Fd *h = luaL_checkudata(L, 1, FD_TYPE);

  if (h->fd >= 0) close(h->fd);
  h->fd = -1;
  unblock(h);
  return 0;
}

/* handle:close() -> true | nil, message, errno. May be called twice. */
static int fd_close(lua_State *L)
{
  Fd *h = luaL_checkudata(L, 1, FD_TYPE);
  int fd = h->fd;

  h->fd = -1;
  unblock(h);
  if (fd >= 0 && close(fd) < 0) return fail(L, "close");
  lua_pushboolean(L, 1);
  return 1;
}

static int fd_tostring(lua_State *L)
{
  Fd *h = luaL_checkudata(L, 1, FD_TYPE);

  if (h->fd < 0)
    lua_pushliteral(L, FD_TYPE " (closed)");
  else
    lua_pushfstring(L, FD_TYPE " (%d)", h->fd);
  return 1;
}

static int fd_number(lua_State *L)
{
  lua_pushinteger(L, check_open(L, 1)->fd);
  return 1;
}

/* What most reads ask for passes through the C stack: no garbage of that size for a few bytes. */
static int read_bytes(lua_State *L, int fd, size_t want)
{
  char small[SMALL_READ];
  char *space = want <= sizeof small ? small : lua_newuserdatauv(L, want, 0);
  ssize_t n;

  do n = read(fd, space, want);
  while (n < 0 && errno == EINTR);
  if (n < 0) return fail(L, "read");
  lua_pushlstring(L, space, (size_t)n);
  return 1;
}

/* handle:read([count]) -> bytes ("" at end of file) | nil, message, errno */
static int fd_read(lua_State *L)
{
  Fd *h = check_open(L, 1);
  lua_Integer want = luaL_optinteger(L, 2, 65536);

  luaL_argcheck(L, want > 0 && want <= READ_MAX, 2, "not a count from 1 to 1048576");
  return read_bytes(L, h->fd, (size_t)want);
}

/* As write(2), without the signal when nobody reads: that a pipe is broken is an answer, and no end
   of the program that asked. */
static ssize_t write_quietly(int fd, const char *bytes, size_t len)
{
  const struct timespec now = {0};
  sigset_t pipe, before;
  ssize_t n;
  int err;

  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigprocmask(SIG_BLOCK, &pipe, &before);
  do n = write(fd, bytes, len);
  while (n < 0 && errno == EINTR);
  err = errno;
  if (n < 0 && err == EPIPE && !sigismember(&before, SIGPIPE)) sigtimedwait(&pipe, NULL, &now);
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = err;
  return n;
}

/* handle:write(bytes [, from]) -> count written (may be less) | nil, message, errno */
static int fd_write(lua_State *L)
{
  Fd *h = check_open(L, 1);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  lua_Integer from = luaL_optinteger(L, 3, 1);
  ssize_t n;

  luaL_argcheck(L, from >= 1 && (size_t)from <= len + 1, 3, "outside of the text");
  n = write_quietly(h->fd, bytes + from - 1, len - (size_t)(from - 1));
  if (n < 0) return fail(L, "write");
  lua_pushinteger(L, n);
  return 1;
}

/* handle:seek(whence, offset) -> position | nil, message, errno; whence: "set", "cur", "end" */
static int fd_seek(lua_State *L)
{
  static const char *const names[] = {"set", "cur", "end", NULL};
  static const int whence[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  Fd *h = check_open(L, 1);
  int how = whence[luaL_checkoption(L, 2, "set", names)];
  off_t at = lseek(h->fd, (off_t)luaL_optinteger(L, 3, 0), how);

  if (at < 0) return fail(L, "seek");
  lua_pushinteger(L, at);
  return 1;
}

/* handle:nonblock(on) -> true | nil, message, errno */
static int fd_nonblock(lua_State *L)
{
  Fd *h = check_open(L, 1);
  int flags = fcntl(h->fd, F_GETFL);

  if (flags < 0) return fail(L, "fcntl");
  flags = lua_toboolean(L, 2) ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (fcntl(h->fd, F_SETFL, flags) < 0) return fail(L, "fcntl");
  lua_pushboolean(L, 1);
  return 1;
}

/* read(fd, count) -> bytes ("" at end of file) | nil, message, errno: for a number, such as the
   caller's own 0 */
static int core_read(lua_State *L)
{
  int fd = fd_check(L, 1);
  lua_Integer want = luaL_checkinteger(L, 2);

  luaL_argcheck(L, want > 0 && want <= READ_MAX, 2, "not a count from 1 to 1048576");
  return read_bytes(L, fd, (size_t)want);
}

/* dup(fd) -> handle of the same open file | nil, message, errno */
static int core_dup(lua_State *L)
{
  int fd = fd_check(L, 1);
  Fd *h = fd_new(L);

  h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (h->fd < 0) return fail(L, "dup");
  return 1;
}

static const char *type_of(mode_t mode)
{
  switch (mode & S_IFMT) {
  case S_IFREG: return "file";
  case S_IFDIR: return "directory";
  case S_IFIFO: return "fifo";
  case S_IFSOCK: return "socket";
  case S_IFCHR: return "char";
  case S_IFBLK: return "block";
  default: return "other";
  }
}

/* inherited(fd) -> whether it outlives an exec | nil, message, errno: it is not open */
static int core_inherited(lua_State *L)
{
  int flags = fcntl(fd_check(L, 1), F_GETFD);

  if (flags < 0) return fail(L, "fcntl");
  lua_pushboolean(L, !(flags & FD_CLOEXEC));
  return 1;
}

/* fd_type(fd) -> type of its file | nil, message, errno: it is not open */
static int core_fd_type(lua_State *L)
{
  struct stat st;

  if (fstat(fd_check(L, 1), &st) < 0) return fail(L, "fstat");
  lua_pushstring(L, type_of(st.st_mode));
  return 1;
}

static int fd_isatty(lua_State *L)
{
  lua_pushboolean(L, isatty(fd_check(L, 1)));
  return 1;
}

static const luaL_Reg fd_methods[] = {
  {"close", fd_close},
  {"number", fd_number},
  {"read", fd_read},
  {"write", fd_write},
  {"seek", fd_seek},
  {"nonblock", fd_nonblock},
  {NULL, NULL},
};

static const luaL_Reg fd_meta[] = {
  {"__gc", fd_gc},
  {"__close", fd_gc},
  {"__tostring", fd_tostring},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"isatty", fd_isatty},
  {"fd_type", core_fd_type},
  {"inherited", core_inherited},
  {"read", core_read},
  {"dup", core_dup},
  {NULL, NULL},
};

void open_fd(lua_State *L)
{
  luaL_newmetatable(L, FD_TYPE);
  luaL_setfuncs(L, fd_meta, 0);
  luaL_newlib(L, fd_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
