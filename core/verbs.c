/* The table of verbs: this is the list that errors, docs and direct calls share. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>

#include "step.h"

#define FIELDS(...) (const char *const[]){__VA_ARGS__, NULL}
#define NO_FIELDS (const char *const[]){NULL}

const Verb verbs[] = {
  {"namespaces", FIELDS("join", "enter"), check_namespaces, run_namespaces, true},
  {"cgroup", FIELDS("into", "join"), check_cgroup, run_cgroup, false},
  {"ids", FIELDS("uid", "gid", "user", "group"), check_ids, run_ids, true},
  {"no_new_namespaces", NO_FIELDS, check_no_new_namespaces, run_no_new_namespaces, true},
  {"propagation", FIELDS("target", "mode"), check_propagation, run_propagation, true},
  {"bind",
   FIELDS("source", "target", "read_only", "setuid", "devices", "executable", "recursive",
          "optional", "idmap", "tree"),
   check_bind, run_bind, true},
  {"tmpfs",
   FIELDS("target", "size", "mode", "read_only", "setuid", "devices", "executable"),
   check_tmpfs, run_tmpfs, true},
  {"proc", FIELDS("target", "read_only", "from"), check_proc, run_proc, true},
  {"sysfs", FIELDS("target", "read_only"), check_sysfs, run_sysfs, true},
  {"dev", FIELDS("target", "size", "terminals"), check_dev, run_dev, true},
  {"mask", FIELDS("paths", "optional"), check_mask, run_mask, true},
  {"protect", FIELDS("paths", "optional"), check_protect, run_protect, true},
  {"overlay",
   FIELDS("target", "lower", "upper", "work", "tmpfs_upper", "size", "options",
          "read_only", "legacy", "send_upper"),
   check_overlay, run_overlay, true},
  {"remount", FIELDS("target", "read_only", "recursive"), check_remount, run_remount, true},
  /* in the current process these two are core.mkdir and core.symlink of fs.c */
  {"mkdir", FIELDS("target", "mode"), check_mkdir, run_mkdir, false},
  {"symlink", FIELDS("target", "text"), check_symlink, run_symlink, false},
  {"file", FIELDS("target", "text", "mode"), check_file, run_file, true},
  {"pivot", NO_FIELDS, check_pivot, run_pivot, false},
  {"watch", FIELDS("paths", "queue"), check_watch, run_watch, true},
  {"hostname", FIELDS("name"), check_hostname, run_hostname, true},
  {"loopback", NO_FIELDS, check_loopback, run_loopback, true},
  {"time", FIELDS("monotonic", "boottime"), check_time, run_time, true},
  {"chdir", FIELDS("target"), check_chdir, run_chdir, true},
  {"umask", FIELDS("mode"), check_umask, run_umask, true},
  {"capabilities", FIELDS("keep", "bounding"), check_capabilities, run_capabilities, true},
  {"no_new_privileges", NO_FIELDS, check_no_new_privileges, run_no_new_privileges, true},
  {"rlimit",
   FIELDS("as", "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile", "nproc",
          "rss", "rtprio", "sigpending", "stack"),
   check_rlimit, run_rlimit, true},
  {"landlock",
   FIELDS("read", "execute", "write", "refer", "truncate", "ioctl", "bind", "connect", "scope",
          "optional", "abi"),
   check_landlock, run_landlock, true},
  {"observe", FIELDS("to"), check_observe, run_observe, false},
  {"seccomp", FIELDS("program", "name", "default", "unknown", "rules"), check_seccomp, run_seccomp,
   true},
  {"fds", FIELDS("map"), check_fds, run_fds, false},
  {"exec", FIELDS("argv", "env", "path", "session", "init", "terminal"), check_exec, run_exec,
   false},
  {"hold", NO_FIELDS, check_hold, run_hold, false},
  {NULL, NULL, NULL, NULL, false},
};

const Verb *verb_find(const char *name)
{
  for (const Verb *v = verbs; v->name; v++)
    if (v->name[0] == name[0] && strcmp(v->name, name) == 0) return v;
  return NULL;
}

/* core.bind{source = ..., target = ...}: one step in the current process -> true | nil, message,
   errno, details */
static int call_verb(lua_State *L)
{
  const Verb *verb = lua_touserdata(L, lua_upvalueindex(1));
  Report report = {.step = 0};
  Run run = {.direct = true, .root = -1, .init = -1, .status = -1, .parent = -1, .sync = -1,
             .sync_peer = -1, .done = -1, .near_fd = -1, .report = &report};
  Check c = {.L = L, .words = 1};
  int result;
  Step s;

  if (lua_gettop(L) == 0) lua_newtable(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  c.keep = 2;
  check_step(&c, 1, &s, verb);
  run.umask = umask(0);
  result = verb->run(&run, &s);
  target_forget(&run);
  umask(run.umask);
  if (result < 0) return push_report(L, &s, 1, &report);
  lua_pushboolean(L, 1);
  return 1;
}

/* check{"verb", ...}: raises what a plan with this step would raise; nothing is carried out */
static int check_verb(lua_State *L)
{
  Check c = {.L = L, .keep = 2, .verb = "?", .words = 2};
  const Verb *verb;
  Step s;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  if (lua_rawgeti(L, 1, 1) != LUA_TSTRING) misuse(&c, "a step begins with the verb's name");
  verb = verb_find(lua_tostring(L, -1));
  if (!verb) misuse(&c, "unknown verb '%s'", lua_tostring(L, -1));
  check_step(&c, 1, &s, verb);
  return 0;
}

/* verbs() -> {name = {field, ...}, ...}: what completion and docs need */
static int list_verbs(lua_State *L)
{
  lua_newtable(L);
  for (const Verb *v = verbs; v->name; v++) {
    lua_newtable(L);
    for (int i = 0; v->fields[i]; i++) {
      lua_pushstring(L, v->fields[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, v->name);
  }
  return 1;
}

void open_verbs(lua_State *L)
{
  for (const Verb *v = verbs; v->name; v++) {
    if (!v->direct) continue;
    lua_pushlightuserdata(L, (void *)(uintptr_t)v);
    lua_pushcclosure(L, call_verb, 1);
    lua_setfield(L, -2, v->name);
  }
  lua_pushcfunction(L, check_verb);
  lua_setfield(L, -2, "check");
  lua_pushcfunction(L, list_verbs);
  lua_setfield(L, -2, "verbs");
}
