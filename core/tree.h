/* What the files of trees share. */
#ifndef MOONSAND_TREE_H
#define MOONSAND_TREE_H

#include <lua.h>
#include <time.h>

/* tree.c: fields of the table of options; both raise. */
void tree_fields(lua_State *L, int table, const char *const *names);
struct timespec tree_time(lua_State *L, int table, const char *name);

/* copy.c: tree.copy */
int tree_copy(lua_State *L);

/* xattr.c: of an open file; 0, or -1 with errno. The first adds the field `xattrs` to the table on
   the top, unless there are none. */
int xattrs_push(lua_State *L, int fd);
int xattrs_drop(int fd);

#endif
