/* The names in a directory, sorted by their bytes, whatever the locale says. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

#define LISTING_TYPE "moonsand.listing"

/* Owned by Lua, so that an error while names are pushed closes it. */
typedef struct Listing {
  DIR *dir;
} Listing;

static int listing_close(lua_State *L)
{
  Listing *list = luaL_checkudata(L, 1, LISTING_TYPE);

  if (list->dir != NULL) closedir(list->dir);
  list->dir = NULL;
  return 0;
}

static DIR *listing_new(lua_State *L, int fd)
{
  Listing *list = lua_newuserdatauv(L, sizeof *list, 0);
  int own;

  list->dir = NULL;
  luaL_setmetatable(L, LISTING_TYPE);
  own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return NULL;
  list->dir = fdopendir(own);
  if (list->dir == NULL) close(own);
  return list->dir;
}

static int is_dot(const char *name)
{
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Replace the table on the top by its strings in order. They live while the table does. */
static void sort_names(lua_State *L, lua_Integer count)
{
  int names = lua_gettop(L);
  const char **view = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *view, 0);

  for (lua_Integer i = 0; i < count; i++) {
    lua_rawgeti(L, names, i + 1);
    view[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  qsort(view, (size_t)count, sizeof *view, by_bytes);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) {
    lua_pushstring(L, view[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_replace(L, names);
  lua_settop(L, names);
}

int listing_push(lua_State *L, int fd)
{
  int list;
  DIR *dir = listing_new(L, fd);
  struct dirent *entry;
  lua_Integer count = 0;

  if (dir == NULL) return -1;
  list = lua_gettop(L);
  lua_newtable(L);
  while (errno = 0, (entry = readdir(dir)) != NULL) {
    if (is_dot(entry->d_name)) continue;
    lua_pushstring(L, entry->d_name);
    lua_rawseti(L, -2, ++count);
  }
  if (errno != 0) return -1;
  sort_names(L, count);
  ((Listing *)lua_touserdata(L, list))->dir = NULL;
  closedir(dir);
  lua_remove(L, list);
  return 0;
}

int listing_sorted(lua_State *L)
{
  lua_Integer count = luaL_len(L, 1);

  lua_settop(L, 1);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 1; i <= count; i++) {
    luaL_argcheck(L, lua_rawgeti(L, 1, i) == LUA_TSTRING, 1, "not an array of strings");
    lua_rawseti(L, 2, i);
  }
  sort_names(L, count);
  return 1;
}

static const luaL_Reg listing_meta[] = {
  {"__gc", listing_close},
  {NULL, NULL},
};

void listing_open(lua_State *L)
{
  luaL_newmetatable(L, LISTING_TYPE);
  luaL_setfuncs(L, listing_meta, 0);
  lua_pop(L, 1);
}
