/*
** fs-verity (Documentation/filesystems/fsverity.rst): from then on nobody can write to a file, root
** neither, and what is read of it was hashed first: a byte that changed on the disk is EIO. Names
** and modes are not held by it.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

enum { BLOCK = 4096, DIGEST_SIZE = 64 };

static int open_file(const char *path)
{
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat st;

  if (fd < 0) return -1;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) return fd;
  close(fd);
  errno = EINVAL;
  return -1;
}

static int enable(int fd)
{
  const struct fsverity_enable_arg how = {
    .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = BLOCK};

  return ioctl(fd, FS_IOC_ENABLE_VERITY, &how) == 0 || errno == EEXIST ? 0 : -1;
}

/* Who asks must be allowed to write to the file; its owner may lend himself that for a moment. */
static int enable_lending(int fd)
{
  struct stat st;
  int result, err;

  if (enable(fd) == 0) return 0;
  if (errno != EACCES || fstat(fd, &st) < 0 || (st.st_mode & 0200) != 0) return -1;
  if (fchmod(fd, (st.st_mode & 07777) | 0200) < 0) return -1;
  result = enable(fd);
  err = errno;
  if (fchmod(fd, st.st_mode & 07777) < 0 && result == 0) return -1;
  errno = err;
  return result;
}

/* enable_verity(path) -> true | nil, message, errno; also of a file that has it already */
static int core_enable_verity(lua_State *L)
{
  const char *path = path_check(L, 1);
  int fd = open_file(path), result, err;

  if (fd < 0) return fail(L, path);
  result = enable_lending(fd);
  err = errno;
  close(fd);
  if (result < 0) return fail_as(L, err, path);
  lua_pushboolean(L, 1);
  return 1;
}

/* measure_verity(path) -> digest, false: it has none | nil, message, errno. The kernel has it from
   the file's own tree of hashes: nothing else is read. */
static int core_measure_verity(lua_State *L)
{
  static const char hex[] = "0123456789abcdef";
  const char *path = path_check(L, 1);
  union {
    struct fsverity_digest digest;
    char space[sizeof(struct fsverity_digest) + DIGEST_SIZE];
  } found = {.digest.digest_size = DIGEST_SIZE};
  char text[2 * DIGEST_SIZE];
  int fd = open_file(path), result, err;

  if (fd < 0) return fail(L, path);
  result = ioctl(fd, FS_IOC_MEASURE_VERITY, &found);
  err = errno;
  close(fd);
  if (result < 0 && err != ENODATA) return fail_as(L, err, path);
  if (result < 0) {
    lua_pushboolean(L, 0);
    return 1;
  }
  for (unsigned i = 0; i < found.digest.digest_size; i++) {
    text[2 * i] = hex[found.digest.digest[i] >> 4];
    text[2 * i + 1] = hex[found.digest.digest[i] & 15];
  }
  lua_pushlstring(L, text, 2 * (size_t)found.digest.digest_size);
  return 1;
}

static const luaL_Reg functions[] = {
  {"enable_verity", core_enable_verity},
  {"measure_verity", core_measure_verity},
  {NULL, NULL},
};

void open_verity(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
