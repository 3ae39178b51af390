/* Any plan is either taken, or refused with a message that says where. Nothing runs. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size);

static void require(bool holds, const char *what, const char *text)
{
  if (holds) return;
  fprintf(stderr, "%s: %s\n", what, text ? text : "nothing");
  abort();
}

/* Checked twice, with the garbage collected in between: a check changes nothing in a plan. */
static bool check(lua_State *L, int plan)
{
  const char *message;

  lua_getfield(L, 1, "check_plan");
  lua_pushvalue(L, plan);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
  message = lua_tostring(L, -1);
  require(message && (strncmp(message, "step ", 5) == 0 || strstr(message, "bad argument #1")),
          "a message that does not say where", message);
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size)
{
  static lua_State *L;
  bool once;

  if (!L) L = value_state();
  value_push(L, text, size);
  once = check(L, 2);
  lua_gc(L, LUA_GCCOLLECT);
  require(check(L, 2) == once && (once || lua_rawequal(L, 3, 4)), "two answers to one plan",
          lua_tostring(L, -1));
  lua_settop(L, 1);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}
