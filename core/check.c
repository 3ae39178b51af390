/* Tables to steps: names to numbers, unknown keys refused by name. Nothing here has an effect on
   the system. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "step.h"

void misuse(Check *c, const char *format, ...)
{
  char text[512];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (c->step > 0)
    luaL_error(c->L, "step %d (%s): %s", c->step, c->verb, text);
  else
    luaL_error(c->L, "%s: %s", c->verb, text);
  __builtin_unreachable();
}

/* An overrun is to be seen: under the sanitizer every piece is a block of its own. */
#ifdef ADDRESS_SANITIZER
enum { BLOCK = 0 };
#else
enum { BLOCK = 4096 };
#endif

static void *keep_block(Check *c, size_t size)
{
  void *memory = lua_newuserdatauv(c->L, size, 0);

  memset(memory, 0, size);
  lua_rawseti(c->L, c->keep, (lua_Integer)lua_rawlen(c->L, c->keep) + 1);
  return memory;
}

/* Zeroed memory that lives until the call returns, raises or yields. */
void *keep_memory(Check *c, size_t size)
{
  size_t whole = (size / _Alignof(max_align_t) + 1) * _Alignof(max_align_t);

  if (BLOCK == 0 || size > BLOCK / 4) return keep_block(c, size);
  if (c->left < whole) {
    c->room = keep_block(c, BLOCK);
    c->left = BLOCK;
  }
  c->room += whole;
  c->left -= whole;
  return c->room - whole;
}

static bool is_known(const char *name, const char *const *known)
{
  for (; *known; known++)
    if (name[0] == (*known)[0] && strcmp(name, *known) == 0) return true;
  return false;
}

/* Every string key must be one of the known ones; number keys are the step's own list. */
void check_fields(Check *c, const char *const *known)
{
  lua_State *L = c->L;

  lua_pushnil(L);
  while (lua_next(L, c->table)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TNUMBER) continue;
    if (lua_type(L, -1) != LUA_TSTRING) misuse(c, "a field's name must be a string");
    if (!is_known(lua_tostring(L, -1), known)) misuse(c, "unknown field '%s'", lua_tostring(L, -1));
  }
}

/* The string on the top of the stack, without a NUL inside. */
static const char *plain_string(Check *c, const char *field)
{
  size_t len;
  const char *text;

  if (lua_type(c->L, -1) != LUA_TSTRING)
    misuse(c, "field '%s' must be a string, not a %s", field, luaL_typename(c->L, -1));
  text = lua_tolstring(c->L, -1, &len);
  if (strlen(text) != len) misuse(c, "field '%s' holds a NUL byte", field);
  return text;
}

const char *check_string_or(Check *c, const char *field, const char *otherwise)
{
  const char *text = otherwise;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) != LUA_TNIL) text = plain_string(c, field);
  lua_pop(c->L, 1);
  return text;
}

const char *check_string(Check *c, const char *field)
{
  const char *text = check_string_or(c, field, NULL);

  if (!text) misuse(c, "field '%s' is missing", field);
  return text;
}

/* "/", or "/a/b": no empty part, no "." or "..", no slash at the end. */
static bool is_normal(const char *path)
{
  if (path[0] != '/') return false;
  if (path[1] == '\0') return true;
  while (*path == '/') {
    size_t len = strcspn(++path, "/");

    if (len == 0 || len > 255) return false;
    if (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'))) return false;
    path += len;
  }
  return true;
}

void check_target_path(Check *c, const char *field, const char *path)
{
  if (strlen(path) > 4000) misuse(c, "%s is longer than 4000 bytes", field);
  if (!is_normal(path))
    misuse(c, "%s '%s' must be an absolute path without empty, '.' or '..' parts", field, path);
}

const char *check_target(Check *c, const char *field)
{
  const char *path = check_string(c, field);

  check_target_path(c, field, path);
  return path;
}

static bool is_closed(lua_State *L, int value)
{
  Fd *h = luaL_testudata(L, value, FD_TYPE);
  luaL_Stream *file = luaL_testudata(L, value, LUA_FILEHANDLE);

  return (h && h->fd < 0) || (file && !file->closef);
}

/* The number of a handle, of a file of Lua's own library, or the number itself; -1: it is none. */
int check_descriptor(Check *c, const char *field, int value)
{
  lua_State *L = c->L;

  if (is_closed(L, value)) misuse(c, "field '%s' holds a closed handle", field);
  if (luaL_testudata(L, value, FD_TYPE) || luaL_testudata(L, value, LUA_FILEHANDLE))
    return fd_check(L, value);
  if (!lua_isinteger(L, value)) return -1;
  return lua_tointeger(L, value) >= 0 && lua_tointeger(L, value) < DESCRIPTOR_LIMIT
    ? (int)lua_tointeger(L, value) : -1;
}

bool check_flag(Check *c, const char *field, bool otherwise)
{
  bool value = otherwise;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) != LUA_TNIL) {
    if (lua_type(c->L, -1) != LUA_TBOOLEAN)
      misuse(c, "field '%s' must be true or false, not a %s", field, luaL_typename(c->L, -1));
    value = lua_toboolean(c->L, -1);
  }
  lua_pop(c->L, 1);
  return value;
}

lua_Integer check_integer(Check *c, const char *field, lua_Integer low, lua_Integer high,
                          lua_Integer otherwise)
{
  lua_Integer value = otherwise;
  int is_integer = 1;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) != LUA_TNIL) {
    value = lua_tointegerx(c->L, -1, &is_integer);
    if (!is_integer || lua_type(c->L, -1) != LUA_TNUMBER || value < low || value > high)
      misuse(c, "field '%s' must be an integer from %lld to %lld", field, (long long)low,
             (long long)high);
  }
  lua_pop(c->L, 1);
  return value;
}

/* The array on the top of the stack, from index `from`; a list that ends in NULL. */
static const char **strings_on_top(Check *c, const char *field, lua_Unsigned from, size_t *count)
{
  lua_Unsigned n = lua_rawlen(c->L, -1);
  size_t size = n >= from ? (size_t)(n - from + 1) : 0;
  const char **list;
  int table = lua_gettop(c->L);

  if (size > 1000000) misuse(c, "field '%s' has more than a million entries", field);
  list = keep_memory(c, (size + 1) * sizeof *list);
  for (size_t i = 0; i < size; i++) {
    lua_rawgeti(c->L, table, (lua_Integer)(from + i));
    list[i] = plain_string(c, field);
    lua_pop(c->L, 1);
  }
  if (count) *count = size;
  return list;
}

const char **check_strings(Check *c, const char *field, size_t *count)
{
  const char **list;

  lua_pushstring(c->L, field);
  if (lua_rawget(c->L, c->table) == LUA_TNIL) {
    lua_pop(c->L, 1);
    list = keep_memory(c, sizeof *list);
    if (count) *count = 0;
    return list;
  }
  if (lua_type(c->L, -1) != LUA_TTABLE) misuse(c, "field '%s' must be a list", field);
  list = strings_on_top(c, field, 1, count);
  lua_pop(c->L, 1);
  return list;
}

const char **check_words(Check *c, int from, size_t *count)
{
  const char **list;

  lua_pushvalue(c->L, c->table);
  list = strings_on_top(c, "word", (lua_Unsigned)from, count);
  lua_pop(c->L, 1);
  return list;
}

/* One table to one step. `table` may carry the verb's name at index 1. */
void check_step(Check *c, int table, Step *s, const Verb *verb)
{
  c->table = table;
  c->verb = verb->name;
  luaL_checkstack(c->L, 8, "plan");
  memset(s, 0, sizeof *s);
  s->verb = verb;
  check_fields(c, verb->fields);
  verb->check(c, s);
}

/* The pairs of a table, whatever their keys. */
size_t count_pairs(lua_State *L, int table)
{
  size_t n = 0;

  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
  return n;
}
