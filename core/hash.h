/* SHA-256 for the files that hash: a hasher for each thread, kept in the registry of a Lua state. */
#ifndef MOONSAND_HASH_H
#define MOONSAND_HASH_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX = 65 }; /* 64 digits and the zero */

typedef struct Hasher Hasher;

Hasher *hash_get(lua_State *L);
/* Those of other threads: from 1 on; 0 is the one of hash_get. */
Hasher *hash_nth(lua_State *L, int n);
int hash_start(Hasher *h);
int hash_add(Hasher *h, const void *bytes, size_t count);
int hash_finish(Hasher *h, char hex[HASH_HEX]);

/* The rest of an open file; 0, or -1 with errno. */
int hash_fd(Hasher *h, int fd, char hex[HASH_HEX], int64_t *size);

#endif
