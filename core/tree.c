/* Trees: read one directory with everything that a layer may depend on, at the speed of the hash.
   Lua walks; it decides what is refused and what the digest means. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "hash.h"
#include "path.h"
#include "tree.h"

#define NS_PER_S 1000000000LL

typedef struct Walk {
  int hash;             /* read and hash every file */
  int grant;            /* give the owner the right to read what it owns */
  int normalise;        /* set modes and times, drop xattrs */
  struct timespec time; /* ... to this time */
  Hasher *hasher;
  struct stat top;      /* the root: other owners than its are reported */
  const char *rel;      /* the directory, for messages */
  int dirfd;
  Fd *file;             /* the entry that is open just now; Lua closes it after an error */
} Walk;

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static lua_Integer nanoseconds(struct timespec t)
{
  return t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct timespec tree_time(lua_State *L, int table, const char *name)
{
  struct timespec t;
  lua_Integer ns;

  lua_getfield(L, table, name);
  ns = luaL_checkinteger(L, -1);
  luaL_argcheck(L, ns >= 0, table, "a time before 1970");
  lua_pop(L, 1);
  t.tv_sec = ns / NS_PER_S;
  t.tv_nsec = ns % NS_PER_S;
  return t;
}

/* Refuse a field that is none of `names`. */
void tree_fields(lua_State *L, int table, const char *const *names)
{
  luaL_checktype(L, table, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    const char *const *known = names;

    while (*known != NULL && strcmp(*known, name) != 0) known++;
    if (*known == NULL) luaL_error(L, "unknown field '%s'", name);
  }
}

static int check_flag(lua_State *L, int table, const char *name)
{
  int on;

  lua_getfield(L, table, name);
  on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

/* nil, "directory/name: why", errno */
static int refuse(lua_State *L, const Walk *w, const char *name)
{
  int err = errno;

  if (w->rel[0] == '.' && w->rel[1] == '\0') return fail_as(L, err, name);
  return fail_as(L, err, lua_pushfstring(L, "%s/%s", w->rel, name));
}

static int normalise_fd(const Walk *w, int fd, const struct stat *st, mode_t mode)
{
  struct timespec times[2] = {w->time, w->time};

  if (xattrs_drop(fd) < 0) return -1;
  if ((st->st_mode & 07777) != mode && fchmod(fd, mode) < 0) return -1;
  return futimens(fd, times);
}

/* Open a file of ours that its owner may not read, by lending the right for a moment. */
static int open_unreadable(const Walk *w, const char *name, struct stat *st)
{
  mode_t mode = (st->st_mode & 07777) | 0400;

  if (!w->grant && !w->normalise) return errno = EACCES, -1;
  if (fchmodat(w->dirfd, name, mode, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return openat(w->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* The name may have come to mean something else since it was listed: what is open counts. */
static int open_file(Walk *w, const char *name, struct stat *st)
{
  int fd = openat(w->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0 && errno == EACCES) fd = open_unreadable(w, name, st);
  if (fd < 0) return -1;
  w->file->fd = fd;
  if (fstat(fd, st) < 0) return -1;
  if (S_ISREG(st->st_mode)) return 0;
  errno = ESTALE;
  return -1;
}

static int grant_file(const Walk *w, struct stat *st)
{
  if (!w->grant || (st->st_mode & 0400) != 0) return 0;
  st->st_mode |= 0400;
  return fchmod(w->file->fd, st->st_mode & 07777);
}

/* A file with a second name is left as it is: the other name may lie elsewhere. Lua copies it. */
static int normalise_file(const Walk *w, const struct stat *st)
{
  if (!w->normalise || st->st_nlink > 1) return 0;
  return normalise_fd(w, w->file->fd, st, (st->st_mode & 0100) ? 0755 : 0644);
}

static int add_file(lua_State *L, Walk *w, const char *name, struct stat *st)
{
  char hex[HASH_HEX];
  int64_t size;

  if (open_file(w, name, st) < 0 || grant_file(w, st) < 0) return -1;
  size = st->st_size;
  if (w->hash) {
    if (hash_fd(w->hasher, w->file->fd, hex, &size) < 0) return -1;
    lua_pushlstring(L, hex, 64);
    lua_setfield(L, -2, "digest");
  }
  set_integer(L, "size", size);
  if (st->st_nlink > 1) {
    set_integer(L, "nlink", (lua_Integer)st->st_nlink);
    set_integer(L, "ino", (lua_Integer)st->st_ino);
  }
  if (xattrs_push(L, w->file->fd) < 0 || normalise_file(w, st) < 0) return -1;
  close(w->file->fd);
  w->file->fd = -1;
  return 0;
}

static int add_symlink(lua_State *L, Walk *w, const char *name)
{
  struct timespec times[2] = {w->time, w->time};
  char target[PATH_MAX];
  ssize_t n = readlinkat(w->dirfd, name, target, sizeof target);

  if (n < 0) return -1;
  lua_pushlstring(L, target, (size_t)n);
  lua_setfield(L, -2, "target");
  return w->normalise ? utimensat(w->dirfd, name, times, AT_SYMLINK_NOFOLLOW) : 0;
}

static int add_details(lua_State *L, Walk *w, const char *name, struct stat *st)
{
  switch (st->st_mode & S_IFMT) {
  case S_IFREG: return add_file(L, w, name, st);
  case S_IFLNK: return add_symlink(L, w, name);
  case S_IFCHR:
  case S_IFBLK: set_integer(L, "rdev", (lua_Integer)st->st_rdev); return 0;
  default: return 0;
  }
}

static void set_owner(lua_State *L, const Walk *w, const struct stat *st)
{
  if (st->st_uid == w->top.st_uid && st->st_gid == w->top.st_gid) return;
  set_integer(L, "uid", (lua_Integer)st->st_uid);
  set_integer(L, "gid", (lua_Integer)st->st_gid);
}

/* One entry, as a table on the top. */
static int push_entry(lua_State *L, Walk *w, const char *name)
{
  struct stat st;

  if (fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  lua_createtable(L, 0, 6);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, path_type(st.st_mode));
  lua_setfield(L, -2, "type");
  if (add_details(L, w, name, &st) < 0) return -1;
  set_owner(L, w, &st);
  set_integer(L, "mode", st.st_mode & 07777);
  set_integer(L, "mtime_ns", nanoseconds(st.st_mtim));
  return 0;
}

/* What the directory says about itself: mode, time, xattrs. */
static int set_own(lua_State *L, const Walk *w)
{
  struct stat st;

  if (fstat(w->dirfd, &st) < 0) return -1;
  set_integer(L, "mode", st.st_mode & 07777);
  set_integer(L, "mtime_ns", nanoseconds(st.st_mtim));
  if (xattrs_push(L, w->dirfd) < 0) return -1;
  return w->normalise ? normalise_fd(w, w->dirfd, &st, 0755) : 0;
}

static int grant_path(int root, const char *rel)
{
  struct stat st;

  if (fstatat(root, rel, &st, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return fchmodat(root, rel, (st.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW);
}

/* Directories that their owner may not enter are opened up, parents first. */
static int open_directory(const Walk *w, int root)
{
  struct stat st;
  int fd = path_open_below(root, w->rel, O_RDONLY | O_DIRECTORY);

  if (!w->grant && !w->normalise) return fd;
  if (fd < 0 && errno == EACCES && grant_path(root, w->rel) == 0)
    fd = path_open_below(root, w->rel, O_RDONLY | O_DIRECTORY);
  if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & 0700) == 0700) return fd;
  if (fchmod(fd, (st.st_mode & 07777) | 0700) == 0) return fd;
  close(fd);
  return -1;
}

static void check_walk(lua_State *L, int table, Walk *w)
{
  static const char *const fields[] = {"hash", "grant", "normalise", NULL};

  tree_fields(L, table, fields);
  w->hash = check_flag(L, table, "hash");
  w->grant = check_flag(L, table, "grant");
  w->normalise = check_flag(L, table, "normalise");
  if (w->normalise) w->time = tree_time(L, table, "normalise");
}

/* tree.list(root, directory, {hash=, grant=, normalise=}) -> listing | nil, message, errno
   root: handle; directory: a path below it, "." for itself, never through a link.
   listing: array of {name, type, mode, mtime_ns, size, digest, target, rdev, nlink, ino, uid, gid,
   xattrs} in byte order, and mode, mtime_ns, xattrs of the directory. uid and gid: when they are
   not those of the root; ino: with nlink, when a file has more than one name. hash: fill digest.
   grant: give the owner u+r on files and u+rwx on directories. normalise: nanoseconds; files become
   0644 or 0755 (owner's x), the directory 0755, their times this one, without xattrs; what is
   reported is the state before. Files with more than one name are left alone (nlink says so). */
static int tree_list(lua_State *L)
{
  int root = fd_check(L, 1);
  Walk w = {.rel = path_check(L, 2), .hasher = hash_get(L)};
  Fd *dir;

  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) check_walk(L, 3, &w);
  dir = fd_new(L);
  w.file = fd_new(L);
  if (fstat(root, &w.top) < 0) return fail(L, w.rel);
  w.dirfd = dir->fd = open_directory(&w, root);
  if (w.dirfd < 0 || listing_push(L, w.dirfd) < 0) return fail(L, w.rel);
  for (lua_Integer i = 1; lua_rawgeti(L, 6, i) == LUA_TSTRING; i++) {
    const char *name = lua_tostring(L, -1);

    if (push_entry(L, &w, name) < 0) return refuse(L, &w, name);
    lua_rawseti(L, 6, i);
    lua_pop(L, 1);
  }
  lua_settop(L, 6);
  if (set_own(L, &w) < 0) return fail(L, w.rel);
  close(dir->fd);
  dir->fd = -1;
  return 1;
}

static const luaL_Reg functions[] = {
  {"list", tree_list},
  {"copy", tree_copy},
  {"sorted", listing_sorted}, /* sorted(names) -> a new array in byte order, whatever the locale */
  {NULL, NULL},
};

void open_trees(lua_State *L)
{
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "tree");
}
