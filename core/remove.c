/* remove_tree: delete whatever is there, of any depth and any mode, and nothing else. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

/* One fd a level; what lies deeper is first moved up to the root of the removal. */
enum { DEPTH_MAX = 48 };

typedef struct Removal {
  int root;           /* fd of the directory being removed */
  unsigned long moved; /* names the directories that were moved up */
  int err;            /* the first refusal ... */
  char where[512];    /* ... and the entry that it was about */
} Removal;

static void refused(Removal *r, const char *name)
{
  if (r->err != 0) return;
  r->err = errno;
  snprintf(r->where, sizeof r->where, "%s", name);
}

/* The owner may always list and empty a directory: overlay's work/work has mode 000. */
static int open_directory(int dirfd, const char *name)
{
  int fd = path_open_below(dirfd, name, O_RDONLY | O_DIRECTORY);

  if (fd >= 0 || errno != EACCES) return fd;
  if (fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return path_open_below(dirfd, name, O_RDONLY | O_DIRECTORY);
}

static void make_writable(int fd)
{
  struct stat st;

  if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700) (void)fchmod(fd, 0700);
}

static int move_up(Removal *r, int dirfd, const char *name)
{
  char to[64];
  int result;

  (void)fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW);
  do {
    snprintf(to, sizeof to, ".moonsand-removal-%lu", r->moved++);
    result = renameat2(dirfd, name, r->root, to, RENAME_NOREPLACE);
  } while (result < 0 && errno == EEXIST);
  return result;
}

static int empty(Removal *r, int fd, int depth);

static int remove_entry(Removal *r, int dirfd, const char *name, int depth)
{
  int fd, removed;

  if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT) return 1; /* others may remove, too */
  if (errno != EISDIR && errno != EPERM) return refused(r, name), 0;
  if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0) return 1;
  if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return refused(r, name), 0;
  if (depth >= DEPTH_MAX) return move_up(r, dirfd, name) == 0 ? 1 : (refused(r, name), 0);
  fd = open_directory(dirfd, name);
  if (fd < 0) return errno == ENOENT ? 1 : (refused(r, name), 0);
  (void)empty(r, fd, depth + 1);
  removed = unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
  if (!removed) refused(r, name);
  return removed;
}

/* Empties the directory and closes fd. Removing while reading may skip entries: read until a pass
   removes nothing. */
static int empty(Removal *r, int fd, int depth)
{
  DIR *dir = fdopendir(fd);
  int removed = 0, last;

  if (dir == NULL) return close(fd), refused(r, "opendir"), 0;
  make_writable(fd);
  do {
    struct dirent *entry;

    last = 0;
    rewinddir(dir);
    while ((entry = readdir(dir)) != NULL)
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
        last += remove_entry(r, fd, entry->d_name, depth);
    removed += last;
  } while (last > 0);
  closedir(dir);
  return removed;
}

static int failed(lua_State *L, const char *path, const Removal *r)
{
  return fail_as(L, r->err, lua_pushfstring(L, "%s: remove '%s'", path, r->where));
}

/* remove_tree(path) -> true | nil, message, errno. What is not there is no failure; a symbolic link
   is removed, never followed; a mount point inside is EXDEV or EBUSY and stays. */
int remove_tree(lua_State *L)
{
  const char *path = path_check(L, 1);
  Removal r = {-1, 0, 0, ""};

  lua_settop(L, 1);
  lua_pushboolean(L, 1);
  if (unlink(path) == 0 || errno == ENOENT) return 1;
  if (errno != EISDIR && errno != EPERM) return fail(L, path);
  r.root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (r.root < 0 && errno == EACCES && chmod(path, 0700) == 0)
    r.root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (r.root < 0) return fail(L, path);
  (void)empty(&r, r.root, 0);
  if (rmdir(path) == 0 || errno == ENOENT) return 1;
  if (r.err == 0) return fail(L, path);
  return failed(L, path, &r);
}
