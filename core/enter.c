/*
** Namespaces that are there already: {"namespaces", "user", ..., enter = {net = "/run/netns/x"}}.
** A process of its own enters them and makes the child beside itself (CLONE_PARENT). So the caller
** never leaves its own namespaces, from which it might not find back: to enter one takes privileges
** over it (setns(2)).
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "spawn.h"

static const struct {
  const char *name;
  uint64_t flag;
} kinds[] = {
  {"net", CLONE_NEWNET},
  {"ipc", CLONE_NEWIPC},
  {"uts", CLONE_NEWUTS},
  {"cgroup", CLONE_NEWCGROUP},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static uint64_t kind_flag(Check *c, const char *name)
{
  for (size_t i = 0; i < KINDS; i++)
    if (strcmp(name, kinds[i].name) == 0) return kinds[i].flag;
  misuse(c, "a namespace '%s' cannot be entered (net, ipc, uts and cgroup can)", name);
}

/* The path or handle on the top of the stack. */
static void check_place(Check *c, Entrance *entry)
{
  Fd *h = luaL_testudata(c->L, -1, FD_TYPE);

  if (h && h->fd < 0) misuse(c, "field 'enter' holds a closed handle");
  if (!h && lua_type(c->L, -1) != LUA_TSTRING)
    misuse(c, "field 'enter' must hold paths or handles");
  if (!h && strlen(lua_tostring(c->L, -1)) != lua_rawlen(c->L, -1))
    misuse(c, "field 'enter' holds a NUL byte");
  entry->path = h ? NULL : lua_tostring(c->L, -1);
  entry->fd = h ? h->fd : -1;
}

/* {net = path or handle, ...} */
void check_entries(Check *c, Step *s)
{
  Entrance *list;

  lua_pushliteral(c->L, "enter");
  if (lua_rawget(c->L, c->table) == LUA_TNIL) {
    lua_pop(c->L, 1);
    return;
  }
  if (lua_type(c->L, -1) != LUA_TTABLE) misuse(c, "field 'enter' must be a table");
  s->enter.list = list = keep_memory(c, KINDS * sizeof *list);
  for (lua_pushnil(c->L); lua_next(c->L, -2); lua_pop(c->L, 1)) {
    Entrance *entry = &list[s->enter.count];

    if (lua_type(c->L, -2) != LUA_TSTRING) misuse(c, "a name in 'enter' must be a string");
    entry->name = lua_tostring(c->L, -2);
    entry->flag = kind_flag(c, entry->name);
    check_place(c, entry);
    s->enter.count++;
  }
  lua_pop(c->L, 1);
}

/* The flags of what a step enters. */
uint64_t entered(const Step *s)
{
  uint64_t flags = 0;

  for (size_t i = 0; i < s->enter.count; i++) flags |= s->enter.list[i].flag;
  return flags;
}

static int open_place(const char *path)
{
  return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Of a user's own, as unshare(1) or a rootless container makes one: who has made the user namespace
   that owns it may do anything there, so he enters that first (ioctl_nsfs(2), user_namespaces(7)).
   The child's will be below it, and its one id is who the caller is there. */
static int enter_with_owner(Run *r, int fd, int kind)
{
  int result, owner = r->direct || r->sync >= 0 ? -1 : ioctl(fd, NS_GET_USERNS);

  if (owner >= 0) {
    result = setns(owner, CLONE_NEWUSER);
    close(owner);
    if (result == 0) {
      r->below = true, r->below_uid = geteuid(), r->below_gid = getegid();
      return setns(fd, kind);
    }
  }
  errno = EPERM;
  return -1;
}

int enter_all(Run *r, const Step *s)
{
  for (size_t i = 0; i < s->enter.count; i++) {
    const Entrance *entry = &s->enter.list[i];
    int result, fd = entry->path ? open_place(entry->path) : entry->fd;

    if (fd < 0) return stop(r, "open", entry->path);
    result = setns(fd, (int)entry->flag);
    if (result < 0 && errno == EPERM) result = enter_with_owner(r, fd, (int)entry->flag);
    if (result < 0) stop(r, "setns", entry->path ? entry->path : entry->name);
    if (entry->path) close(fd);
    if (result < 0) return -1;
  }
  return 0;
}

typedef struct Maker {
  Run *run;
  struct clone_args *args;
  void (*child)(void *);
  long pid;
} Maker;

static void maker_main(void *data)
{
  Maker *m = data;

  m->run->report->step = 0;
  if (enter_all(m->run, &m->run->steps[0]) < 0) _exit(125);
  m->run->report->step = -1;
  m->pid = clone3_call(m->args, m->child, m->run);
  _exit(0);
}

long clone_child(Run *r, struct clone_args *args, void (*child)(void *))
{
  struct clone_args own = {
    .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
    .stack = (uint64_t)(uintptr_t)(r->stack + RESERVED_STACK),
    .stack_size = r->stack_size / 2 - RESERVED_STACK,
  };
  Maker maker = {r, args, child, 0};
  long pid;

  if (strcmp(r->steps[0].verb->name, "namespaces") != 0 || r->steps[0].enter.count == 0)
    return clone3_call(args, child, r);
  args->flags |= CLONE_PARENT;
  pid = clone3_call(&own, maker_main, &maker);
  if (pid < 0) return pid;
  while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR) continue;
  return maker.pid;
}

/* namespace_type(path or handle) -> "net", "user", ... | nil, message, errno */
static int namespace_type(lua_State *L)
{
  static const struct {
    int flag;
    const char *name;
  } names[] = {
    {CLONE_NEWNET, "net"},       {CLONE_NEWIPC, "ipc"},     {CLONE_NEWUTS, "uts"},
    {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWUSER, "user"},   {CLONE_NEWNS, "mount"},
    {CLONE_NEWPID, "pid"},       {0x80 /* NEWTIME */, "time"},
  };
  Fd *h = luaL_testudata(L, 1, FD_TYPE);
  const char *path = h ? "the handle" : luaL_checkstring(L, 1);
  int fd = h ? h->fd : open_place(path), type, err;

  if (fd < 0) return fail(L, path);
  type = ioctl(fd, NS_GET_NSTYPE);
  err = errno;
  if (!h) close(fd);
  errno = err;
  if (type < 0) return fail(L, path);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].flag == type) lua_pushstring(L, names[i].name);
  if (lua_gettop(L) == 1) lua_pushliteral(L, "unknown");
  return 1;
}

void open_namespaces(lua_State *L)
{
  lua_pushcfunction(L, namespace_type);
  lua_setfield(L, -2, "namespace_type");
}
