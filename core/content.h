/* The files of directories: opened, and hashed by one thread or by several. */
#ifndef MOONSAND_CONTENT_H
#define MOONSAND_CONTENT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "hash.h"

/* A directory, and what is done with every file of it; threads only read it. */
typedef struct Reading {
  int dirfd;
  bool hash;            /* read and hash every file */
  bool grant;           /* give the owner the right to read what it owns */
  bool normalise;       /* set modes and times, drop xattrs */
  struct timespec time; /* ... to this time */
} Reading;

/* One entry. Of a file that was hashed ahead (content_hash_all) all but its xattrs is known. */
typedef struct Content {
  const Reading *from;
  const char *name;
  struct stat st;
  int64_t size;
  int err;       /* why it could not be looked at or hashed */
  bool hashed;   /* ahead */
  bool finished; /* ... and it has no xattrs: nothing is left to do */
  char hex[HASH_HEX];
} Content;

/* An open descriptor, close-on-exec; -1 with errno. Fills `st` of what is open, and `size`. A file
   that was hashed ahead has to be the same one. */
int content_open(Content *c);

/* The digest and the size of an open file; 0, or -1 with errno. */
int content_hash(Hasher *hasher, int fd, Content *c);

/* Mode, time and xattrs of an open file, where that is asked for. */
int content_normalise(int fd, const Content *c);
int content_normalise_fd(const Reading *r, int fd, const struct stat *st, mode_t mode);

/* As many processors as this thread may run on. */
int content_processors(void);

/* Hash the files of a list ahead, with so many threads at most; where it is too little for two,
   nothing is done. All threads have ended when it returns. */
void content_hash_all(lua_State *L, Content *list, size_t count, int threads);

#endif
