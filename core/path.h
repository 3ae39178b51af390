/* What the files that deal with paths share. */
#ifndef MOONSAND_PATH_H
#define MOONSAND_PATH_H

#include <lua.h>

/* path.c: a path argument; raises when it is no string, is empty or holds a zero byte. */
const char *path_check(lua_State *L, int arg);

/* path.c: open below `dirfd`, never through a symbolic link, never out of it, never onto another
   mount. Returns a close-on-exec fd or -1. */
int path_open_below(int dirfd, const char *name, int flags);

/* listing.c: push the names in an open directory, in byte order, without . and ..; 0, or -1 with
   errno. The fd stays open. listing_open makes the metatable that it needs. */
int listing_push(lua_State *L, int fd);
int listing_sorted(lua_State *L);
void listing_open(lua_State *L);

/* fs.c: "file", "directory", "symlink", ... */
const char *path_type(unsigned mode);

/* remove.c: remove_tree(path) -> true | nil, message, errno */
int remove_tree(lua_State *L);

#endif
