/* Paths: what counts as one, and how to walk them without being led astray. */
#define _GNU_SOURCE
#include "path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"

const char *path_check(lua_State *L, int arg)
{
  size_t len;
  const char *path = luaL_checklstring(L, arg, &len);

  luaL_argcheck(L, len > 0, arg, "an empty path");
  luaL_argcheck(L, strlen(path) == len, arg, "a path with a zero byte");
  return path;
}

int path_open_below(int dirfd, const char *name, int flags)
{
  struct open_how how = {
    .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY),
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };

  return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}
