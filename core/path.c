/* Paths below a directory: what counts as one, and how to open them without being led astray. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

enum { TRIES = 32 };

const char *path_check(lua_State *L, int arg)
{
  size_t len;
  const char *path = luaL_checklstring(L, arg, &len);

  luaL_argcheck(L, len > 0, arg, "an empty path");
  luaL_argcheck(L, strlen(path) == len, arg, "a path with a zero byte");
  return path;
}

/* openat2 may answer EAGAIN when something is renamed meanwhile: a bounded retry is right. */
int path_open_below(int dirfd, const char *name, int flags)
{
  struct open_how how = {
    .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY),
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  long fd = -1;

  for (int i = 0; i < TRIES; i++) {
    fd = syscall(SYS_openat2, dirfd, name, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return (int)fd;
}
