/* A /dev of the sandbox's own: a few nodes of the caller's, and terminals if they are wanted. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "step.h"

/* terminals: new ones can be had from /dev/ptmx; they are of this instance alone. */
void check_dev(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->text = check_size(c);
  s->flag = check_flag(c, "terminals", false);
}

/* A node of the caller's /dev, as a bind: mknod is not allowed in a user namespace
   (user_namespaces(7)). */
static int bind_node(Run *r, int dev, const char *path)
{
  const char *name = path + sizeof "/dev/" - 1;
  int tree, result = 0;

  if (mknodat(dev, name, S_IFREG | 0666, 0) < 0) return stop(r, "create", path);
  tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return stop(r, "open_tree", path);
  if (move_mount(tree, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    result = stop(r, "move_mount", path);
  let_go(r, tree);
  return result;
}

static int fill_dev(Run *r, int dev)
{
  static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                      "/dev/random", "/dev/urandom", "/dev/tty"};
  static const char *const links[][2] = {{"/proc/self/fd", "fd"},
                                         {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"},
                                         {"/proc/self/fd/2", "stderr"}};

  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    if (bind_node(r, dev, nodes[i]) < 0) return -1;
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlinkat(links[i][0], dev, links[i][1]) < 0) return stop(r, "symlink", links[i][1]);
  if (mkdirat(dev, "shm", 01777) < 0) return stop(r, "mkdir", "/dev/shm");
  return 0;
}

/* Each mount of devpts is an instance of its own (Linux 4.7); its ptmx is the mounter's. */
static int add_terminals(Run *r, int dev)
{
  int mount, result = 0, fs = fsopen("devpts", FSOPEN_CLOEXEC);

  if (fs < 0) return stop(r, "fsopen", "/dev/pts");
  if (fsconfig(fs, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) < 0 ||
      fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0620", 0) < 0) {
    stop_with_log(r, fs, "configure", "/dev/pts");
    close(fs);
    return -1;
  }
  mount = finish_context(r, fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, "/dev/pts");
  if (mount < 0) return -1;
  if (mkdirat(dev, "pts", 0755) < 0 ||
      move_mount(mount, "", dev, "pts", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
      symlinkat("pts/ptmx", dev, "ptmx") < 0)
    result = stop(r, "move_mount", "/dev/pts");
  let_go(r, mount);
  return result;
}

/* Attached first and filled afterwards: mounting inside of a detached tree is refused by some
   kernels. */
int run_dev(Run *r, const Step *s)
{
  uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  int result, dev = make_tmpfs(r, s->text, "0755", attributes, s->target);

  if (dev < 0) return -1;
  result = attach_open(r, dev, s->target, PLACE_DIRECTORY | PLACE_EXACT);
  if (result == 0) result = fill_dev(r, dev);
  if (result == 0 && s->flag) result = add_terminals(r, dev);
  if (dev != r->root) let_go(r, dev);
  return result;
}
