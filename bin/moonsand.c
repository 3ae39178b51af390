/*
** The command `moonsand`: Lua with the core and the compiled modules linked in, so that a small
** command starts like a small program. bin/start.lua goes on from here; every module is still a
** file that can be read and changed: what was compiled of it counts for as long as the file is the
** same.
*/
#define _GNU_SOURCE
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alone.h"
#include "memory.h"

enum { BUG = 70, CREDIT = 4096 /* KiB */ };

typedef struct Module {
  const char *name, *path; /* a path that is not absolute is below the directory of modules */
  long long size, mtime_ns; /* of the source */
  size_t at, length; /* of its code in the bundle */
  const char *also; /* another module that it was made of, or NULL */
} Module;

/* bin/bundle.lua writes both; the names are sorted. */
static const Module modules[] = {
#include "bundle.h"
};
__asm__(".pushsection .rodata\n"
        ".globl moonsand_bundle\n.hidden moonsand_bundle\n"
        "moonsand_bundle:\n.incbin \"bundle.bin\"\n"
        ".popsection\n");
extern const char moonsand_bundle[];

extern int luaopen_moonsand_core(lua_State *L);

#pragma weak make_way

static int compare_name(const void *name, const void *module)
{
  return strcmp(name, ((const Module *)module)->name);
}

static const Module *find_module(const char *name)
{
  return bsearch(name, modules, sizeof modules / sizeof *modules, sizeof *modules, compare_name);
}

/* On the top of the stack */
static const char *push_path(lua_State *L, const Module *module, const char *directory)
{
  return module->path[0] == '/' ? lua_pushstring(L, module->path)
                                : lua_pushfstring(L, "%s/%s", directory, module->path);
}

static int unchanged(lua_State *L, const Module *module, const char *directory)
{
  const Module *also = module->also ? find_module(module->also) : NULL;
  int found;
  struct stat st;

  found = stat(push_path(L, module, directory), &st) == 0 && st.st_size == module->size &&
          st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec == module->mtime_ns;
  lua_pop(L, 1);
  return found && (!also || unchanged(L, also, directory));
}

static int load_module(lua_State *L, const Module *module)
{
  char name[PATH_MAX];

  snprintf(name, sizeof name, "@%s%s", module->path[0] == '/' ? "" : "lua/", module->path);
  return luaL_loadbufferx(L, moonsand_bundle + module->at, module->length, name, "b");
}

/* compiled(name, directory of modules) -> loader, path | nothing: the files are asked then */
static int compiled(lua_State *L)
{
  const Module *module = find_module(luaL_checkstring(L, 1));
  const char *directory = luaL_checkstring(L, 2);

  if (!module || !unchanged(L, module, directory) || load_module(L, module) != LUA_OK) return 0;
  push_path(L, module, directory);
  return 2;
}

/* As the lua command has it: an interrupt is an error of what runs (lua.c). */
static lua_State *interruptible;

static void raise_interrupt(lua_State *L, lua_Debug *where)
{
  (void)where;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

static void on_interrupt(int sig)
{
  signal(sig, SIG_DFL); /* a second one ends the process */
  lua_sethook(interruptible, raise_interrupt,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* warn("@on") and warn("@off") as the lua command has them: off at first (lauxlib.c). */
static void on_warning(void *state, const char *text, int more)
{
  static int on, within;

  (void)state;
  if (!within && !more && text[0] == '@') {
    if (strcmp(text, "@on") == 0 || strcmp(text, "@off") == 0) on = text[2] == 'n';
    return;
  }
  if (on) fprintf(stderr, "%s%s%s", within ? "" : "Lua warning: ", text, more ? "" : "\n");
  within = more;
}

static void push_own_path(lua_State *L)
{
  char path[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path);

  lua_pushlstring(L, path, size > 0 ? (size_t)size : 0);
}

static int start(lua_State *L)
{
  char **argv = lua_touserdata(L, 1);

  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_moonsand_core);
  lua_setfield(L, -2, "moonsand.core");
  lua_newtable(L);
  for (int i = 0; argv[i]; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
  if (load_module(L, find_module("start")) != LUA_OK) return lua_error(L);
  push_own_path(L);
  lua_pushcfunction(L, compiled);
  lua_call(L, 2, 0);
  return 0;
}

int main(int argc, char **argv)
{
  lua_State *L;

  (void)argc;
  if (make_way) make_way(argv);
  L = lua_newstate(memory_for_lua, NULL);
  if (!L) return BUG;
  lua_setwarnf(L, on_warning, NULL);
  lua_gc(L, LUA_GCGEN, 0, 0); /* as the lua command */
  lua_gc(L, LUA_GCSTEP, -CREDIT); /* a small command ends before anything is collected */
  interruptible = L;
  signal(SIGINT, on_interrupt);
  signal(SIGCHLD, SIG_DFL); /* who ignores it has no children to wait for */
  lua_pushcfunction(L, start);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    fprintf(stderr, "moonsand: %s\n", luaL_tolstring(L, -1, NULL));
  return BUG; /* start.lua leaves by itself */
}
