/* Mounts that show files under other owners (mount_setattr(2), MOUNT_ATTR_IDMAP): for the host's
   root, and made in his own process, as the child of a plan is root only inside. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "core.h"

enum { STACK_SIZE = 16384 };

static void wait_for_end(void *unused)
{
  (void)unused;
  for (;;) pause();
}

static int write_map(int pid, const char *file, const char *map)
{
  char path[48];
  ssize_t n;
  int fd, err;

  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  n = write(fd, map, strlen(map));
  err = errno;
  close(fd);
  errno = err;
  return n < 0 ? -1 : 0;
}

static int open_namespace(int pid, const char *uid_map, const char *gid_map)
{
  char path[48];

  if (write_map(pid, "uid_map", uid_map) < 0 || write_map(pid, "gid_map", gid_map) < 0) return -1;
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* A user namespace with these maps: that of a process which lives as long as this takes. */
static int make_namespace(const char *uid_map, const char *gid_map)
{
  char stack[STACK_SIZE] __attribute__((aligned(16)));
  int pidfd = -1, ns, err;
  siginfo_t info;
  struct clone_args args = {
    .flags = CLONE_NEWUSER | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
    .pidfd = (uint64_t)(uintptr_t)&pidfd,
    .stack = (uint64_t)(uintptr_t)stack,
    .stack_size = sizeof stack,
  };
  long pid = clone3_call(&args, wait_for_end, NULL);

  if (pid < 0) {
    errno = (int)-pid;
    return -1;
  }
  ns = open_namespace((int)pid, uid_map, gid_map);
  err = errno;
  pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
  while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR) continue;
  close(pidfd);
  errno = err;
  return ns;
}

/* idmapped(path, uid_map, gid_map) -> handle | nil, message, errno
   A detached mount of what is at path, with everything below; the maps are text as in
   user_namespaces(7): ids on the disk, ids that are seen, counts. */
static int core_idmapped(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  const char *uid_map = luaL_checkstring(L, 2), *gid_map = luaL_checkstring(L, 3);
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
  Fd *tree = fd_new(L);
  int ns = make_namespace(uid_map, gid_map), result;

  if (ns < 0) return fail(L, "make the map of ids");
  attr.userns_fd = (unsigned)ns;
  tree->fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  result = tree->fd < 0 ? -1 : mount_setattr(tree->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                                             sizeof attr);
  if (result < 0) {
    int err = errno;

    close(ns);
    return fail_as(L, err, path);
  }
  close(ns);
  return 1;
}

static const luaL_Reg functions[] = {
  {"idmapped", core_idmapped},
  {NULL, NULL},
};

void open_idmapped(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
