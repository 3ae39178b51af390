/* Namespaces, and what is set once inside of them: host name, loopback, clock offsets. */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spawn.h"

#define LIMIT(name) "/proc/sys/user/max_" name "_namespaces"

static const struct {
  const char *name;
  uint64_t flag;
  const char *limit; /* of the user namespace of who opens it (namespaces(7)) */
} namespaces[] = {
  {"user", CLONE_NEWUSER, LIMIT("user")}, {"mount", CLONE_NEWNS, LIMIT("mnt")},
  {"pid", CLONE_NEWPID, LIMIT("pid")},    {"net", CLONE_NEWNET, LIMIT("net")},
  {"ipc", CLONE_NEWIPC, LIMIT("ipc")},    {"uts", CLONE_NEWUTS, LIMIT("uts")},
  {"cgroup", CLONE_NEWCGROUP, LIMIT("cgroup")},
};

enum { KINDS = sizeof namespaces / sizeof *namespaces };

static uint64_t namespace_flag(Check *c, const char *name)
{
  for (size_t i = 0; i < KINDS; i++)
    if (strcmp(name, namespaces[i].name) == 0) return namespaces[i].flag;
  misuse(c, "unknown namespace '%s' (known: user, mount, pid, net, ipc, uts, cgroup; "
            "a time namespace is made by the step 'time')", name);
}

/* join = process: those that core.spawn made for it */
static bool check_join(Check *c, Step *s)
{
  Process *p;

  lua_pushliteral(c->L, "join");
  if (lua_rawget(c->L, c->table) == LUA_TNIL) {
    lua_pop(c->L, 1);
    return false;
  }
  p = luaL_testudata(c->L, -1, PROCESS_TYPE);
  if (!p) misuse(c, "field 'join' must be a process");
  if (p->pidfd < 0 || p->ended) misuse(c, "the process to join has ended");
  s->fd = p->pidfd;
  s->number = p->namespaces;
  lua_pop(c->L, 1);
  return true;
}

/* {"namespaces", "user", "mount", ...}: made by the one clone3 that makes the child. */
void check_namespaces(Check *c, Step *s)
{
  size_t count;
  const char **names = check_words(c, c->words, &count);
  bool join = check_join(c, s);

  check_entries(c, s);
  if (join && (count > 0 || s->enter.count > 0))
    misuse(c, "either new namespaces, or those of 'join'");
  if (!join && count == 0 && s->enter.count == 0) misuse(c, "no namespace is named");
  s->flag = join;
  for (; *names; names++) {
    uint64_t flag = namespace_flag(c, *names);

    if (flag & entered(s)) misuse(c, "'%s' is both new and to be entered", *names);
    s->number |= flag;
  }
}

/* In a plan the namespaces are there already; in a direct call, the current process enters new
   ones. */
int run_namespaces(Run *r, const Step *s)
{
  if (s->flag) {
    /* one call for all of them, the user namespace first (setns(2), pidfds since Linux 5.8) */
    r->joined = true;
    if (hide_memory(r) < 0) return -1;
    return setns(s->fd, (int)s->number) < 0 ? stop(r, "setns", NULL) : 0;
  }
  if (!r->direct) return 0;
  if (enter_all(r, s) < 0) return -1;
  if (unshare((int)s->number) < 0) return stop(r, "unshare", NULL);
  return 0;
}

/* {"no_new_namespaces", "cgroup", ...} */
void check_no_new_namespaces(Check *c, Step *s)
{
  size_t count;
  const char **names = check_words(c, c->words, &count);

  if (count == 0) misuse(c, "no namespace is named");
  for (; *names; names++) s->number |= namespace_flag(c, *names);
}

/* Those that are there stay. That there can be no other is not believed but tried. */
static int allow_none(Run *r, const char *limit, int flag)
{
  if (write_file(limit, "0", 1) < 0) return stop(r, "write", limit);
  if (unshare(flag) < 0) return errno == ENOSPC ? 0 : stop(r, "unshare", limit);
  errno = ENOTRECOVERABLE;
  return stop(r, "the kernel makes namespaces in spite of", limit);
}

/* Nor in a user namespace below this one, whatever its own limits are (namespaces(7)). Who has no
   CAP_SYS_RESOURCE in this one cannot take it back. */
int run_no_new_namespaces(Run *r, const Step *s)
{
  for (size_t i = 0; i < KINDS; i++)
    if (s->number & namespaces[i].flag &&
        allow_none(r, namespaces[i].limit, (int)namespaces[i].flag) < 0)
      return -1;
  return 0;
}

void check_hostname(Check *c, Step *s)
{
  s->text = check_string(c, "name");
  if (strlen(s->text) > 64) misuse(c, "a host name has at most 64 bytes");
}

int run_hostname(Run *r, const Step *s)
{
  if (sethostname(s->text, strlen(s->text)) < 0) return stop(r, "sethostname", s->text);
  return 0;
}

void check_loopback(Check *c, Step *s)
{
  (void)c;
  (void)s;
}

/* The kernel gives lo its addresses as soon as it is up. */
int run_loopback(Run *r, const Step *s)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int result = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  (void)s;
  if (fd < 0) return stop(r, "socket", NULL);
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) result = stop(r, "ioctl(SIOCSIFFLAGS)", "lo");
  let_go(r, fd);
  return result;
}

/* {"time", monotonic = S, boottime = S}: offsets are fixed before a process is in the namespace
   (time_namespaces(7)). */
void check_time(Check *c, Step *s)
{
  lua_Integer monotonic = check_integer(c, "monotonic", -4000000000LL, 4000000000LL, 0);
  lua_Integer boottime = check_integer(c, "boottime", -4000000000LL, 4000000000LL, 0);
  char *text = keep_memory(c, 80);

  lua_pushfstring(c->L, "monotonic %I 0\nboottime %I 0\n", (LUAI_UACINT)monotonic,
                  (LUAI_UACINT)boottime);
  s->text_size = lua_rawlen(c->L, -1);
  memcpy(text, lua_tostring(c->L, -1), s->text_size);
  s->text = text;
  lua_pop(c->L, 1);
}

int run_time(Run *r, const Step *s)
{
  static const char offsets[] = "/proc/self/timens_offsets";

  if (unshare(CLONE_NEWTIME) < 0) return stop(r, "unshare", NULL);
  return write_file(offsets, s->text, s->text_size) < 0 ? stop(r, "write", offsets) : 0;
}
