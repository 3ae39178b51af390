#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <lualib.h>

#include "spawn.h"
#include "value.h"

enum { DEPTH_LIMIT = 40, COPIES_LIMIT = 20000, WORD_LIMIT = 64 };

int luaopen_moonsand_core(lua_State *L);

typedef struct Text {
  lua_State *L;
  const char *at, *end;
  int depth;
  int copies; /* that a text may still ask for */
  int outermost; /* index of the first table; 0: none yet */
} Text;

static void push_process(lua_State *L, bool ended)
{
  Process *p = process_new(L);

  /* no process, but something to close: a signal sent to it is an error and no more */
  p->pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  p->namespaces = 0x10020000;
  p->ended = ended;
}

static void push_file(lua_State *L, bool closed)
{
  lua_getfield(L, -1, "tmpfile");
  lua_call(L, 0, 1);
  if (!closed) return;
  lua_getfield(L, -1, "close");
  lua_pushvalue(L, -2);
  lua_call(L, 1, 0);
}

static int do_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

static void name_value(lua_State *L, const char *name)
{
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

lua_State *value_state(void)
{
  lua_State *L = luaL_newstate();

  luaopen_moonsand_core(L);
  fd_new(L)->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  name_value(L, "<fd>");
  fd_new(L);
  name_value(L, "<closed>");
  push_process(L, false);
  name_value(L, "<process>");
  push_process(L, true);
  name_value(L, "<ended>");
  luaL_requiref(L, "io", luaopen_io, 0);
  push_file(L, false);
  name_value(L, "<file>");
  push_file(L, true);
  name_value(L, "<closed-file>");
  lua_pop(L, 1);
  lua_pushcfunction(L, do_nothing);
  name_value(L, "<function>");
  return L;
}

static void push_value(Text *t);

static bool is_word(char c)
{
  return isalnum((unsigned char)c) || (c && strchr("_/.-:?+<>", c)) || c & 0x80;
}

static void skip_to_value(Text *t)
{
  while (t->at < t->end && !is_word(*t->at) && !strchr("\"{}[]@", *t->at)) t->at++;
}

static bool next_is(Text *t, char c)
{
  if (t->at >= t->end || *t->at != c) return false;
  t->at++;
  return true;
}

/* "..." with \ddd and \c */
static void push_quoted(Text *t)
{
  luaL_Buffer b;

  luaL_buffinit(t->L, &b);
  while (t->at < t->end && *t->at != '"') {
    int byte = *t->at++;

    if (byte == '\\' && t->at < t->end) {
      byte = *t->at++;
      if (isdigit(byte)) {
        byte -= '0';
        for (int i = 0; i < 2 && t->at < t->end && isdigit((unsigned char)*t->at); i++)
          byte = byte * 10 + (*t->at++ - '0');
      }
    }
    luaL_addchar(&b, (char)byte);
  }
  if (t->at < t->end) t->at++;
  luaL_pushresult(&b);
}

/* Several copies of the next value: one value, many times in a list. */
static void push_copies(Text *t, lua_Integer count)
{
  lua_State *L = t->L;

  if (count > t->copies) count = t->copies;
  t->copies -= (int)count;
  push_value(t);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, i);
  }
  lua_remove(L, -2);
}

static bool push_constant(lua_State *L, const char *word)
{
  if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
    lua_pushboolean(L, word[0] == 't');
  else if (strcmp(word, "nil") == 0)
    lua_pushnil(L);
  else if (strcmp(word, "inf") == 0)
    lua_pushnumber(L, HUGE_VAL);
  else if (strcmp(word, "nan") == 0)
    lua_pushnumber(L, NAN);
  else
    return word[0] == '<' && lua_getfield(L, LUA_REGISTRYINDEX, word) > LUA_TNIL;
  return true;
}

static void push_word(Text *t)
{
  const char *start = t->at;
  char word[WORD_LIMIT];
  size_t size;
  int top = lua_gettop(t->L);

  while (t->at < t->end && is_word(*t->at)) t->at++;
  size = (size_t)(t->at - start);
  if (size < sizeof word) {
    memcpy(word, start, size);
    word[size] = '\0';
    if (lua_stringtonumber(t->L, word) == size + 1) {
      lua_Integer count = lua_tointeger(t->L, -1);

      if (count < 0 || !next_is(t, '*')) return;
      lua_pop(t->L, 1);
      push_copies(t, count);
      return;
    }
    if (push_constant(t->L, word)) return;
  }
  lua_settop(t->L, top);
  lua_pushlstring(t->L, start, size);
}

/* The value on the top is a key if "=" follows. */
static void add_field(Text *t, int table, lua_Integer *next)
{
  while (t->at < t->end && *t->at == ' ') t->at++;
  if (next_is(t, '=')) {
    push_value(t);
    if (lua_isnil(t->L, -2) || lua_rawequal(t->L, -2, -2) == 0) { /* nil, nan */
      lua_pop(t->L, 2);
      return;
    }
    lua_rawset(t->L, table);
  } else {
    lua_rawseti(t->L, table, (*next)++);
  }
}

static void push_table(Text *t)
{
  lua_Integer next = 1;
  int table;

  lua_newtable(t->L);
  table = lua_gettop(t->L);
  if (t->outermost == 0) t->outermost = table;
  for (;;) {
    skip_to_value(t);
    if (t->at >= t->end || next_is(t, '}')) return;
    if (next_is(t, ']')) continue;
    if (next_is(t, '[')) {
      push_value(t);
      next_is(t, ']');
    } else {
      push_value(t);
    }
    add_field(t, table, &next);
  }
}

static void push_value(Text *t)
{
  skip_to_value(t);
  luaL_checkstack(t->L, 8, "text");
  if (t->depth >= DEPTH_LIMIT || t->at >= t->end) {
    t->at = t->end;
    lua_pushnil(t->L);
    return;
  }
  t->depth++;
  if (next_is(t, '{'))
    push_table(t);
  else if (next_is(t, '"'))
    push_quoted(t);
  else if (next_is(t, '@') && t->outermost)
    lua_pushvalue(t->L, t->outermost);
  else if (t->at < t->end && is_word(*t->at))
    push_word(t);
  else
    t->at++, lua_pushnil(t->L);
  t->depth--;
}

void value_push(lua_State *L, const uint8_t *text, size_t size)
{
  Text t = {.L = L, .at = (const char *)text, .end = (const char *)text + size,
            .copies = COPIES_LIMIT};

  push_value(&t);
}
