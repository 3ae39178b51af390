/*
** Which system calls a program may make: a policy, made into a program of BPF in the parent, and
** put in place in the program's own process as its last act before execve. Our pid 1 has none: it
** is not the program's, which cannot reach into it.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter.h"

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW 4
#endif

enum { LAST_ERROR = 133 };

/* "EPERM" -> 1; 0: no such name */
static uint32_t error_number(const char *name)
{
  if (strcmp(name, "ENOTSUP") == 0) return EOPNOTSUPP;
  for (int i = 1; i <= LAST_ERROR; i++) {
    const char *known = strerrorname_np(i);

    if (known && strcmp(known, name) == 0) return (uint32_t)i;
  }
  return 0;
}

static uint32_t parse_action(Check *c, const char *word)
{
  uint32_t number;

  if (strcmp(word, "allow") == 0) return SECCOMP_RET_ALLOW;
  if (strcmp(word, "kill") == 0) return SECCOMP_RET_KILL_PROCESS;
  if (strcmp(word, "log") == 0) return SECCOMP_RET_LOG;
  if (strcmp(word, "succeed") == 0) return SECCOMP_RET_ERRNO;
  if (strcmp(word, "errno") == 0) return SECCOMP_RET_ERRNO | EPERM;
  number = error_number(word);
  if (number == 0)
    misuse(c, "unknown action '%s' (known: allow, kill, log, succeed, errno, or the name of an "
              "error such as EPERM)", word);
  return SECCOMP_RET_ERRNO | number;
}

static Comparison parse_comparison(Check *c, const char *word)
{
  static const char *const words[] = {"eq", "ne", "lt", "le", "gt", "ge"};

  if (strcmp(word, "masked_eq") == 0) return EQUAL;
  for (int i = 0; i < 6; i++)
    if (strcmp(word, words[i]) == 0) return (Comparison)i;
  misuse(c, "unknown comparison '%s' (known: eq, ne, lt, le, gt, ge, masked_eq)", word);
}

static void check_name(Check *c, const char *name)
{
  size_t length = syscall_name_length(name);
  char room[64];
  const char *near;

  if (name[length] == '?' || syscall_known(name, length)) return;
  near = syscall_nearest(name, length, room);
  if (near) misuse(c, "unknown system call '%s'; did you mean '%s'?", name, near);
  misuse(c, "unknown system call '%s' (write '%s?' when it may be missing)", name, name);
}

static lua_Integer integer_at(Check *c, int table, int i, const char *what)
{
  int is_integer;
  lua_Integer value;

  lua_rawgeti(c->L, table, i);
  value = lua_tointegerx(c->L, -1, &is_integer);
  if (!is_integer || lua_type(c->L, -1) != LUA_TNUMBER)
    misuse(c, "a condition's %s must be an integer", what);
  lua_pop(c->L, 1);
  return value;
}

/* {argument from 0, comparison, value[, mask]} on the top of the stack */
static Condition parse_condition(Check *c)
{
  lua_State *L = c->L;
  int table = lua_gettop(L);
  Condition one = {.mask = UINT64_MAX};
  lua_Integer argument;
  bool masked;

  if (lua_type(L, table) != LUA_TTABLE || lua_rawlen(L, table) < 3 || lua_rawlen(L, table) > 4)
    misuse(c, "a condition is {argument, comparison, value[, mask]}");
  argument = integer_at(c, table, 1, "argument");
  if (argument < 0 || argument > 5) misuse(c, "arguments are numbered from 0 to 5");
  one.argument = (unsigned)argument;
  if (lua_rawgeti(L, table, 2) != LUA_TSTRING) misuse(c, "a comparison must be a word");
  one.comparison = parse_comparison(c, lua_tostring(L, -1));
  masked = strcmp(lua_tostring(L, -1), "masked_eq") == 0;
  lua_pop(L, 1);
  one.value = (uint64_t)integer_at(c, table, 3, "value");
  if (lua_rawlen(L, table) == 4)
    one.mask = (uint64_t)integer_at(c, table, 4, "mask");
  else if (masked)
    misuse(c, "masked_eq needs a mask: {argument, \"masked_eq\", value, mask}");
  if (one.value & ~one.mask) misuse(c, "a condition's value has bits outside of its mask");
  return one;
}

/* The list `when` of the rule on the top of the stack. */
static void parse_conditions(Check *c, Rule *rule)
{
  lua_State *L = c->L;
  Condition *list;
  lua_Unsigned n;
  int type = lua_getfield(L, -1, "when");

  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  n = type == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
  if (n < 1 || n > CONDITIONS_LIMIT)
    misuse(c, "'when' must be a list of 1 to %d conditions", CONDITIONS_LIMIT);
  list = keep_memory(c, (size_t)n * sizeof *list);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    list[i] = parse_condition(c);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  rule->when = list;
  rule->conditions = (size_t)n;
}

/* {action, name, name, ..., when = {...}} on the top of the stack */
static Rule parse_rule(Check *c)
{
  static const char *const known[] = {"when", NULL};
  int policy = c->table;
  Rule rule = {0};

  if (lua_type(c->L, -1) != LUA_TTABLE) misuse(c, "a rule is {action, name, ..., when = {...}}");
  c->table = lua_gettop(c->L);
  check_fields(c, known);
  rule.names = check_words(c, 1, NULL);
  if (!rule.names[0] || !rule.names[1]) misuse(c, "a rule is an action and at least one name");
  rule.action = parse_action(c, rule.names[0]);
  rule.names++;
  for (const char **name = rule.names; *name; name++) check_name(c, *name);
  parse_conditions(c, &rule);
  c->table = policy;
  return rule;
}

static const char *const policy_fields[] = {"default", "unknown", "rules", NULL};

static void parse_rules(Check *c, Policy *policy)
{
  lua_State *L = c->L;
  lua_Unsigned n;
  Rule *rules;

  lua_pushliteral(L, "rules");
  if (lua_rawget(L, c->table) != LUA_TTABLE) misuse(c, "field 'rules' must be a list");
  n = lua_rawlen(L, -1);
  if (n > FILTER_LIMIT) misuse(c, "more than %d rules", FILTER_LIMIT);
  rules = keep_memory(c, ((size_t)n + 1) * sizeof *rules);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    rules[i] = parse_rule(c);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  policy->rules = rules;
  policy->count = (size_t)n;
}

/* The policy in the table of `c` as a program; returns its length. */
static size_t compile(Check *c, struct sock_filter **out)
{
  const char *otherwise = check_string_or(c, "default", "allow");
  Policy policy = {.otherwise = parse_action(c, otherwise)};
  size_t size;

  policy.unknown = parse_action(c, check_string_or(c, "unknown", otherwise));
  luaL_checkstack(c->L, 16, "policy");
  parse_rules(c, &policy);
  *out = keep_memory(c, FILTER_LIMIT * sizeof **out);
  size = filter_compile(c, &policy, *out);
  if (size > FILTER_LIMIT)
    misuse(c, "the filter needs %zu instructions; the kernel takes %d", size, FILTER_LIMIT);
  return size;
}

/* filter{default =, unknown =, rules =} -> the program, for the step {"seccomp", program = ...};
   and how many instructions it has */
static int core_filter(lua_State *L)
{
  Check c = {.L = L, .table = 1, .keep = 2, .verb = "filter"};
  struct sock_filter *program;
  size_t size;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  check_fields(&c, policy_fields);
  size = compile(&c, &program);
  lua_pushlstring(L, (const char *)program, size * sizeof *program);
  lua_pushinteger(L, (lua_Integer)size);
  return 2;
}

/* {"seccomp", program = ...}, or a policy: {"seccomp", default =, unknown =, rules =} */
void check_seccomp(Check *c, Step *s)
{
  struct sock_filter *program;
  size_t size;

  s->text = check_string_or(c, "name", NULL);
  lua_pushliteral(c->L, "program");
  if (lua_rawget(c->L, c->table) == LUA_TNIL) {
    lua_pop(c->L, 1);
    s->filter.size = compile(c, &program);
    s->filter.program = program;
    return;
  }
  if (lua_type(c->L, -1) != LUA_TSTRING) misuse(c, "field 'program' must be a string");
  s->filter.program = (const struct sock_filter *)(const void *)lua_tolstring(c->L, -1, &size);
  if (size == 0 || size % sizeof *program != 0 || size / sizeof *program > FILTER_LIMIT)
    misuse(c, "field 'program' must be 1 to %d instructions of %zu bytes", FILTER_LIMIT,
           sizeof *program);
  s->filter.size = size / sizeof *program;
  lua_pop(c->L, 1);
}

/* Without SPEC_ALLOW a kernel before 5.16 makes the program slower for the sake of a sandbox
   inside of one process. */
static int apply_filter(Run *r, const Step *s)
{
  struct sock_fprog program = {
    .len = (unsigned short)s->filter.size,
    .filter = (struct sock_filter *)(uintptr_t)s->filter.program,
  };

  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
    return 0;
  if (errno == ENOMEM)
    strcpy(r->report->log, "the filters of one process may have 32768 instructions together");
  if (errno == EACCES) strcpy(r->report->log, "it needs the step no_new_privileges before it");
  return stop(r, "seccomp", NULL);
}

/* Kept for exec: see the head of this file. */
int run_seccomp(Run *r, const Step *s)
{
  if (r->direct) return apply_filter(r, s);
  r->filters = true;
  return 0;
}

/* In the order of the plan; one that forbids seccomp(2) must be the last. */
int apply_filters(Run *r)
{
  int program = r->report->step;

  for (size_t i = 0; r->filters && i < r->count; i++) {
    if (r->steps[i].verb->run != run_seccomp) continue;
    r->report->step = (int)i;
    if (apply_filter(r, &r->steps[i]) < 0) return -1;
  }
  r->report->step = program;
  return 0;
}

static const luaL_Reg functions[] = {
  {"filter", core_filter},
  {NULL, NULL},
};

void open_filter(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
