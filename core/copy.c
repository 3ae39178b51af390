/* One file of a tree, copied at the speed of the hash. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "hash.h"
#include "path.h"
#include "tree.h"

enum { COPY_BLOCK = 1 << 17 };

static int write_all(int fd, const unsigned char *bytes, size_t len)
{
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    bytes += n;
    len -= (size_t)n;
  }
  return 0;
}

static int is_zero(const unsigned char *bytes, size_t len)
{
  return len == COPY_BLOCK && bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

typedef struct Copy {
  int from, to;
  mode_t mode;
  struct timespec time;
  unsigned char *space; /* COPY_BLOCK bytes */
  Hasher *hasher;
  char hex[HASH_HEX];
  int64_t size;
} Copy;

/* Read once: every block is hashed and written; blocks of zeroes become holes. */
static int copy_blocks(Copy *c)
{
  int hole = 0;
  ssize_t n;

  if (hash_start(c->hasher) < 0) return -1;
  c->size = 0;
  while ((n = read(c->from, c->space, COPY_BLOCK)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || hash_add(c->hasher, c->space, (size_t)n) < 0) return -1;
    hole = is_zero(c->space, (size_t)n);
    if (hole) {
      if (lseek(c->to, n, SEEK_CUR) < 0) return -1;
    } else if (write_all(c->to, c->space, (size_t)n) < 0) {
      return -1;
    }
    c->size += n;
  }
  if (hole && ftruncate(c->to, (off_t)c->size) < 0) return -1;
  return hash_finish(c->hasher, c->hex);
}

static int copy_open(Copy *c)
{
  struct timespec times[2] = {c->time, c->time};
  struct stat st;

  if (fstat(c->from, &st) < 0) return -1;
  if (!S_ISREG(st.st_mode)) return errno = EINVAL, -1;
  if (ioctl(c->to, FICLONE, c->from) == 0) {
    if (hash_fd(c->hasher, c->from, c->hex, &c->size) < 0) return -1;
  } else if (copy_blocks(c) < 0) {
    return -1;
  }
  if (fchmod(c->to, c->mode) < 0) return -1;
  return futimens(c->to, times);
}

/* tree.copy(root, path, to, {mode=, mtime_ns=}) -> digest, size | nil, message, errno
   A regular file below root, as a new file at the plain path `to`: shared blocks where the file
   system can, else a copy. The digest is that of the bytes that went over. */
int tree_copy(lua_State *L)
{
  static const char *const fields[] = {"mode", "mtime_ns", NULL};
  int root = fd_check(L, 1);
  const char *path = path_check(L, 2);
  const char *to = path_check(L, 3);
  Copy c = {.hasher = hash_get(L)};
  int result, err;

  tree_fields(L, 4, fields);
  c.time = tree_time(L, 4, "mtime_ns");
  lua_getfield(L, 4, "mode");
  c.mode = (mode_t)luaL_checkinteger(L, -1) & 07777;
  c.space = lua_newuserdatauv(L, COPY_BLOCK, 0);
  c.from = path_open_below(root, path, O_RDONLY | O_NONBLOCK);
  if (c.from < 0) return fail(L, path);
  c.to = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  result = c.to < 0 ? -1 : copy_open(&c);
  err = errno;
  close(c.from);
  if (c.to >= 0 && close(c.to) < 0 && result == 0) result = -1, err = errno;
  if (result < 0) {
    if (c.to >= 0) unlink(to);
    return fail_as(L, err, path);
  }
  lua_pushlstring(L, c.hex, 64);
  lua_pushinteger(L, c.size);
  return 2;
}
