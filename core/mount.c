/* Mounts by the new mount API: attach, attributes, propagation, pivot. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/*
** A detached copy of what is mounted, with its attributes. One recursive change: a submount is as
** read-only as what it lies in (mount_setattr(2)). Linux 6.15 copies and changes at once; whatever
** it says against that, the two calls say more exactly.
*/
int copy_tree(Run *r, int at, const char *path, unsigned flags, uint64_t attributes,
              const char *name)
{
  struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
  int tree;

  flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  tree = (int)syscall(SYS_open_tree_attr, at, path, flags, &attr, sizeof attr);
  if (tree >= 0) return tree;
  if (errno != ENOENT && errno != ENOTDIR) tree = open_tree(at, path, flags);
  if (tree < 0) return stop(r, "open_tree", name);
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (flags & AT_RECURSIVE), &attr, sizeof attr) == 0)
    return tree;
  stop(r, "mount_setattr", name);
  close(tree);
  return -1;
}

/*
** Mount a detached tree on a target. "/" stacks it over the root of the namespace and makes it the
** new root: absolute paths of this process go on to mean the caller's world, as a look-up does not
** cross what is mounted on its root.
*/
int attach_open(Run *r, int mount, const char *target, unsigned kind)
{
  bool is_root = target[0] == '/' && target[1] == '\0';
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;
  int place, result = 0;
  const char *name;

  if (is_root) {
    if (move_mount(mount, "", AT_FDCWD, "/", flags) < 0) return stop(r, "move_mount", target);
    if (r->root >= 0) let_go(r, r->root);
    r->root = mount;
    return 0;
  }
  place = target_place(r, target, kind, &name);
  if (place < 0) return stop(r, "make the mount point", target);
  if (name[0] == '\0') flags |= MOVE_MOUNT_T_EMPTY_PATH;
  if (move_mount(mount, "", place, name, flags) < 0) result = stop(r, "move_mount", target);
  target_close(r, place);
  if (name[0] == '\0') target_forget(r);
  return result;
}

/* The same, and the mount's fd is the new root or nothing any more. */
int attach(Run *r, int mount, const char *target, unsigned kind)
{
  int result = attach_open(r, mount, target, kind);

  if (mount != r->root) let_go(r, mount);
  return result;
}

/* MOUNT_ATTR_* of the fields read_only, setuid, devices, executable. */
uint64_t check_attributes(Check *c, bool read_only)
{
  uint64_t attributes = 0;

  if (check_flag(c, "read_only", read_only)) attributes |= MOUNT_ATTR_RDONLY;
  if (!check_flag(c, "setuid", false)) attributes |= MOUNT_ATTR_NOSUID;
  if (!check_flag(c, "devices", false)) attributes |= MOUNT_ATTR_NODEV;
  if (!check_flag(c, "executable", true)) attributes |= MOUNT_ATTR_NOEXEC;
  return attributes;
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
  int result = 0, place = r->root;

  if (place < 0 || s->target[1] != '\0') place = target_open(r, s->target, O_PATH);
  if (place < 0) return stop(r, "open", s->target);
  if (s->read_only)
    attr.attr_set = MOUNT_ATTR_RDONLY;
  else
    attr.attr_clr = MOUNT_ATTR_RDONLY;
  if (mount_setattr(place, "", AT_EMPTY_PATH | (s->recursive ? AT_RECURSIVE : 0), &attr,
                    sizeof attr) < 0)
    result = stop(r, "mount_setattr", s->target);
  target_close(r, place);
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

/* "/.." goes through what is mounted on the root, "/" does not: different mounts mean that
   something still lies there. 1, 0, or -1 with errno. */
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
  let_go(r, r->root);
  r->root = -1;
  return 0;
}
