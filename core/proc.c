/* The kernel's own file systems: proc and sysfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "step.h"

enum { FROM_FRESH, FROM_BIND, FROM_AUTO };

static const uint64_t inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/* from: "fresh"; "bind": the caller's, read-only; "auto": the caller's where the kernel gives no
   fresh one */
void check_proc(Check *c, Step *s)
{
  static const char *const names[] = {"fresh", "bind", "auto"};
  const char *from = check_string_or(c, "from", "fresh");

  s->target = check_target(c, "target");
  s->attributes = inert;
  if (check_flag(c, "read_only", false)) s->attributes |= MOUNT_ATTR_RDONLY;
  while (s->number <= FROM_AUTO && strcmp(from, names[s->number]) != 0) s->number++;
  if (s->number > FROM_AUTO) misuse(c, "from '%s' is none of fresh, bind, auto", from);
}

static int fresh(Run *r, const char *type, const Step *s)
{
  int fs = fsopen(type, FSOPEN_CLOEXEC);

  return fs < 0 ? stop(r, "fsopen", s->target) : finish_context(r, fs, s->attributes, s->target);
}

/* With everything that is mounted over parts of it. What is bound is a proc, whoever made /proc. */
static int callers_proc(Run *r)
{
  int tree = copy_tree(r, AT_FDCWD, "/proc", AT_RECURSIVE, inert | MOUNT_ATTR_RDONLY, "/proc");
  struct statfs fs;

  if (tree < 0) return -1;
  if (fstatfs(tree, &fs) < 0) {
    stop(r, "statfs", "/proc");
  } else if (fs.f_type != PROC_SUPER_MAGIC) {
    errno = ENODEV;
    stop(r, "this is no proc file system:", "/proc");
  } else {
    return tree;
  }
  close(tree);
  return -1;
}

/* EPERM: the caller's /proc has parts that are hidden from it, and a fresh one would show them. */
int run_proc(Run *r, const Step *s)
{
  int mount = s->number == FROM_BIND ? callers_proc(r) : fresh(r, "proc", s);

  if (mount < 0 && s->number == FROM_AUTO && r->report->err == EPERM) {
    mount = callers_proc(r);
    if (mount >= 0) r->report->err = 0, r->report->log[0] = '\0', r->report->proc_is_callers = true;
  }
  return mount < 0 ? -1 : attach(r, mount, s->target, PLACE_DIRECTORY | PLACE_EXACT);
}

void check_sysfs(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->attributes = inert;
  if (check_flag(c, "read_only", true)) s->attributes |= MOUNT_ATTR_RDONLY;
}

/* Of the process's own network namespace. */
int run_sysfs(Run *r, const Step *s)
{
  int mount = fresh(r, "sysfs", s);

  return mount < 0 ? -1 : attach(r, mount, s->target, PLACE_DIRECTORY | PLACE_EXACT);
}
