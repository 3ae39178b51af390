/*
** mark(number): says something to spec/support/inject.c, which traces us, and returns the answer.
** A signal that the tracer takes away carries it: that needs no system call to be watched for.
** To Lua it is that function and a table of what can be said.
*/
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mark.h"

static int mark(lua_State *L)
{
  volatile long said = (long)luaL_checkinteger(L, 1);
  siginfo_t info = {.si_signo = SIGRTMAX, .si_code = SI_QUEUE};

  info.si_value.sival_ptr = (void *)&said;
  info.si_pid = getpid();
  if (syscall(SYS_rt_sigqueueinfo, info.si_pid, SIGRTMAX, &info) < 0)
    return luaL_error(L, "mark: nothing can be said to the tracer");
  lua_pushinteger(L, said);
  return 1;
}

int luaopen_mark(lua_State *L)
{
  static const struct {
    const char *name;
    int word;
  } words[] = {{"BEGIN", BEGIN}, {"ERROR", ERROR}, {"END", END}, {"WHICH", WHICH}};

  lua_pushcfunction(L, mark);
  lua_newtable(L);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    lua_pushinteger(L, words[i].word);
    lua_setfield(L, -2, words[i].name);
  }
  return 2;
}
