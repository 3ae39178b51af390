/*
** Paths of the new world. Every walk goes through openat2(RESOLVE_IN_ROOT): a symbolic link,
** absolute or not, resolves inside the new root, so no step can touch the caller's tree through
** one (CVE-2021-30465, CVE-2026-87766 class).
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

enum { TRIES = 32 };

/* openat2 may answer EAGAIN when a rename happens anywhere meanwhile (openat2(2)): a bounded
   retry is right. */
static int open_in(int root, const char *path, int flags, uint64_t resolve)
{
  struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                         .resolve = RESOLVE_NO_MAGICLINKS | resolve};
  long fd = -1;

  for (int i = 0; i < TRIES; i++) {
    fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return (int)fd;
}

/* Before there is a new root, and in a direct call, "inside" is the process's own root. */
int target_open(Run *r, const char *target, int flags)
{
  if (r->root >= 0) return open_in(r->root, target, flags, RESOLVE_IN_ROOT);
  return open(target, flags | O_CLOEXEC);
}

/* The same, and a symbolic link anywhere in the path is an error (ELOOP). */
int target_exact(Run *r, const char *target, int flags)
{
  if (r->root >= 0)
    return open_in(r->root, target, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  return open_in(AT_FDCWD, target, flags, RESOLVE_NO_SYMLINKS);
}

/* A path of the world that this process is in. Not through a link of /proc to what is open: that
   may be of the caller's world still (CVE-2024-21626). A plan without a world of its own has but
   that one, so it does without where a filter around us has no openat2. */
int world_open(const Run *r, const char *path, int flags)
{
  int fd = open_in(AT_FDCWD, path, flags, 0);

  if (fd >= 0 || errno != ENOSYS || r->own_world) return fd;
  return open(path, flags | O_CLOEXEC);
}

/* What is made on this mount vanishes with the sandbox. */
void target_own(Run *r, int mount)
{
  struct stat st;

  if (r->own && fstat(mount, &st) == 0) r->own[r->owned++] = st.st_dev;
}

/* A part of a target was made in `parent`, where its path is `size` bytes long: when that is the
   caller's disk, he is told. */
static void note_made(Run *r, int parent, size_t size)
{
  uint16_t *made = r->report->made;
  struct stat st;

  if (!made || made[r->report->step] > 0 || fstat(parent, &st) < 0) return;
  for (size_t i = 0; i < r->owned; i++)
    if (r->own[i] == st.st_dev) return;
  made[r->report->step] = (uint16_t)size;
}

/* A directory for every prefix of path that has none; returns the last one. */
static int make_path(Run *r, const char *path, unsigned mode)
{
  char prefix[4096];
  size_t len = strlen(path), at = 0;
  int parent = r->root >= 0 ? r->root : target_open(r, "/", O_PATH | O_DIRECTORY);

  memcpy(prefix, path, len + 1);
  while (parent >= 0 && at < len) {
    size_t part = strcspn(prefix + at + 1, "/");
    char *name = prefix + at + 1, after = name[part];
    int next, err = 0;

    name[part] = '\0';
    if (mkdirat(parent, name, after ? 0755 : mode) == 0)
      note_made(r, parent, at + 1 + part);
    else
      err = errno;
    next = target_open(r, prefix, O_PATH | O_DIRECTORY);
    if (next < 0 && err != 0 && err != EEXIST) errno = err; /* it is not there and cannot be made */
    target_close(r, parent);
    parent = next;
    name[part] = after;
    at += part + 1;
  }
  return parent;
}

int target_directory(Run *r, const char *target, unsigned mode)
{
  int fd = target_open(r, target, O_PATH | O_DIRECTORY);

  if (fd >= 0 || errno != ENOENT) return fd;
  return make_path(r, target, mode);
}

/* A descriptor that is not needed any more. What the child has open is closed when it executes: to
   do so before takes a call for each. Only where there are many it is closed at once. */
void let_go(const Run *r, int fd)
{
  if (fd >= r->left_open) close(fd);
}

void target_forget(Run *r)
{
  if (r->near_fd >= 0) let_go(r, r->near_fd);
  r->near_fd = -1;
}

/*
** The directory that holds target, made when missing; name is target's last part. For target_close.
** Neighbours come in a row, so the last one stays open. Nothing takes its place meanwhile but a
** mount on what was there before: target_forget.
*/
int target_parent(Run *r, const char *target, const char **name)
{
  char parent[4096];
  size_t len = (size_t)(strrchr(target, '/') - target);

  *name = target + len + 1;
  if (len == 0) return r->root >= 0 ? r->root : target_open(r, "/", O_PATH | O_DIRECTORY);
  if (r->near_fd >= 0 && len == r->near_size && memcmp(target, r->near, len) == 0)
    return r->near_fd;
  memcpy(parent, target, len);
  parent[len] = '\0';
  target_forget(r);
  r->near = target;
  r->near_size = len;
  r->near_fd = target_directory(r, parent, 0755);
  return r->near_fd;
}

void target_close(Run *r, int fd)
{
  if (fd != r->root && fd != r->near_fd) let_go(r, fd);
}

/*
** Something to mount on: a new directory or file, as its parent and its name, or what is there, as
** itself and "". A name that was made here is no link, and a last part is never followed. With
** PLACE_EXACT there is no link on the way either.
*/
int target_place(Run *r, const char *target, unsigned kind, const char **name)
{
  bool directory = kind & PLACE_DIRECTORY, exact = kind & PLACE_EXACT;
  int fd, made, err, flags = directory ? O_PATH | O_DIRECTORY : O_PATH;
  int parent = target_parent(r, target, name);

  if (parent < 0) return -1;
  made = directory ? mkdirat(parent, *name, 0755) : mknodat(parent, *name, S_IFREG | 0644, 0);
  if (made == 0) note_made(r, parent, strlen(target));
  if (made == 0 && (!exact || parent == r->root)) return parent;
  err = made == 0 ? EEXIST : errno;
  target_close(r, parent);
  *name = "";
  fd = exact ? target_exact(r, target, flags) : target_open(r, target, flags);
  if (fd < 0 && err != EEXIST) errno = err; /* EEXIST: a symbolic link that leads nowhere */
  return fd;
}
