/* Locks between processes: whoever holds the file's lock, until the handle is closed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

/* Is the file at `path` still the one that was locked? Its name may have been removed meanwhile. */
static int is_current(int fd, const char *path)
{
  struct stat here, there;

  return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
         here.st_dev == there.st_dev;
}

static int lock_open(const char *path)
{
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);

  if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EISDIR))
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  return fd;
}

/* lock(path, "exclusive"|"shared" [, "try"]) -> handle | nil, message, errno (EAGAIN: held)
   Held until the handle is closed. The file is made when missing; when its name was removed while
   waiting, the lock is taken anew. */
static int core_lock(lua_State *L)
{
  static const char *const kinds[] = {"exclusive", "shared", NULL};
  static const char *const waits[] = {"wait", "try", NULL};
  static const int modes[] = {LOCK_EX, LOCK_SH};
  const char *path = path_check(L, 1);
  int mode = modes[luaL_checkoption(L, 2, NULL, kinds)];
  Fd *h;

  if (luaL_checkoption(L, 3, "wait", waits) == 1) mode |= LOCK_NB;
  h = fd_new(L);
  for (;;) {
    int result;

    h->fd = lock_open(path);
    if (h->fd < 0) return fail(L, path);
    do result = flock(h->fd, mode);
    while (result < 0 && errno == EINTR);
    if (result < 0) return fail(L, path);
    if (is_current(h->fd, path)) return 1;
    close(h->fd);
    h->fd = -1;
  }
}

void open_lock(lua_State *L)
{
  lua_pushcfunction(L, core_lock);
  lua_setfield(L, -2, "lock");
}
