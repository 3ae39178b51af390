/* Text to a Lua value, for the fuzzers: every text is some value, and none of it is run. */
#ifndef MOONSAND_FUZZ_VALUE_H
#define MOONSAND_FUZZ_VALUE_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

/* A state with moonsand.core, and the handles that a text can name. */
lua_State *value_state(void);

/*
** Pushes what the text says, and nothing but one value:
**   {a b, c = d, [e] = f}   a table        3*x   x three times, in a list
**   "a\0b" or a word        a string       12    a number
**   true false nil inf nan  themselves     @     the outermost table that is open
**   <fd> <closed> <file> <closed-file> <process> <ended> <function>
** What cannot be read is skipped; what is not closed ends with the text.
*/
void value_push(lua_State *L, const uint8_t *text, size_t size);

#endif
