/* From the child's report to the parent's message. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "step.h"

int stop(Run *r, const char *call, const char *path)
{
  r->report->err = errno;
  r->report->call = call;
  r->report->path = path;
  return -1;
}

/* The fs context keeps messages of the form "e overlay: text"; each read takes one. The errors
   are kept. */
int stop_with_log(Run *r, int fs, const char *call, const char *path)
{
  int err = errno;
  char *log = r->report->log;
  size_t room = sizeof r->report->log - 1, used = 0;
  char message[512];
  ssize_t n;

  while (fs >= 0 && (n = read(fs, message, sizeof message)) > 0) {
    size_t len = (size_t)n;

    if (message[0] != 'e' || len < 3) continue;
    while (len > 2 && message[len - 1] == '\n') len--;
    if (used > 0 && used + 2 < room) log[used++] = ';', log[used++] = ' ';
    if (len - 2 > room - used) len = room - used + 2;
    memcpy(log + used, message + 2, len - 2);
    used += len - 2;
  }
  log[used] = '\0';
  errno = err;
  return stop(r, call, path);
}

/* "/work" for most verbs, the program for exec, nothing where a verb has no object. */
static const char *object_of(const Step *s)
{
  if (s->target) return s->target;
  return strcmp(s->verb->name, "exec") == 0 ? s->exec.argv[0] : NULL;
}

static void push_message(lua_State *L, const Step *s, const Report *report)
{
  const char *object = object_of(s);
  luaL_Buffer b;

  luaL_buffinit(L, &b);
  luaL_addstring(&b, s->verb->name);
  if (object) luaL_addstring(&b, " "), luaL_addstring(&b, object);
  if (report->call && strcmp(report->call, s->verb->name) != 0) {
    luaL_addstring(&b, ": ");
    luaL_addstring(&b, report->call);
  }
  if (report->path && report->path != object)
    luaL_addstring(&b, " "), luaL_addstring(&b, report->path);
  luaL_addstring(&b, ": ");
  luaL_addstring(&b, strerror(report->err));
  if (report->log[0]) luaL_addstring(&b, ": "), luaL_addstring(&b, report->log);
  luaL_pushresult(&b);
}

static void set_string(lua_State *L, const char *name, const char *value)
{
  if (!value || !value[0]) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* Every part of the target from the first one that was made. */
static void push_made(lua_State *L, const Step *s, size_t size)
{
  const char *target = s->target;

  for (;; size += 1 + strcspn(target + size + 1, "/")) {
    lua_pushlstring(L, target, size);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    if (target[size] == '\0') return;
  }
}

/* Directories and files that a plan makes are no mount points: the caller has asked for them. */
static bool was_made_to_mount_on(const Step *s, uint16_t made)
{
  return made > 0 && s->verb->run != run_mkdir && s->verb->run != run_file &&
         s->verb->run != run_symlink;
}

/* Field mount_points of the table on the top of the stack, when there are any. */
static bool set_mount_points(lua_State *L, const Step *steps, size_t count, const Report *report)
{
  bool any = false;

  lua_newtable(L);
  for (size_t i = 0; report->made && i < count; i++) {
    if (!was_made_to_mount_on(&steps[i], report->made[i])) continue;
    push_made(L, &steps[i], report->made[i]);
    any = true;
  }
  if (any)
    lua_setfield(L, -2, "mount_points");
  else
    lua_pop(L, 1);
  return any;
}

/* What the caller must know though all went well: {mount_points = {path inside, ...}, proc = "bind"
   when no fresh one was to be had}. Returns 0 and pushes nothing when there is nothing. */
int push_notes(lua_State *L, const Step *steps, size_t count, const Report *report)
{
  bool told = report->proc_is_callers;

  lua_createtable(L, 0, 2);
  if (told) set_string(L, "proc", "bind");
  told |= set_mount_points(L, steps, count, report);
  if (!told) lua_pop(L, 1);
  return told;
}

/* nil, message, errno, {step = number from 1, verb =, call =, path =, log =, mount_points =} */
int push_report(lua_State *L, const Step *steps, size_t count, const Report *report)
{
  const Step *s = &steps[report->step];

  luaL_pushfail(L);
  push_message(L, s, report);
  lua_pushinteger(L, report->err);
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, report->step + 1);
  lua_setfield(L, -2, "step");
  set_string(L, "verb", s->verb->name);
  set_string(L, "call", report->call);
  set_string(L, "path", report->path ? report->path : object_of(s));
  set_string(L, "log", report->log);
  set_mount_points(L, steps, count, report);
  return 4;
}
