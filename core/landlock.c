/*
** Landlock: what a process, and all that come from it, may do with files, TCP ports, abstract
** sockets and signals; no privilege is needed (landlock(7)). A right is restricted once its set is
** named; an empty set leaves nothing. Paths are those of the world at this place of the plan.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

/* The headers of Debian 12 end at ABI 3: these are the structures of ABI 6. */
enum { RULE_PATH = 1, RULE_PORT = 2, BIND_TCP = 1, CONNECT_TCP = 2, ABSTRACT = 1, SIGNALS = 2 };

struct ruleset {
  uint64_t files, ports, scopes;
};

struct path_rule {
  uint64_t allowed;
  int32_t parent;
} __attribute__((packed));

struct port_rule {
  uint64_t allowed, port;
};

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAKE                                                                              \
  (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
   LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                          \
   LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REMOVE (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define WRITE                                                                \
  (LANDLOCK_ACCESS_FS_WRITE_FILE | MAKE | REMOVE | LANDLOCK_ACCESS_FS_REFER | \
   LANDLOCK_ACCESS_FS_TRUNCATE)
#define OF_A_FILE                                                                      \
  (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
   LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)

enum { NEWEST = 6, SETS = LANDLOCK_SETS, WRITE_SET = 2, REFER_SET = 3 };
enum { NEW_RULES = 444, ADD_RULE, RESTRICT_SELF }; /* system calls */

static const struct {
  const char *name;
  uint64_t rights;
} sets[SETS] = {
  {"read", READ},
  {"execute", LANDLOCK_ACCESS_FS_EXECUTE},
  {"write", WRITE},
  {"refer", LANDLOCK_ACCESS_FS_REFER},
  {"truncate", LANDLOCK_ACCESS_FS_TRUNCATE},
  {"ioctl", LANDLOCK_ACCESS_FS_IOCTL_DEV},
};

/* Rights that a kernel of this ABI does not know are not asked for. */
static uint64_t known_rights(int abi)
{
  uint64_t rights = LANDLOCK_ACCESS_FS_REFER - 1;

  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (abi >= 5) rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  return rights;
}

static bool is_given(Check *c, const char *field)
{
  int type;

  lua_pushstring(c->L, field);
  type = lua_rawget(c->L, c->table);
  lua_pop(c->L, 1);
  return type != LUA_TNIL;
}

static uint16_t *check_ports(Check *c, const char *field, size_t *count)
{
  lua_State *L = c->L;
  uint16_t *ports;

  *count = 0;
  lua_pushstring(L, field);
  if (lua_rawget(L, c->table) == LUA_TNIL) {
    lua_pop(L, 1);
    return NULL;
  }
  if (lua_type(L, -1) != LUA_TTABLE) misuse(c, "field '%s' must be a list of ports", field);
  *count = lua_rawlen(L, -1);
  if (*count > 65536) misuse(c, "field '%s' has more entries than there are ports", field);
  ports = keep_memory(c, (*count + 1) * sizeof *ports);
  for (size_t i = 0; i < *count; i++) {
    int is_integer;
    lua_Integer port;

    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    port = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || lua_type(L, -1) != LUA_TNUMBER || port < 0 || port > 65535)
      misuse(c, "field '%s' must hold integers from 0 to 65535", field);
    ports[i] = (uint16_t)port;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return ports;
}

static uint64_t check_scope(Check *c)
{
  const char **words = check_strings(c, "scope", NULL);
  uint64_t scopes = 0;

  for (; *words; words++) {
    if (strcmp(*words, "abstract") == 0)
      scopes |= ABSTRACT;
    else if (strcmp(*words, "signal") == 0)
      scopes |= SIGNALS;
    else
      misuse(c, "unknown scope '%s' (known: abstract, signal)", *words);
  }
  return scopes;
}

/* {"landlock", read = {...}, execute = , write = , refer = , truncate = , ioctl = , bind = {ports},
   connect = {ports}, scope = {...}, optional = false, abi = 6} */
void check_landlock(Check *c, Step *s)
{
  int abi = (int)check_integer(c, "abi", 1, 1000, NEWEST);

  s->keep = known_rights(abi);
  for (int i = 0; i < SETS; i++) {
    if (!is_given(c, sets[i].name)) continue;
    s->landlock.paths[i] = check_strings(c, sets[i].name, NULL);
    s->attributes |= sets[i].rights & s->keep;
  }
  s->flag = s->attributes && !s->landlock.paths[WRITE_SET] && !s->landlock.paths[REFER_SET];
  if (s->flag) s->attributes |= LANDLOCK_ACCESS_FS_REFER & s->keep; /* see allow_moves */
  s->landlock.bind = check_ports(c, "bind", &s->landlock.binds);
  s->landlock.connect = check_ports(c, "connect", &s->landlock.connects);
  if (s->landlock.bind) s->landlock.ports |= BIND_TCP;
  if (s->landlock.connect) s->landlock.ports |= CONNECT_TCP;
  s->number = check_scope(c);
  s->optional = check_flag(c, "optional", false);
  if (abi < 4) s->landlock.ports = 0;
  if (abi < 6) s->number = 0;
}

static int add_path(Run *r, const Step *s, int rules, const char *path, uint64_t rights)
{
  struct path_rule rule = {.allowed = rights & s->attributes};
  struct stat st;
  int result = 0;

  if (rule.allowed == 0) return 0;
  rule.parent = open(path, O_PATH | O_CLOEXEC);
  if (rule.parent < 0 && s->optional && (errno == ENOENT || errno == ENOTDIR)) return 0;
  if (rule.parent < 0) return stop(r, "open", path);
  if (fstat(rule.parent, &st) < 0) result = stop(r, "stat", path);
  if (result == 0 && !S_ISDIR(st.st_mode)) rule.allowed &= OF_A_FILE;
  if (result == 0 && rule.allowed && syscall(ADD_RULE, rules, RULE_PATH, &rule, 0) < 0)
    result = stop(r, "landlock_add_rule", path);
  let_go(r, rule.parent);
  return result;
}

static int add_paths(Run *r, const Step *s, int rules)
{
  for (int i = 0; i < SETS; i++) {
    const char **path = s->landlock.paths[i];

    for (; path && *path; path++)
      if (add_path(r, s, rules, *path, sets[i].rights) < 0) return -1;
  }
  return 0;
}

static int add_ports(Run *r, int rules, const uint16_t *ports, size_t count, uint64_t right)
{
  for (size_t i = 0; i < count; i++) {
    struct port_rule rule = {right, ports[i]};

    if (syscall(ADD_RULE, rules, RULE_PORT, &rule, 0) < 0)
      return stop(r, "landlock_add_rule(port)", NULL);
  }
  return 0;
}

/* A move to another directory is forbidden by any ruleset about files that does not allow it
   (landlock(7), LANDLOCK_ACCESS_FS_REFER). So it is allowed everywhere where writing is not
   restricted. */
static int allow_moves(Run *r, const Step *s, int rules)
{
  if (!s->flag) return 0;
  return add_path(r, s, rules, "/", LANDLOCK_ACCESS_FS_REFER);
}

static int fill_and_restrict(Run *r, const Step *s, int rules)
{
  bool ports = s->landlock.ports != 0;

  if (add_paths(r, s, rules) < 0 || allow_moves(r, s, rules) < 0) return -1;
  if (ports && add_ports(r, rules, s->landlock.bind, s->landlock.binds, BIND_TCP) < 0) return -1;
  if (ports && add_ports(r, rules, s->landlock.connect, s->landlock.connects, CONNECT_TCP) < 0)
    return -1;
  if (syscall(RESTRICT_SELF, rules, 0) == 0) return 0;
  if (errno == EPERM)
    strcpy(r->report->log, "it needs the step no_new_privileges before it");
  return stop(r, "landlock_restrict_self", NULL);
}

int run_landlock(Run *r, const Step *s)
{
  struct ruleset all = {s->attributes, s->landlock.ports, s->number};
  int rules, result;

  if (!all.files && !all.ports && !all.scopes) return 0;
  rules = (int)syscall(NEW_RULES, &all, sizeof all, 0);
  if (rules < 0) {
    if (errno == EINVAL || errno == E2BIG)
      strcpy(r->report->log, "this kernel's Landlock is too old for it");
    return stop(r, "landlock_create_ruleset", NULL);
  }
  result = fill_and_restrict(r, s, rules);
  close(rules);
  return result;
}

/* landlock_abi() -> 1, 2, ... | nil, message, errno: what this kernel can do (ABI 0: nothing) */
static int core_landlock_abi(lua_State *L)
{
  long abi = syscall(NEW_RULES, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);

  if (abi < 0) return fail(L, "landlock");
  lua_pushinteger(L, abi);
  return 1;
}

static const luaL_Reg functions[] = {
  {"landlock_abi", core_landlock_abi},
  {NULL, NULL},
};

void open_landlock(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
