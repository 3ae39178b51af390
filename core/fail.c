/* One way to fail: nil, "what: why", errno. */
#include <errno.h>
#include <string.h>

#include "core.h"

int fail_as(lua_State *L, int err, const char *what)
{
  luaL_pushfail(L);
  lua_pushfstring(L, "%s: %s", what, strerror(err));
  lua_pushinteger(L, err);
  return 3;
}

int fail(lua_State *L, const char *what)
{
  int err = errno;

  return fail_as(L, err, what);
}
