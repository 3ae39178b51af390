/* Privileges given up for good: capabilities, no_new_privs; and the small attributes of a
   process. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

void check_capabilities(Check *c, Step *s)
{
  const char **names = check_strings(c, "keep", NULL);

  for (; *names; names++) {
    cap_value_t value;

    if (cap_from_name(*names, &value) < 0) misuse(c, "unknown capability '%s'", *names);
    s->keep |= 1ULL << value;
  }
  s->flag = check_flag(c, "bounding", true);
  if (!s->flag && s->keep) misuse(c, "with 'keep' the bounding set is emptied of the rest");
}

static int drop_bounding(uint64_t keep)
{
  for (int cap = 0; cap < 64; cap++) {
    if (keep & 1ULL << cap) continue;
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    /* above the kernel's last capability; Linux 5.9 has all that are known here */
    return errno == EINVAL && cap > CAP_LAST_CAP ? 0 : -1;
  }
  return 0;
}

static int raise_ambient(uint64_t keep)
{
  for (int cap = 0; cap < 64; cap++)
    if (keep & 1ULL << cap && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return -1;
  return 0;
}

/* Who may not lock anything (no CAP_SETPCAP) still gives up all it has, for good under
   no_new_privs: execve gives no more than there was (capabilities(7)). */
static bool drops_for_good(uint64_t keep)
{
  return errno == EPERM && keep == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/*
** Uid 0 inside means nothing (SECBIT_NOROOT, locked); what is kept survives execve as ambient
** (capabilities(7)). Emptying the bounding set takes a call for each capability; under
** no_new_privs, where execve gives nothing, it bounds nothing.
*/
static int keep_only(Run *r, uint64_t keep, bool bounding)
{
  /* who has some may keep them as another user, as setpriv(1) does; without any this is moot */
  unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | (keep ? 0 : SECBIT_KEEP_CAPS_LOCKED);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  bool locked;

  for (int i = 0; i < 2; i++) {
    data[i].effective = data[i].permitted = data[i].inheritable = (uint32_t)(keep >> 32 * i);
  }
  locked = prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0;
  if (!locked && !drops_for_good(keep)) return stop(r, "prctl(SET_SECUREBITS)", NULL);
  if (locked && bounding && drop_bounding(keep) < 0)
    return stop(r, "prctl(CAPBSET_DROP)", NULL);
  /* takes what goes out of the ambient set, too (capabilities(7)) */
  if (syscall(SYS_capset, &header, data) < 0) return stop(r, "capset", NULL);
  if (raise_ambient(keep) < 0) return stop(r, "prctl(CAP_AMBIENT_RAISE)", NULL);
  return 0;
}

/* Without no_new_privs the bounding set does bound. */
static int check_sealed(Run *r)
{
  int sealed = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

  if (sealed < 0) return stop(r, "prctl", NULL);
  if (sealed == 1) return 0;
  errno = EPERM;
  return stop(r, "the bounding set is wanted as it is, and no_new_privs is off", NULL);
}

/* What is kept is the program's; so the rest is given up at exec, where the ways of the program and
   of our pid 1 part. */
int run_capabilities(Run *r, const Step *s)
{
  if (!s->flag && check_sealed(r) < 0) return -1;
  if (s->keep == 0 || r->direct) return keep_only(r, s->keep, s->flag);
  r->capabilities = s;
  return 0;
}

int apply_capabilities(Run *r, const Step *s)
{
  return keep_only(r, s->keep, true);
}

/* Pid 1 has none, but where the program may change its user id: to signal it then, and to kill what
   it leaves behind, takes one (kill(2)). */
int apply_capabilities_of_init(Run *r, const Step *s)
{
  return keep_only(r, s->keep & 1ULL << CAP_SETUID ? 1ULL << CAP_KILL : 0, true);
}

/* capability_names() -> {"chown", "dac_override", ...}: those of the running kernel */
static int capability_names(lua_State *L)
{
  lua_newtable(L);
  for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
    char *name = cap_to_name(cap);

    if (name && strncmp(name, "cap_", 4) == 0) {
      lua_pushstring(L, name + 4);
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    cap_free(name);
  }
  return 1;
}

void open_capabilities(lua_State *L)
{
  lua_pushcfunction(L, capability_names);
  lua_setfield(L, -2, "capability_names");
}

void check_no_new_privileges(Check *c, Step *s)
{
  (void)c;
  (void)s;
}

int run_no_new_privileges(Run *r, const Step *s)
{
  (void)s;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return stop(r, "prctl", NULL);
  return 0;
}

void check_chdir(Check *c, Step *s)
{
  s->target = check_string(c, "target");
}

int run_chdir(Run *r, const Step *s)
{
  int result, fd = world_open(r, s->target, O_PATH | O_DIRECTORY);

  if (fd < 0) return stop(r, "chdir", s->target);
  result = fchdir(fd) < 0 ? stop(r, "chdir", s->target) : 0;
  let_go(r, fd);
  return result;
}

void check_umask(Check *c, Step *s)
{
  s->mode = (unsigned)check_integer(c, "mode", 0, 0777, 022);
}

int run_umask(Run *r, const Step *s)
{
  r->umask = s->mode; /* in force when the program starts */
  return 0;
}
