/* Trees: read directories with everything that a layer may depend on, at the speed of the hash.
   Lua walks; it decides what is refused and what the digest means. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "core.h"
#include "entry.h"
#include "path.h"
#include "tree.h"

#define NS_PER_S 1000000000LL

/* One of the directories. */
typedef struct Place {
  Reading reading;
  const char *rel; /* for messages */
  Fd *dir;
  size_t count;    /* of its entries */
} Place;

typedef struct Walk {
  Reading reading; /* what is done in each place */
  int threads;     /* to hash with, at most */
  int root;
  Place *places;
  size_t count;    /* of places */
  size_t total;    /* of the entries of all places */
  Entries entries;
} Walk;

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

static bool check_flag(lua_State *L, int table, const char *name)
{
  bool on;

  lua_getfield(L, table, name);
  on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

/* nil, "directory/name: why", errno */
static int refuse(lua_State *L, const Place *p, int err, const char *name)
{
  if (p->rel[0] == '.' && p->rel[1] == '\0') return fail_as(L, err, name);
  return fail_as(L, err, lua_pushfstring(L, "%s/%s", p->rel, name));
}

static int grant_path(int root, const char *rel)
{
  struct stat st;

  if (fstatat(root, rel, &st, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return fchmodat(root, rel, (st.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW);
}

/* Directories that their owner may not enter are opened up, parents first. */
static int open_directory(const Walk *w, const char *rel)
{
  struct stat st;
  int fd = path_open_below(w->root, rel, O_RDONLY | O_DIRECTORY);

  if (!w->reading.grant && !w->reading.normalise) return fd;
  if (fd < 0 && errno == EACCES && grant_path(w->root, rel) == 0)
    fd = path_open_below(w->root, rel, O_RDONLY | O_DIRECTORY);
  if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & 0700) == 0700) return fd;
  if (fchmod(fd, (st.st_mode & 07777) | 0700) == 0) return fd;
  close(fd);
  return -1;
}

static void check_walk(lua_State *L, int table, Walk *w)
{
  static const char *const fields[] = {"hash", "grant", "normalise", "threads", NULL};

  tree_fields(L, table, fields);
  w->reading.hash = check_flag(L, table, "hash");
  w->reading.grant = check_flag(L, table, "grant");
  w->reading.normalise = check_flag(L, table, "normalise");
  if (w->reading.normalise) w->reading.time = tree_time(L, table, "normalise");
  if (lua_getfield(L, table, "threads") != LUA_TNIL) {
    lua_Integer threads = luaL_checkinteger(L, -1);

    luaL_argcheck(L, threads >= 1 && threads <= INT_MAX, table, "threads: a number from 1 on");
    w->threads = (int)threads;
  }
  lua_pop(L, 1);
}

/* Open the directory at the top; its handle and the array of its names go to the keys -i and i of
   the table `kept`. 0, or what `fail` returns. */
static int open_place(lua_State *L, Walk *w, int kept, size_t i)
{
  Place *p = &w->places[i];

  p->reading = w->reading;
  p->rel = path_check(L, -1);
  p->dir = fd_new(L);
  lua_rawseti(L, kept, -1 - (lua_Integer)i);
  p->dir->fd = p->reading.dirfd = open_directory(w, p->rel);
  if (p->dir->fd < 0 || listing_push(L, p->dir->fd) < 0) return fail(L, p->rel);
  p->count = lua_rawlen(L, -1);
  w->total += p->count;
  lua_rawseti(L, kept, 1 + (lua_Integer)i);
  return 0;
}

/* Look at every name of a place. */
static Content *look(lua_State *L, const Place *p, int names, Content *c)
{
  for (size_t i = 0; i < p->count; i++, c++) {
    lua_rawgeti(L, names, (lua_Integer)i + 1);
    c->from = &p->reading;
    c->name = lua_tostring(L, -1); /* lives as long as the array does */
    lua_pop(L, 1);
    if (fstatat(p->reading.dirfd, c->name, &c->st, AT_SYMLINK_NOFOLLOW) < 0) c->err = errno;
  }
  return c;
}

/* Look at everything, hash what there is to hash; the contents are a userdata on the top. */
static Content *push_contents(lua_State *L, const Walk *w, int kept)
{
  size_t size = (w->total + 1) * sizeof(Content);
  Content *list = lua_newuserdatauv(L, size, 0), *next = list;

  memset(list, 0, size);
  for (size_t i = 0; i < w->count; i++) {
    lua_rawgeti(L, kept, 1 + (lua_Integer)i);
    next = look(L, &w->places[i], lua_gettop(L), next);
    lua_pop(L, 1);
  }
  if (w->reading.hash) content_hash_all(L, list, w->total, w->threads);
  return list;
}

/* The listing of a place, on the top; 0, or what `refuse` returns. The entry that is reported is
   the first that could not be read, in the order of the list. */
static int push_listing(lua_State *L, Walk *w, const Place *p, Content *list)
{
  lua_createtable(L, (int)p->count, 3);
  for (size_t i = 0; i < p->count; i++) {
    int err = entry_push(L, &w->entries, &list[i]);

    if (err != 0) return refuse(L, p, err, list[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  if (entry_own(L, &p->reading) < 0) return fail(L, p->rel);
  close(p->dir->fd);
  p->dir->fd = -1;
  return 0;
}

static int open_places(lua_State *L, Walk *w, int kept)
{
  w->places = lua_newuserdatauv(L, (w->count + 1) * sizeof *w->places, 0);
  for (size_t i = 0; i < w->count; i++) {
    int failed;

    if (lua_geti(L, 2, 1 + (lua_Integer)i) != LUA_TSTRING)
      return luaL_argerror(L, 2, "not an array of paths");
    failed = open_place(L, w, kept, i);
    if (failed != 0) return failed;
    lua_pop(L, 1);
  }
  return 0;
}

/* The array at 2 becomes an array of listings, on the top. */
static int push_listings(lua_State *L, Walk *w)
{
  int kept, failed;
  Content *list;

  lua_newtable(L);
  kept = lua_gettop(L);
  w->entries.file = fd_new(L);
  if (fstat(w->root, &w->entries.top) < 0) return fail(L, ".");
  failed = open_places(L, w, kept);
  if (failed != 0) return failed;
  list = push_contents(L, w, kept);
  lua_createtable(L, (int)w->count, 0);
  for (size_t i = 0; i < w->count; list += w->places[i++].count) {
    failed = push_listing(L, w, &w->places[i], list);
    if (failed != 0) return failed;
    lua_rawseti(L, -2, 1 + (lua_Integer)i);
  }
  return 0;
}

/* tree.lists(root, directories, {hash=, grant=, normalise=, threads=}) -> listings
     | nil, message, errno
   root: handle; directories: array of paths below it, "." for itself, never through a link; all are
   open at once. A listing: array of {name, type, mode, mtime_ns, size, digest, target, rdev, nlink,
   ino, uid, gid, xattrs} in byte order, and mode, mtime_ns, xattrs of the directory. uid and gid:
   when they are not those of the root; ino: with nlink, when a file has more than one name. hash:
   fill digest. grant: give the owner u+r on files and u+rwx on directories. normalise: nanoseconds;
   files become 0644 or 0755 (owner's x), the directory 0755, their times this one, without xattrs;
   what is reported is the state before. Files with more than one name are left alone (nlink says
   so). threads: at most so many hash; as many as there are processors unless given. */
static int tree_lists(lua_State *L)
{
  Walk w = {.root = fd_check(L, 1), .entries.hasher = hash_get(L)};
  int failed;

  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  w.count = lua_rawlen(L, 2);
  if (!lua_isnil(L, 3)) check_walk(L, 3, &w);
  if (w.threads == 0) w.threads = content_processors();
  failed = push_listings(L, &w);
  return failed != 0 ? failed : 1;
}

/* tree.list(root, directory, options) -> listing | nil, message, errno; of one directory */
static int tree_list(lua_State *L)
{
  int results;

  path_check(L, 2);
  lua_settop(L, 3);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  lua_replace(L, 2);
  results = tree_lists(L);
  if (results == 1) lua_rawgeti(L, -1, 1);
  return results;
}

static const luaL_Reg functions[] = {
  {"list", tree_list},
  {"lists", tree_lists},
  {"copy", tree_copy},
  {"sorted", listing_sorted}, /* sorted(names) -> a new array in byte order, whatever the locale */
  {NULL, NULL},
};

void open_trees(lua_State *L)
{
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "tree");
}
