/*
** Overlay mounts. A layer is one call of fsconfig("lowerdir+") (Linux 6.7): no string of paths to
** escape or to be cut off.
** Older kernels get mount(2) with numbers of open directories, and a refusal instead of the
** kernel's silent cut.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "step.h"

enum { NAME_LIMIT = 255, OPTIONS_LIMIT = 4095, LOWER_LIMIT = 500 };

static void check_option(Check *c, const char *option)
{
  static const char *const known[] = {"volatile", "userxattr", "index=on",  "index=off",
                                      "xino=on",  "xino=off",  "xino=auto", "metacopy=on",
                                      "metacopy=off", "redirect_dir=on", "redirect_dir=off",
                                      "redirect_dir=follow", "redirect_dir=nofollow",
                                      "nfs_export=on", "nfs_export=off", "uuid=on", "uuid=off",
                                      "uuid=null", "uuid=auto", NULL};

  for (const char *const *name = known; *name; name++)
    if (strcmp(option, *name) == 0) return;
  misuse(c, "unknown option '%s'", option);
}

/* 6007 for Linux 6.7. Distributions that carry features to older kernels lose nothing but speed. */
static int kernel_version(void)
{
  struct utsname name;
  int major = 0, minor = 0;

  if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) return 0;
  return major * 1000 + minor;
}

void check_overlay(Check *c, Step *s)
{
  int version = kernel_version();
  size_t lowers;

  s->target = check_target(c, "target");
  s->list = check_strings(c, "lower", &lowers);
  if (lowers == 0) misuse(c, "field 'lower' needs at least one directory");
  s->overlay.upper = check_string_or(c, "upper", NULL);
  s->overlay.work = check_string_or(c, "work", NULL);
  s->overlay.tmpfs_upper = check_flag(c, "tmpfs_upper", false);
  s->overlay.options = check_strings(c, "options", NULL);
  for (const char **o = s->overlay.options; *o; o++) check_option(c, *o);
  if (!s->overlay.upper != !s->overlay.work) misuse(c, "upper and work go together");
  if (s->overlay.upper && s->overlay.tmpfs_upper) misuse(c, "either upper or tmpfs_upper");
  s->fd = check_handle(c, "send_upper");
  if (s->fd >= 0 && !s->overlay.tmpfs_upper) misuse(c, "send_upper is for a tmpfs_upper only");
  s->text = check_size(c);
  if (s->text[0] && !s->overlay.tmpfs_upper) misuse(c, "a size is for a tmpfs_upper only");
  s->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (check_flag(c, "read_only", false)) s->attributes |= MOUNT_ATTR_RDONLY;
  s->flag = check_flag(c, "legacy", version < 6007);
  s->overlay.attached = s->flag || version < 6015;
}

/* A path as the kernel takes it: as a string up to 255 bytes, longer ones as an open directory
   (Linux 6.13). */
static int set_path(int fs, const char *key, const char *path)
{
  int fd, err, result;

  if (strlen(path) <= NAME_LIMIT) return fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0);
  fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  result = fsconfig(fs, FSCONFIG_SET_FD, key, NULL, fd);
  err = errno;
  close(fd);
  errno = err;
  return result;
}

/* "volatile" is a flag, "xino=on" a key with a value. */
static int set_option(int fs, const char *option)
{
  const char *equals = strchr(option, '=');
  char key[32];

  if (!equals) return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
  memcpy(key, option, (size_t)(equals - option));
  key[equals - option] = '\0';
  return fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

static int configure(Run *r, int fs, const Step *s)
{
  const char *upper = s->overlay.tmpfs_upper ? "upper" : s->overlay.upper;
  const char *work = s->overlay.tmpfs_upper ? "work" : s->overlay.work;

  for (const char **lower = s->list; *lower; lower++)
    if (set_path(fs, "lowerdir+", *lower) < 0) return stop_with_log(r, fs, "lower", *lower);
  if (upper && set_path(fs, "upperdir", upper) < 0) return stop_with_log(r, fs, "upper", upper);
  if (work && set_path(fs, "workdir", work) < 0) return stop_with_log(r, fs, "work", work);
  for (const char **option = s->overlay.options; *option; option++)
    if (set_option(fs, *option) < 0) return stop_with_log(r, fs, "option", *option);
  if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return stop_with_log(r, fs, "create the file system", s->target);
  return 0;
}

static size_t append(char *options, size_t used, const char *text)
{
  size_t len = strlen(text);

  if (used + len > OPTIONS_LIMIT) return OPTIONS_LIMIT + 1;
  memcpy(options + used, text, len + 1);
  return used + len;
}

static size_t append_number(char *options, size_t used, int number)
{
  char digits[16] = {0};
  int i = 14;

  do digits[i--] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return append(options, used, digits + i + 1);
}

/* An open directory's number is its name relative to /proc/self/fd. The fd stays open until the
   child has executed. */
static size_t append_directory(char *options, size_t used, const char *path)
{
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0) return 0;
  used = append_number(options, used, fd);
  if (used > OPTIONS_LIMIT) close(fd);
  return used;
}

/* Nobody executes after a direct call: the numbers in the options are closed one by one. */
static void close_directories(const char *options)
{
  for (const char *at = options; *at; at++) {
    int fd = 0;

    if ((*at != '=' && *at != ':') || at[1] < '0' || at[1] > '9') continue;
    for (const char *digit = at + 1; *digit >= '0' && *digit <= '9'; digit++)
      fd = fd * 10 + *digit - '0';
    close(fd);
  }
}

static int legacy_options(Run *r, const Step *s, char *options)
{
  const char *upper = s->overlay.tmpfs_upper ? "upper" : s->overlay.upper;
  const char *work = s->overlay.tmpfs_upper ? "work" : s->overlay.work;
  size_t used = append(options, 0, "lowerdir=");

  for (const char **lower = s->list; *lower && used <= OPTIONS_LIMIT; lower++) {
    if (lower - s->list == LOWER_LIMIT) { /* the kernel says this only in its log */
      errno = E2BIG;
      return stop(r, "too many lower directories, limit is 500", s->target);
    }
    if (lower != s->list) used = append(options, used, ":");
    used = append_directory(options, used, *lower);
    if (used == 0) return stop(r, "lower", *lower);
  }
  if (upper && used <= OPTIONS_LIMIT) {
    used = append_directory(options, append(options, used, ",upperdir="), upper);
    if (used == 0) return stop(r, "upper", upper);
    used = append_directory(options, append(options, used, ",workdir="), work);
    if (used == 0) return stop(r, "work", work);
  }
  for (const char **o = s->overlay.options; *o && used <= OPTIONS_LIMIT; o++)
    used = append(options, append(options, used, ","), *o);
  if (used > OPTIONS_LIMIT) {
    errno = E2BIG;
    return stop(r, "more layers than mount(2) of this kernel takes in 4095 bytes", s->target);
  }
  return 0;
}

/* What mount(2) has put on the target, as the new root or as a place. "/.." goes through all that
   lies on "/", which "/" does not. */
static int take_mounted(Run *r, const Step *s)
{
  bool is_root = s->target[1] == '\0';
  int place = is_root ? open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC)
                      : target_open(r, s->target, O_PATH);
  struct statfs fs = {.f_type = 0};

  if (place < 0) return stop(r, "open", s->target);
  if (fstatfs(place, &fs) == 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC) errno = ESTALE;
  if (fs.f_type != OVERLAYFS_SUPER_MAGIC) {
    stop(r, "this is not what was mounted:", s->target);
    close(place);
    return -1;
  }
  if (!s->overlay.upper) target_own(r, place);
  if (is_root) {
    if (r->root >= 0) let_go(r, r->root);
    r->root = place;
  } else {
    let_go(r, place);
  }
  return 0;
}

/* mount(2) cuts its options at a page without a word; 3:4:5 keeps 500 layers below that. */
static int mount_on(Run *r, const Step *s, int place, const char *options)
{
  unsigned long flags = MS_NOSUID | MS_NODEV;
  char name[16];

  if (s->attributes & MOUNT_ATTR_RDONLY) flags |= MS_RDONLY;
  append_number(name, 0, place);
  if (chdir("/proc/self/fd") < 0) return stop(r, "chdir", "/proc/self/fd");
  target_forget(r);
  if (mount("overlay", name, "overlay", flags, options) < 0) return stop(r, "mount", s->target);
  return 0;
}

static int legacy_mount(Run *r, const Step *s)
{
  char options[OPTIONS_LIMIT + 1];
  int result, place = target_directory(r, s->target, 0755);

  if (place < 0) return stop(r, "make the mount point", s->target);
  result = legacy_options(r, s, options);
  if (result == 0) result = mount_on(r, s, place, options);
  let_go(r, place);
  if (r->direct) close_directories(options);
  if (result < 0 || take_mounted(r, s) < 0) return -1;
  return chdir("/") < 0 ? stop(r, "chdir", "/") : 0;
}

/* The caller can look at what is written, and nobody inside can: it has no place there. */
static int send_upper(Run *r, const Step *s)
{
  int upper = open("upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int sent = upper < 0 ? -1 : send_fd(s->fd, upper);

  if (sent < 0) return stop(r, "send the upper directory", s->target);
  close(upper);
  return 0;
}

/*
** The upper that vanishes: a tmpfs whose two directories are found by chdir. Since Linux 6.15 it
** need not be mounted anywhere. What ends a mount waits for all processors (synchronize_rcu), so
** its fd stays open until this process executes: by then the program runs already. Older kernels
** want it mounted: on the target, where the overlay will hide it.
*/
static int enter_tmpfs_upper(Run *r, const Step *s, int *detached)
{
  uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  int place = make_tmpfs(r, s->text, "0755", attributes, s->target);

  if (place < 0) return -1;
  if (s->overlay.attached) {
    if (attach(r, place, s->target, PLACE_DIRECTORY) < 0) return -1;
    place = target_open(r, s->target, O_PATH | O_DIRECTORY);
  }
  *detached = place;
  if (place < 0 || fchdir(place) < 0) return stop(r, "enter the tmpfs", s->target);
  if (mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0)
    return stop(r, "mkdir in the tmpfs", s->target);
  if (s->fd >= 0 && send_upper(r, s) < 0) return -1;
  if (!s->overlay.attached) return 0;
  close(place);
  *detached = -1;
  return 0;
}

/* The overlay holds its upper by itself. Left in place on "/", the tmpfs would lie on the old root,
   and be what pivot detaches instead of it: ".." would lead to the caller's world. */
static int leave_tmpfs_upper(Run *r, const Step *s)
{
  if (s->overlay.attached && umount2(".", MNT_DETACH) < 0)
    return stop(r, "hide the tmpfs", s->target);
  return 0;
}

static int mount_overlay(Run *r, const Step *s)
{
  int mount = -1, fs = fsopen("overlay", FSOPEN_CLOEXEC);

  if (fs < 0) return stop(r, "fsopen", s->target);
  if (configure(r, fs, s) == 0) {
    mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)s->attributes);
    if (mount < 0) stop_with_log(r, fs, "fsmount", s->target);
  }
  let_go(r, fs);
  return mount;
}

static int make_overlay(Run *r, const Step *s, int *detached)
{
  int mount;

  if (s->overlay.tmpfs_upper && enter_tmpfs_upper(r, s, detached) < 0) return -1;
  if (s->flag) return legacy_mount(r, s);
  mount = mount_overlay(r, s);
  if (mount < 0) return -1;
  if (s->overlay.tmpfs_upper && leave_tmpfs_upper(r, s) < 0) {
    close(mount);
    return -1;
  }
  if (!s->overlay.upper) target_own(r, mount);
  return attach(r, mount, s->target, PLACE_DIRECTORY);
}

/* A plan's child goes on from anywhere, and all is closed as it executes. Who calls directly has a
   directory of his own, and keeps what is open. */
int run_overlay(Run *r, const Step *s)
{
  int result, detached = -1, here = -1;

  if (!r->direct) return make_overlay(r, s, &detached);
  here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (here < 0) return stop(r, "open the directory of the caller", NULL);
  result = make_overlay(r, s, &detached);
  if (detached >= 0) close(detached);
  if (fchdir(here) < 0 && result == 0)
    result = stop(r, "go back to the directory of the caller", NULL);
  close(here);
  return result;
}
