/* Mounts by the new mount API: binds, tmpfs, proc, a minimal dev, attributes, pivot. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

/*
** Mount a detached tree on a target. "/" stacks it over the root of the namespace and makes it the
** new root: absolute
** paths of this process go on to mean the caller's world, as a look-up does not cross what is
** mounted on its root.
** The mount's fd is closed, unless it becomes the new root.
*/
int attach(Run *r, int mount, const char *target, bool directory)
{
  bool is_root = target[0] == '/' && target[1] == '\0';
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;
  int place, result = 0;
  const char *name;

  if (is_root) {
    if (move_mount(mount, "", AT_FDCWD, "/", flags) < 0) {
      result = stop(r, "move_mount", target);
      close(mount);
      return result;
    }
    if (r->root >= 0) close(r->root);
    r->root = mount;
    return 0;
  }
  place = target_place(r, target, directory, &name);
  if (place < 0) {
    result = stop(r, "make the mount point", target);
  } else {
    if (name[0] == '\0') flags |= MOVE_MOUNT_T_EMPTY_PATH;
    if (move_mount(mount, "", place, name, flags) < 0) result = stop(r, "move_mount", target);
    target_close(r, place);
  }
  close(mount);
  return result;
}

/* MOUNT_ATTR_* of the fields read_only, setuid, devices, executable. */
static uint64_t check_attributes(Check *c, bool read_only)
{
  uint64_t attributes = 0;

  if (check_flag(c, "read_only", read_only)) attributes |= MOUNT_ATTR_RDONLY;
  if (!check_flag(c, "setuid", false)) attributes |= MOUNT_ATTR_NOSUID;
  if (!check_flag(c, "devices", false)) attributes |= MOUNT_ATTR_NODEV;
  if (!check_flag(c, "executable", true)) attributes |= MOUNT_ATTR_NOEXEC;
  return attributes;
}

void check_bind(Check *c, Step *s)
{
  s->source = check_string(c, "source");
  s->target = check_target(c, "target");
  s->attributes = check_attributes(c, true);
  s->recursive = check_flag(c, "recursive", true);
  s->optional = check_flag(c, "optional", false);
}

/* One recursive mount_setattr: a submount of the source is as read-only as the source
   (mount_setattr(2)). */
int run_bind(Run *r, const Step *s)
{
  struct mount_attr attr = {.attr_set = s->attributes, .propagation = MS_PRIVATE};
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (s->recursive ? AT_RECURSIVE : 0);
  int tree = open_tree(AT_FDCWD, s->source, flags);
  struct stat st;

  if (tree < 0) {
    if (s->optional && (errno == ENOENT || errno == ENOTDIR)) return 0;
    return stop(r, "open_tree", s->source);
  }
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (s->recursive ? AT_RECURSIVE : 0), &attr,
                    sizeof attr) < 0 ||
      fstat(tree, &st) < 0) {
    stop(r, "mount_setattr", s->source);
    close(tree);
    return -1;
  }
  return attach(r, tree, s->target, S_ISDIR(st.st_mode));
}

/* From a configured fs context to a detached mount. The context is closed. */
static int finish_context(Run *r, int fs, uint64_t attributes, const char *target)
{
  int mount;

  if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
    stop_with_log(r, fs, "create the file system", target);
    close(fs);
    return -1;
  }
  mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
  if (mount < 0) stop_with_log(r, fs, "fsmount", target);
  close(fs);
  return mount;
}

/* Field 'size' in decimal, as the file system takes it; "": the kernel's half of memory. */
const char *check_size(Check *c)
{
  lua_Integer size = check_integer(c, "size", 1, INT64_MAX / 2, 0);
  char *text = keep_memory(c, 32);

  lua_pushfstring(c->L, "%I", (LUAI_UACINT)size);
  strncpy(text, size > 0 ? lua_tostring(c->L, -1) : "", 31);
  lua_pop(c->L, 1);
  return text;
}

void check_tmpfs(Check *c, Step *s)
{
  unsigned mode = (unsigned)check_integer(c, "mode", 0, 07777, 0755);
  char *text = keep_memory(c, 32);

  s->target = check_target(c, "target");
  s->attributes = check_attributes(c, false);
  s->text = check_size(c);
  for (int i = 4; i >= 0; i--, mode >>= 3) text[i] = (char)('0' + (mode & 7));
  s->source = text; /* mode in octal */
}

static int make_tmpfs(Run *r, const char *size, const char *mode, uint64_t attributes,
                      const char *target)
{
  int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

  if (fs < 0) return stop(r, "fsopen", target);
  if ((size[0] && fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0) ||
      fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0) {
    stop_with_log(r, fs, "configure", target);
    close(fs);
    return -1;
  }
  return finish_context(r, fs, attributes, target);
}

int run_tmpfs(Run *r, const Step *s)
{
  int mount = make_tmpfs(r, s->text, s->source, s->attributes, s->target);

  return mount < 0 ? -1 : attach(r, mount, s->target, true);
}

void check_proc(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (check_flag(c, "read_only", false)) s->attributes |= MOUNT_ATTR_RDONLY;
}

int run_proc(Run *r, const Step *s)
{
  int mount, fs = fsopen("proc", FSOPEN_CLOEXEC);

  if (fs < 0) return stop(r, "fsopen", s->target);
  mount = finish_context(r, fs, s->attributes, s->target);
  return mount < 0 ? -1 : attach(r, mount, s->target, true);
}

void check_dev(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->text = check_size(c);
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
  close(tree);
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
  if (mkdirat(dev, "shm", 01777) < 0 || fchmodat(dev, "shm", 01777, 0) < 0)
    return stop(r, "mkdir", "/dev/shm");
  return 0;
}

/* Attached first and filled afterwards: mounting inside of a detached tree is refused by some
   kernels. */
int run_dev(Run *r, const Step *s)
{
  int keep, result,
    mount = make_tmpfs(r, s->text, "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, s->target);

  if (mount < 0) return -1;
  keep = fcntl(mount, F_DUPFD_CLOEXEC, 0);
  if (keep < 0) return stop(r, "dup", s->target);
  result = attach(r, mount, s->target, true);
  if (result == 0) result = fill_dev(r, keep);
  close(keep);
  return result;
}

/* remount: change the attributes of what is mounted on target; true sets, false clears where the
   kernel allows it. */
void check_remount(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->read_only = check_flag(c, "read_only", true);
  s->recursive = check_flag(c, "recursive", false);
}

int run_remount(Run *r, const Step *s)
{
  struct mount_attr attr = {0};
  int result = 0, place = target_open(r, s->target, O_PATH);

  if (place < 0) return stop(r, "open", s->target);
  if (s->read_only)
    attr.attr_set = MOUNT_ATTR_RDONLY;
  else
    attr.attr_clr = MOUNT_ATTR_RDONLY;
  if (mount_setattr(place, "", AT_EMPTY_PATH | (s->recursive ? AT_RECURSIVE : 0), &attr,
                    sizeof attr) < 0)
    result = stop(r, "mount_setattr", s->target);
  close(place);
  return result;
}

void check_propagation(Check *c, Step *s)
{
  static const struct {
    const char *name;
    uint64_t flag;
  } modes[] = {{"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}};
  const char *mode = check_string(c, "mode");

  s->target = check_target(c, "target");
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(mode, modes[i].name) == 0) s->number = modes[i].flag;
  if (s->number == 0) misuse(c, "mode '%s' is none of private, slave, shared", mode);
}

int run_propagation(Run *r, const Step *s)
{
  if (mount(NULL, s->target, NULL, MS_REC | (unsigned long)s->number, NULL) < 0)
    return stop(r, "mount", s->target);
  return 0;
}

void check_pivot(Check *c, Step *s)
{
  (void)c;
  (void)s;
}

/* "/.." goes through what is mounted on the root, "/" does not: different mounts mean that something
   still lies there. 1, 0, or -1 with errno. */
static int root_is_covered(void)
{
  struct statx root, above;

  if (statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &root) < 0) return -1;
  if (statx(AT_FDCWD, "/..", 0, STATX_MNT_ID, &above) < 0) return -1;
  if (!(root.stx_mask & above.stx_mask & STATX_MNT_ID)) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return root.stx_mnt_id != above.stx_mnt_id;
}

/* One umount2 takes the old root, unless more was mounted over it: then it takes that, and the old
   root would be where ".." leads. So go on until nothing lies on the new root. */
static int detach_old_root(Run *r)
{
  int covered;

  do {
    if (umount2(".", MNT_DETACH) < 0) return stop(r, "umount2", NULL);
    covered = root_is_covered();
  } while (covered > 0);
  return covered < 0 ? stop(r, "look at the new root", NULL) : 0;
}

/* pivot_root(".", ".") stacks the old root on the new one, so that no directory is needed for it
   (pivot_root(2)). */
int run_pivot(Run *r, const Step *s)
{
  (void)s;
  if (r->root < 0) {
    errno = EINVAL;
    return stop(r, "no step has mounted on /", NULL);
  }
  if (fchdir(r->root) < 0) return stop(r, "fchdir", NULL);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return stop(r, "pivot_root", NULL);
  if (chdir("/") < 0) return stop(r, "chdir", "/");
  if (detach_old_root(r) < 0) return -1;
  close(r->root);
  r->root = -1;
  return 0;
}
