/* File systems in memory, and what every new one goes through: from a context to a mount. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "step.h"

/* From a configured fs context to a detached mount. The context is closed. */
int finish_context(Run *r, int fs, uint64_t attributes, const char *target)
{
  int mount;

  if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
    stop_with_log(r, fs, "create the file system", target);
    close(fs);
    return -1;
  }
  mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
  if (mount < 0) stop_with_log(r, fs, "fsmount", target);
  let_go(r, fs);
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

int make_tmpfs(Run *r, const char *size, const char *mode, uint64_t attributes,
               const char *target)
{
  int mount, fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

  if (fs < 0) return stop(r, "fsopen", target);
  if ((size[0] && fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0) ||
      fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0) {
    stop_with_log(r, fs, "configure", target);
    close(fs);
    return -1;
  }
  mount = finish_context(r, fs, attributes, target);
  if (mount >= 0) target_own(r, mount);
  return mount;
}

int run_tmpfs(Run *r, const Step *s)
{
  int mount = make_tmpfs(r, s->text, s->source, s->attributes, s->target);

  return mount < 0 ? -1 : attach(r, mount, s->target, PLACE_DIRECTORY);
}
