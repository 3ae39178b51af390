#ifndef MOONSAND_SIGNAL_H
#define MOONSAND_SIGNAL_H

#include "core.h"

/* process.c: "TERM" <-> SIGTERM */
int signal_check(lua_State *L, int arg);
void signal_push(lua_State *L, int number);

#endif
