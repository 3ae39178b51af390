/* The entries of directories as tables of Lua. */
#ifndef MOONSAND_ENTRY_H
#define MOONSAND_ENTRY_H

#include <lua.h>
#include <sys/stat.h>

#include "content.h"
#include "core.h"

typedef struct Entries {
  Hasher *hasher;
  struct stat top; /* the root: other owners than its are reported */
  Fd *file;        /* the entry that is open just now; Lua closes it after an error */
} Entries;

/* One entry, as a table on the top; 0, or an errno. */
int entry_push(lua_State *L, Entries *e, Content *c);

/* What a directory says about itself, as fields of the table on the top: mode, time, xattrs; 0, or
   -1 with errno. It is normalised after that, where this is asked for. */
int entry_own(lua_State *L, const Reading *r);

#endif
