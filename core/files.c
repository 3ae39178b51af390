/* Directories, symbolic links and files of the new world: nothing of them is on the caller's
   disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "step.h"

void check_mkdir(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->mode = (unsigned)check_integer(c, "mode", 0, 07777, 0755);
}

/* mkdir(2) applies the umask; the mode is what the plan says. */
int run_mkdir(Run *r, const Step *s)
{
  int fd = target_directory(r, s->target, s->mode);
  int result = 0;

  if (fd < 0) return stop(r, "mkdir", s->target);
  close(fd);
  fd = target_open(r, s->target, O_RDONLY | O_DIRECTORY);
  if (fd < 0 || fchmod(fd, s->mode) < 0) result = stop(r, "chmod", s->target);
  if (fd >= 0) close(fd);
  return result;
}

void check_symlink(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->text = check_string(c, "text");
}

/* The same link again is no error: presets and users may both ask for it. */
static bool is_same_link(int parent, const char *name, const char *text)
{
  char have[4096];
  ssize_t n = readlinkat(parent, name, have, sizeof have);

  return n >= 0 && (size_t)n == strlen(text) && memcmp(have, text, (size_t)n) == 0;
}

int run_symlink(Run *r, const Step *s)
{
  const char *name;
  int result = 0, parent = target_parent(r, s->target, &name);

  if (parent < 0) return stop(r, "mkdir", s->target);
  if (symlinkat(s->text, parent, name) < 0 &&
      !(errno == EEXIST && is_same_link(parent, name, s->text)))
    result = stop(r, "symlink", s->target);
  target_close(r, parent);
  return result;
}

void check_file(Check *c, Step *s)
{
  s->target = check_target(c, "target");
  s->mode = (unsigned)check_integer(c, "mode", 0, 0777, 0644);
  lua_pushliteral(c->L, "text");
  if (lua_rawget(c->L, c->table) != LUA_TSTRING) misuse(c, "field 'text' must be a string");
  s->text = lua_tolstring(c->L, -1, &s->text_size);
  lua_pop(c->L, 1);
}

static int write_text(int fd, const char *text, size_t size)
{
  while (size > 0) {
    ssize_t n = write(fd, text, size);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    text += n;
    size -= (size_t)n;
  }
  return 0;
}

/* Never through a symbolic link at the end, never over what is there. */
int run_file(Run *r, const Step *s)
{
  const char *name;
  int fd, result = 0, parent = target_parent(r, s->target, &name);

  if (parent < 0) return stop(r, "mkdir", s->target);
  fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, s->mode);
  if (fd < 0)
    result = stop(r, "create", s->target);
  else if (write_text(fd, s->text, s->text_size) < 0)
    result = stop(r, "write", s->target);
  if (fd >= 0) close(fd);
  target_close(r, parent);
  return result;
}
