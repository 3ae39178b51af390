/* The file system's plain verbs: one call, one answer, nothing followed that was not asked for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

#define NS_PER_S 1000000000LL

static int done(lua_State *L)
{
  lua_pushboolean(L, 1);
  return 1;
}

/* The answer of a call on one path. */
static int answer(lua_State *L, int result, const char *path)
{
  return result < 0 ? fail(L, path) : done(L);
}

static int answer_two(lua_State *L, int result, const char *from, const char *to)
{
  int err = errno;

  if (result == 0) return done(L);
  return fail_as(L, err, lua_pushfstring(L, "%s -> %s", from, to));
}

const char *path_type(unsigned mode)
{
  switch (mode & S_IFMT) {
  case S_IFREG: return "file";
  case S_IFDIR: return "directory";
  case S_IFLNK: return "symlink";
  case S_IFCHR: return "char";
  case S_IFBLK: return "block";
  case S_IFIFO: return "fifo";
  default: return "socket";
  }
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* stat(path [, "follow"]) -> table | nil, message, errno */
static int core_stat(lua_State *L)
{
  static const char *const names[] = {"nofollow", "follow", NULL};
  const char *path = path_check(L, 1);
  int flags = luaL_checkoption(L, 2, "nofollow", names) == 0 ? AT_SYMLINK_NOFOLLOW : 0;
  struct stat st;

  if (fstatat(AT_FDCWD, path, &st, flags) < 0) return fail(L, path);
  lua_createtable(L, 0, 10);
  lua_pushstring(L, path_type(st.st_mode));
  lua_setfield(L, -2, "type");
  set_integer(L, "mode", st.st_mode & 07777);
  set_integer(L, "size", st.st_size);
  set_integer(L, "uid", st.st_uid);
  set_integer(L, "gid", st.st_gid);
  set_integer(L, "mtime_ns", st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec);
  set_integer(L, "ino", (lua_Integer)st.st_ino);
  set_integer(L, "dev", (lua_Integer)st.st_dev);
  set_integer(L, "rdev", (lua_Integer)st.st_rdev);
  set_integer(L, "nlink", (lua_Integer)st.st_nlink);
  return 1;
}

/* readdir(path) -> names in byte order, without . and .. | nil, message, errno */
static int core_readdir(lua_State *L)
{
  const char *path = path_check(L, 1);
  Fd *h = fd_new(L);

  h->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (h->fd < 0 || listing_push(L, h->fd) < 0) return fail(L, path);
  close(h->fd);
  h->fd = -1;
  return 1;
}

/* mkdir(path [, mode]) -> true | nil, message, errno */
static int core_mkdir(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, mkdir(path, (mode_t)luaL_optinteger(L, 2, 0755)), path);
}

static int make_one(const char *path)
{
  struct stat st;

  if (mkdir(path, 0755) == 0) return 0;
  if (errno != EEXIST) return -1;
  if (stat(path, &st) < 0) return -1;
  if (S_ISDIR(st.st_mode)) return 0;
  errno = ENOTDIR;
  return -1;
}

/* mkdirs(path) -> true | nil, message, errno: with all parents; what is there already is fine */
static int core_mkdirs(lua_State *L)
{
  const char *path = path_check(L, 1);
  char part[PATH_MAX];
  size_t len = strlen(path);

  if (len >= sizeof part) return fail_as(L, ENAMETOOLONG, path);
  memcpy(part, path, len + 1);
  if (make_one(path) == 0) return done(L);
  for (size_t i = 1; i <= len; i++) {
    if (part[i] != '/' && part[i] != '\0') continue;
    part[i] = '\0';
    if (make_one(part) < 0) return fail(L, part);
    part[i] = path[i];
  }
  return done(L);
}

static int core_rmdir(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, rmdir(path), path);
}

static int core_unlink(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, unlink(path), path);
}

/* rename(from, to [, "noreplace"]) -> true | nil, message, errno */
static int core_rename(lua_State *L)
{
  static const char *const names[] = {"replace", "noreplace", NULL};
  const char *from = path_check(L, 1);
  const char *to = path_check(L, 2);
  unsigned flags = luaL_checkoption(L, 3, "replace", names) == 1 ? RENAME_NOREPLACE : 0;

  return answer_two(L, renameat2(AT_FDCWD, from, AT_FDCWD, to, flags), from, to);
}

/* symlink(target, path) -> true | nil, message, errno */
/* chown(path, uid|nil, gid|nil): of a link itself; nil: as it is */
static int core_chown(lua_State *L)
{
  const char *path = path_check(L, 1);
  uid_t uid = (uid_t)luaL_optinteger(L, 2, -1);
  gid_t gid = (gid_t)luaL_optinteger(L, 3, -1);

  return answer(L, lchown(path, uid, gid), path);
}

/* whiteout(path): what overlay takes for "nothing here": the one device that anybody may make */
static int core_whiteout(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, mknod(path, S_IFCHR, 0), path);
}

static int core_symlink(lua_State *L)
{
  const char *target = path_check(L, 1);
  const char *path = path_check(L, 2);

  return answer(L, symlink(target, path), path);
}

static int core_readlink(lua_State *L)
{
  const char *path = path_check(L, 1);
  char target[PATH_MAX];
  ssize_t n = readlink(path, target, sizeof target);

  if (n < 0) return fail(L, path);
  lua_pushlstring(L, target, (size_t)n);
  return 1;
}

/* link(from, to) -> true | nil, message, errno: a second name; symbolic links are not followed */
static int core_link(lua_State *L)
{
  const char *from = path_check(L, 1);
  const char *to = path_check(L, 2);

  return answer_two(L, link(from, to), from, to);
}

static int core_chmod(lua_State *L)
{
  const char *path = path_check(L, 1);
  lua_Integer mode = luaL_checkinteger(L, 2);

  luaL_argcheck(L, mode >= 0 && mode <= 07777, 2, "not a mode from 0 to 07777");
  return answer(L, chmod(path, (mode_t)mode), path);
}

static int core_realpath(lua_State *L)
{
  const char *path = path_check(L, 1);
  char real[PATH_MAX];

  if (realpath(path, real) == NULL) return fail(L, path);
  lua_pushstring(L, real);
  return 1;
}

/* The calls that need an open file: open it, do one thing, close it. */
static int with_open(const char *path, int (*act)(int fd))
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  int result, err;

  if (fd < 0) return -1;
  result = act(fd);
  err = errno;
  close(fd);
  errno = err;
  return result;
}

/* syncfs(path) -> true | nil, message, errno: everything of that file system is on the disk */
static int core_syncfs(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, with_open(path, syncfs), path);
}

/* fsync(path) -> true | nil, message, errno: one file, or the names in one directory */
static int core_fsync(lua_State *L)
{
  const char *path = path_check(L, 1);

  return answer(L, with_open(path, fsync), path);
}

/* touch(path [, mtime_ns]) -> true | nil, message, errno: both times, of a link itself; or now */
static int core_touch(lua_State *L)
{
  const char *path = path_check(L, 1);
  struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

  if (!lua_isnoneornil(L, 2)) {
    lua_Integer ns = luaL_checkinteger(L, 2);

    luaL_argcheck(L, ns >= 0, 2, "a time before 1970");
    times[0].tv_sec = times[1].tv_sec = ns / NS_PER_S;
    times[0].tv_nsec = times[1].tv_nsec = ns % NS_PER_S;
  }
  return answer(L, utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), path);
}

/* mkdtemp(prefix) -> path: a new private directory whose name begins with the prefix */
static int core_mkdtemp(lua_State *L)
{
  const char *prefix = path_check(L, 1);
  char path[PATH_MAX];

  if (snprintf(path, sizeof path, "%sXXXXXX", prefix) >= (int)sizeof path)
    return fail_as(L, ENAMETOOLONG, prefix);
  if (mkdtemp(path) == NULL) return fail(L, prefix);
  lua_pushstring(L, path);
  return 1;
}

/* Only the kinds that somebody treats differently have names. */
static const struct {
  unsigned long magic;
  const char *name;
} fs_names[] = {
  {0xEF53, "ext4"},       {0x58465342, "xfs"},    {0x9123683E, "btrfs"}, {0x01021994, "tmpfs"},
  {0x794C7630, "overlay"}, {0x6969, "nfs"},        {0x65735546, "fuse"},  {0xFF534D42, "cifs"},
  {0xFE534D42, "smb"},    {0x01021997, "9p"},     {0x2FC12FC1, "zfs"},
  {0xF2F52010, "f2fs"},   {0x9FA0, "proc"},       {0x73717368, "squashfs"}, {0xE0F5E1E2, "erofs"},
};

static const char *fs_name(unsigned long magic)
{
  for (size_t i = 0; i < sizeof fs_names / sizeof *fs_names; i++)
    if (fs_names[i].magic == (magic & 0xFFFFFFFFUL)) return fs_names[i].name;
  return "other";
}

/* statfs(path) -> {type, size, free, read_only} in bytes, or nil, message, errno */
static int core_statfs(lua_State *L)
{
  const char *path = path_check(L, 1);
  struct statfs st;

  if (statfs(path, &st) < 0) return fail(L, path);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, fs_name((unsigned long)st.f_type));
  lua_setfield(L, -2, "type");
  set_integer(L, "size", (lua_Integer)st.f_blocks * st.f_bsize);
  set_integer(L, "free", (lua_Integer)st.f_bavail * st.f_bsize);
  lua_pushboolean(L, (st.f_flags & 1 /* ST_RDONLY */) != 0);
  lua_setfield(L, -2, "read_only");
  return 1;
}

static const luaL_Reg functions[] = {
  {"stat", core_stat},
  {"readdir", core_readdir},
  {"mkdir", core_mkdir},
  {"mkdirs", core_mkdirs},
  {"rmdir", core_rmdir},
  {"unlink", core_unlink},
  {"rename", core_rename},
  {"symlink", core_symlink},
  {"whiteout", core_whiteout},
  {"chown", core_chown},
  {"readlink", core_readlink},
  {"link", core_link},
  {"chmod", core_chmod},
  {"realpath", core_realpath},
  {"syncfs", core_syncfs},
  {"fsync", core_fsync},
  {"touch", core_touch},
  {"mkdtemp", core_mkdtemp},
  {"remove_tree", remove_tree},
  {"statfs", core_statfs},
  {NULL, NULL},
};

void open_fs(lua_State *L)
{
  listing_open(L);
  luaL_setfuncs(L, functions, 0);
}
