/*
** Line editing: libedit, loaded when the first editor is made; without it everything else works.
** An editor reads lines from the process's own terminal, with a history and a completion of the
** caller's.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core.h"

#define EDITOR_TYPE "moonsand.editor"
#define LIBRARY "libedit.so.2"

/* What is used of the library. */
typedef struct Edit {
  __typeof__(el_init) *init;
  __typeof__(el_end) *end;
  __typeof__(el_set) *set;
  __typeof__(el_source) *source;
  __typeof__(el_gets) *gets;
  __typeof__(el_line) *line;
  __typeof__(el_cursor) *cursor;
  __typeof__(el_insertstr) *insert;
  __typeof__(history_init) *history_init;
  __typeof__(history_end) *history_end;
  __typeof__(history) *history;
} Edit;

enum { COMPLETE = 3 /* where editor_read has the function on its stack */ };

typedef struct Editor {
  Edit lib;
  EditLine *el; /* NULL: closed */
  History *history;
  locale_t locale; /* of the terminal: what its bytes mean */
  lua_State *L; /* while it reads */
  const char *prompt;
  bool interrupted, failed;
} Editor;

static const char *load(Edit *edit)
{
  static const struct {
    const char *name;
    size_t at;
  } symbols[] = {
    {"el_init", offsetof(Edit, init)},
    {"el_end", offsetof(Edit, end)},
    {"el_set", offsetof(Edit, set)},
    {"el_source", offsetof(Edit, source)},
    {"el_gets", offsetof(Edit, gets)},
    {"el_line", offsetof(Edit, line)},
    {"el_cursor", offsetof(Edit, cursor)},
    {"el_insertstr", offsetof(Edit, insert)},
    {"history_init", offsetof(Edit, history_init)},
    {"history_end", offsetof(Edit, history_end)},
    {"history", offsetof(Edit, history)},
  };
  void *function, *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

  if (!library) return dlerror();
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    function = dlsym(library, symbols[i].name);
    if (!function) return dlerror();
    memcpy((char *)edit + symbols[i].at, &function, sizeof function);
  }
  return NULL;
}

/* The editor that reads: libedit's callbacks and its signal handlers know one at a time, too. */
static Editor *reading;

static char *show_prompt(EditLine *el)
{
  (void)el;
  return (char *)(uintptr_t)reading->prompt;
}

/* ctrl-C: the line is shown as it was, and forgotten. */
static unsigned char interrupt(EditLine *el, int key)
{
  const LineInfo *info = reading->lib.line(el);

  (void)key;
  reading->interrupted = true;
  reading->lib.cursor(el, (int)(info->lastchar - info->cursor));
  reading->lib.insert(el, "^C");
  reading->lib.set(el, EL_REFRESH);
  return CC_NEWLINE;
}

/* ctrl-Z: libedit's own handling of the signal gives the terminal back, and takes it again. */
static unsigned char suspend(EditLine *el, int key)
{
  (void)el;
  (void)key;
  raise(SIGTSTP);
  return CC_REDISPLAY;
}

/* Below the line, which is drawn again after it. */
static void show(const char *text)
{
  fputc('\n', stdout);
  fputs(text, stdout);
  fflush(stdout);
}

/* complete(before, after) -> what to insert or nil, what to show or nil. What it raises is raised
   by editor:read, when libedit has let go of the terminal. */
static unsigned char complete(EditLine *el, int key)
{
  lua_State *L = reading->L;
  const LineInfo *info = reading->lib.line(el);
  unsigned char result = CC_REFRESH_BEEP;
  int top = lua_gettop(L), status;
  locale_t locale;

  (void)key;
  if (lua_isnoneornil(L, COMPLETE)) return CC_REFRESH_BEEP;
  lua_pushvalue(L, COMPLETE);
  lua_pushlstring(L, info->buffer, (size_t)(info->cursor - info->buffer));
  lua_pushlstring(L, info->cursor, (size_t)(info->lastchar - info->cursor));
  locale = uselocale(LC_GLOBAL_LOCALE);
  status = lua_pcall(L, 2, 2, 0);
  uselocale(locale);
  if (status != LUA_OK) {
    reading->failed = true; /* the error stays on the stack */
    return CC_EOF;
  }
  if (lua_isstring(L, -2) && reading->lib.insert(el, lua_tostring(L, -2)) == 0) result = CC_REFRESH;
  if (lua_isstring(L, -1)) {
    show(lua_tostring(L, -1));
    result = CC_REDISPLAY;
  }
  lua_settop(L, top);
  return result;
}

/* Keys as people expect them; their own ~/.editrc comes last. No key is a signal here. */
static void bind_keys(Editor *e)
{
  static const char *const keys[][2] = {
    {"^I", "moonsand-complete"}, {"^C", "moonsand-interrupt"}, {"^W", "ed-delete-prev-word"},
    {"^Z", "moonsand-suspend"}, {"^R", "em-inc-search-prev"}, {"\\e[3~", "ed-delete-next-char"},
    {"\\e[1~", "ed-move-to-beg"}, {"\\e[4~", "ed-move-to-end"}, {"\\e[H", "ed-move-to-beg"},
    {"\\e[F", "ed-move-to-end"}, {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},
  };

  e->lib.set(e->el, EL_EDITOR, "emacs");
  e->lib.set(e->el, EL_PROMPT, show_prompt);
  e->lib.set(e->el, EL_SIGNAL, 1);
  e->lib.set(e->el, EL_HIST, e->lib.history, e->history);
  e->lib.set(e->el, EL_ADDFN, "moonsand-complete", "complete a name", complete);
  e->lib.set(e->el, EL_ADDFN, "moonsand-interrupt", "forget the line", interrupt);
  e->lib.set(e->el, EL_ADDFN, "moonsand-suspend", "stop for a while", suspend);
  e->lib.set(e->el, EL_SETTY, "-d", "-isig", NULL);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    e->lib.set(e->el, EL_BIND, keys[i][0], keys[i][1], NULL);
  e->lib.source(e->el, NULL);
}

static int editor_gc(lua_State *L)
{
  Editor *e = luaL_checkudata(L, 1, EDITOR_TYPE);

  if (e->el) e->lib.end(e->el);
  if (e->history) e->lib.history_end(e->history);
  if (e->locale) freelocale(e->locale);
  e->el = NULL;
  e->history = NULL;
  e->locale = (locale_t)0;
  return 0;
}

/* The caller's; when that knows ASCII only, bytes are taken as UTF-8 all the same. */
static locale_t terminal_locale(void)
{
  locale_t own = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

  if (own && strcmp(nl_langinfo_l(CODESET, own), "ANSI_X3.4-1968") != 0) return own;
  if (own) freelocale(own);
  return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static int start(lua_State *L, Editor *e, const char *name, int size)
{
  HistEvent event;
  locale_t before;

  e->locale = terminal_locale();
  if (!e->locale) return fail(L, "locale");
  e->history = e->lib.history_init();
  before = uselocale(e->locale);
  e->el = e->lib.init(name, stdin, stdout, stderr);
  if (e->el && e->history) {
    e->lib.history(e->history, &event, H_SETSIZE, size);
    e->lib.history(e->history, &event, H_SETUNIQUE, 1);
    bind_keys(e);
  }
  uselocale(before);
  if (!e->el || !e->history) return fail_as(L, ENOMEM, "libedit");
  return 1;
}

/* editor(name, size of the history) -> editor | nil, message, errno: no libedit on this host */
static int core_editor(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  lua_Integer size = luaL_optinteger(L, 2, 1000);
  Editor *e;
  const char *problem;

  luaL_argcheck(L, size > 0 && size <= 1 << 20, 2, "not a size of a history");
  e = lua_newuserdatauv(L, sizeof *e, 0);
  memset(e, 0, sizeof *e);
  luaL_setmetatable(L, EDITOR_TYPE);
  problem = load(&e->lib);
  if (!problem) return start(L, e, name, (int)size);
  luaL_pushfail(L);
  lua_pushfstring(L, "no library to edit lines with: %s", problem);
  lua_pushinteger(L, ENOENT);
  return 3;
}

static Editor *check_editor(lua_State *L)
{
  Editor *e = luaL_checkudata(L, 1, EDITOR_TYPE);

  luaL_argcheck(L, e->el != NULL, 1, "the editor is closed");
  luaL_argcheck(L, reading == NULL, 1, "an editor is reading");
  return e;
}

/* editor:read(prompt [, complete]) -> line | false: interrupted | nil: no more */
static int editor_read(lua_State *L)
{
  Editor *e = check_editor(L);
  const char *line;
  locale_t before;
  int length = 0;

  e->prompt = luaL_checkstring(L, 2);
  lua_settop(L, COMPLETE);
  e->L = L;
  e->interrupted = e->failed = false;
  before = uselocale(e->locale);
  reading = e;
  line = e->lib.gets(e->el, &length);
  reading = NULL;
  uselocale(before);
  if (e->interrupted || e->failed) show("");
  if (e->failed) return lua_error(L);
  if (e->interrupted)
    lua_pushboolean(L, 0);
  else if (!line || length < 1)
    lua_pushnil(L);
  else
    lua_pushlstring(L, line, (size_t)(line[length - 1] == '\n' ? length - 1 : length));
  return 1;
}

/* editor:add(line): to the history, from which the arrow keys take */
static int editor_add(lua_State *L)
{
  Editor *e = check_editor(L);
  const char *line = luaL_checkstring(L, 2);
  HistEvent event;
  locale_t before = uselocale(e->locale);

  e->lib.history(e->history, &event, H_ENTER, line);
  uselocale(before);
  return 0;
}

static const luaL_Reg methods[] = {
  {"read", editor_read},
  {"add", editor_add},
  {"close", editor_gc},
  {NULL, NULL},
};

static const luaL_Reg meta[] = {
  {"__gc", editor_gc},
  {"__close", editor_gc},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"editor", core_editor},
  {NULL, NULL},
};

void open_edit(lua_State *L)
{
  luaL_newmetatable(L, EDITOR_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
