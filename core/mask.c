/*
** Paths of the new world that are hidden, or read-only in place. What lies over them are mounts of
** our own, put on what was opened: no link is followed and no name is looked up twice
** (CVE-2025-31133 class).
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "step.h"

/* {"mask", paths = {...}, optional = false}; optional: what is not there is skipped */
void check_mask(Check *c, Step *s)
{
  size_t count;

  s->list = check_strings(c, "paths", &count);
  if (count == 0) misuse(c, "field 'paths' needs at least one path");
  for (const char **path = s->list; *path; path++) check_target_path(c, "path", *path);
  s->optional = check_flag(c, "optional", false);
}

void check_protect(Check *c, Step *s)
{
  check_mask(c, s);
}

/* -1 when it failed, -2 when there is nothing and need not be */
static int open_place(Run *r, const Step *s, const char *path)
{
  int place = target_exact(r, path, O_PATH);

  if (place >= 0) return place;
  if (s->optional && (errno == ENOENT || errno == ENOTDIR)) return -2;
  return stop(r, "open without links", path);
}

/* The tree is closed unless `keep` takes it. */
static int cover(Run *r, int tree, int place, const char *path, int *keep)
{
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  int result = 0;

  target_forget(r);
  if (move_mount(tree, "", place, "", flags) < 0) result = stop(r, "move_mount", path);
  if (keep && *keep < 0 && result == 0)
    *keep = tree;
  else
    let_go(r, tree);
  return result;
}

/* An empty directory that nobody can write to: the first is made, the others are copies. */
static int empty_directory(Run *r, int first, const char *path)
{
  int tree;

  if (first < 0)
    return make_tmpfs(r, "4096", "0555", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                      MOUNT_ATTR_NOEXEC, path);
  tree = open_tree(first, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  return tree < 0 ? stop(r, "open_tree", path) : tree;
}

/* The null device, whatever the caller's /dev/null is: seen on what will be mounted. */
static int null_device(Run *r, int first)
{
  int tree = first < 0
    ? open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    : open_tree(first, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  struct stat st;

  if (tree < 0) return stop(r, "open_tree", "/dev/null");
  if (first >= 0) return tree;
  if (fstat(tree, &st) < 0) {
    stop(r, "stat", "/dev/null");
  } else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
    errno = ENODEV;
    stop(r, "this is not the null device:", "/dev/null");
  } else {
    return tree;
  }
  close(tree);
  return -1;
}

typedef struct Covers {
  int directory, null; /* mounted somewhere already; -1: not yet */
} Covers;

static int hide(Run *r, int place, const char *path, Covers *covers)
{
  struct stat st;
  int tree;

  if (fstat(place, &st) < 0) return stop(r, "stat", path);
  if (S_ISDIR(st.st_mode)) {
    tree = empty_directory(r, covers->directory, path);
    return tree < 0 ? -1 : cover(r, tree, place, path, &covers->directory);
  }
  tree = null_device(r, covers->null);
  return tree < 0 ? -1 : cover(r, tree, place, path, &covers->null);
}

int run_mask(Run *r, const Step *s)
{
  Covers covers = {-1, -1};
  int result = 0;

  for (const char **path = s->list; *path && result == 0; path++) {
    int place = open_place(r, s, *path);

    if (place == -2) continue;
    result = place < 0 ? -1 : hide(r, place, *path, &covers);
    if (place >= 0) let_go(r, place);
  }
  if (covers.directory >= 0) let_go(r, covers.directory);
  if (covers.null >= 0) let_go(r, covers.null);
  return result;
}

/* A copy of the place over itself, read-only with everything below it. */
static int freeze(Run *r, int place, const char *path)
{
  int tree = copy_tree(r, place, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY, path);

  return tree < 0 ? -1 : cover(r, tree, place, path, NULL);
}

int run_protect(Run *r, const Step *s)
{
  int result = 0;

  for (const char **path = s->list; *path && result == 0; path++) {
    int place = open_place(r, s, *path);

    if (place == -2) continue;
    result = place < 0 ? -1 : freeze(r, place, *path);
    if (place >= 0) let_go(r, place);
  }
  return result;
}
