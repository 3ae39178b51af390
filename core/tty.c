/* What a program must know of the terminal that it draws on. */
#include <signal.h>
#include <sys/ioctl.h>
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

/* foreground(fd) -> true | nil, message, errno. A shell that ran on our terminal took it for its own jobs; from now on
   it is ours again. */
static int core_foreground(lua_State *L)
{
  int fd = fd_check(L, 1);
  sigset_t ttou, before;
  int result;

  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU); /* asking from the background would stop us */
  if (sigprocmask(SIG_BLOCK, &ttou, &before) < 0) return fail(L, "sigprocmask");
  result = tcsetpgrp(fd, getpgrp());
  if (result < 0) {
    int count = fail(L, "tcsetpgrp");

    sigprocmask(SIG_SETMASK, &before, NULL);
    return count;
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
  {"window", core_window},
  {"foreground", core_foreground},
  {NULL, NULL},
};

void open_tty(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
