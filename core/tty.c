/* Terminals: the caller's, and new ones for programs in sandboxes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core.h"

/* window(fd) -> rows, columns | nil, message, errno */
static int core_window(lua_State *L)
{
  int fd = fd_check(L, 1);
  struct winsize size;

  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return fail(L, "window size");
  lua_pushinteger(L, size.ws_row);
  lua_pushinteger(L, size.ws_col);
  return 2;
}

/* resize(fd, rows, columns) -> true | nil, message, errno; what runs on the terminal gets
   SIGWINCH */
static int core_resize(lua_State *L)
{
  int fd = fd_check(L, 1);
  lua_Integer rows = luaL_checkinteger(L, 2), columns = luaL_checkinteger(L, 3);
  struct winsize size = {0};

  luaL_argcheck(L, rows >= 0 && rows <= USHRT_MAX, 2, "not a number of rows");
  luaL_argcheck(L, columns >= 0 && columns <= USHRT_MAX, 3, "not a number of columns");
  size.ws_row = (unsigned short)rows;
  size.ws_col = (unsigned short)columns;
  if (ioctl(fd, TIOCSWINSZ, &size) < 0) return fail(L, "set the window size");
  lua_pushboolean(L, 1);
  return 1;
}

/* pty() -> master, slave | nil, message, errno: a new terminal. Nobody needs its name
   (TIOCGPTPEER). */
static int core_pty(lua_State *L)
{
  Fd *master = fd_new(L);
  Fd *slave = fd_new(L);
  int unlock = 0;

  master->fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master->fd < 0) return fail(L, "/dev/ptmx");
  if (ioctl(master->fd, TIOCSPTLCK, &unlock) < 0) return fail(L, "unlock the terminal");
  slave->fd = ioctl(master->fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave->fd < 0) return fail(L, "open the terminal");
  return 2;
}

#define RAW_TYPE "moonsand.raw"

typedef struct Raw {
  int fd; /* -1: restored */
  struct termios before;
} Raw;

static int raw_gc(lua_State *L)
{
  Raw *raw = luaL_checkudata(L, 1, RAW_TYPE);

  if (raw->fd >= 0) tcsetattr(raw->fd, TCSADRAIN, &raw->before);
  raw->fd = -1;
  return 0;
}

/* raw(fd) -> state | nil, message, errno: every key goes to the reader, until the state is
   closed */
static int core_raw(lua_State *L)
{
  int fd = fd_check(L, 1);
  Raw *raw = lua_newuserdatauv(L, sizeof *raw, 0);
  struct termios mode;

  raw->fd = -1;
  luaL_setmetatable(L, RAW_TYPE);
  if (tcgetattr(fd, &raw->before) < 0) return fail(L, "terminal");
  mode = raw->before;
  cfmakeraw(&mode);
  if (tcsetattr(fd, TCSADRAIN, &mode) < 0) return fail(L, "terminal");
  raw->fd = fd;
  return 1;
}

static const luaL_Reg raw_methods[] = {
  {"close", raw_gc},
  {NULL, NULL},
};

static const luaL_Reg raw_meta[] = {
  {"__gc", raw_gc},
  {"__close", raw_gc},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"window", core_window},
  {"resize", core_resize},
  {"pty", core_pty},
  {"raw", core_raw},
  {NULL, NULL},
};

void open_tty(lua_State *L)
{
  luaL_newmetatable(L, RAW_TYPE);
  luaL_setfuncs(L, raw_meta, 0);
  luaL_newlib(L, raw_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
