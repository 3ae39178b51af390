/* Extended attributes (xattr(7)): of a path, and of a file that a walk over a tree has open. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "core.h"
#include "path.h"
#include "tree.h"

/* The value of one xattr of an open file, onto the stack. */
static int push_xattr(lua_State *L, int fd, const char *name)
{
  char value[1 << 16];
  ssize_t n = fgetxattr(fd, name, value, sizeof value);

  if (n < 0) return -1;
  lua_pushlstring(L, value, (size_t)n);
  return 0;
}

/* The field `xattrs` of the table on the top; absent when there are none. */
int xattrs_push(lua_State *L, int fd)
{
  char names[1 << 16];
  ssize_t len = flistxattr(fd, names, sizeof names);

  if (len < 0) return errno == EOPNOTSUPP ? 0 : -1;
  if (len == 0) return 0;
  lua_newtable(L);
  for (char *name = names; name < names + len; name += strlen(name) + 1) {
    if (push_xattr(L, fd, name) < 0) return -1;
    lua_setfield(L, -2, name);
  }
  lua_setfield(L, -2, "xattrs");
  return 0;
}

/* Labels belong to the machine, not to the file: the kernel sets them again. */
static int is_label(const char *name)
{
  return strcmp(name, "security.selinux") == 0 || strncmp(name, "security.SMACK64", 16) == 0 ||
         strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

int xattrs_drop(int fd)
{
  char names[1 << 16];
  ssize_t len = flistxattr(fd, names, sizeof names);

  if (len < 0) return errno == EOPNOTSUPP ? 0 : -1;
  for (char *name = names; name < names + len; name += strlen(name) + 1)
    if (!is_label(name) && fremovexattr(fd, name) < 0) return -1;
  return 0;
}

/* xattr(path, name) -> value | nil, message, errno; of a link itself */
static int core_xattr(lua_State *L)
{
  const char *path = path_check(L, 1);
  const char *name = luaL_checkstring(L, 2);
  char value[1 << 16];
  ssize_t n = lgetxattr(path, name, value, sizeof value);

  if (n < 0) return fail(L, path);
  lua_pushlstring(L, value, (size_t)n);
  return 1;
}

static int core_set_xattr(lua_State *L)
{
  const char *path = path_check(L, 1);
  const char *name = luaL_checkstring(L, 2);
  size_t len;
  const char *value = luaL_checklstring(L, 3, &len);

  if (lsetxattr(path, name, value, len, 0) < 0) return fail(L, path);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
  {"xattr", core_xattr},
  {"set_xattr", core_set_xattr},
  {NULL, NULL},
};

void open_xattrs(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
