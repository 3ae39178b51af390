/* What a program must know of the terminal that it draws on. */
#include <sys/ioctl.h>

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

static const luaL_Reg functions[] = {
  {"window", core_window},
  {NULL, NULL},
};

void open_tty(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
