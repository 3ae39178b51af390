/*
** moonsand.core: the kernel's verbs for Lua. Policy lives in Lua. Every file of this folder
** registers its functions through one opener; core.c is the table of contents.
*/
#ifndef MOONSAND_CORE_H
#define MOONSAND_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <lauxlib.h>
#include <lua.h>

#define EXPORT __attribute__((visibility("default")))

/* Each adds its functions to the module table on the top of the stack. */
void open_fd(lua_State *L);
void open_handles(lua_State *L); /* open.c */
void open_fs(lua_State *L);
void open_kernel(lua_State *L);
void open_xattrs(lua_State *L);
void open_verity(lua_State *L);
void open_lock(lua_State *L);
void open_self(lua_State *L);
void open_hash(lua_State *L);
void open_trees(lua_State *L); /* tree.c; open_tree is a system call */
void open_poll(lua_State *L);
void open_process(lua_State *L);
void open_plan(lua_State *L);
void open_verbs(lua_State *L);
void open_tty(lua_State *L);
void open_syscalls(lua_State *L);
void open_filter(lua_State *L);
void open_landlock(lua_State *L);
void open_rlimits(lua_State *L);
void open_idmapped(lua_State *L);
void open_pass(lua_State *L);
void open_interrupt(lua_State *L);
void open_bound(lua_State *L);
void open_edit(lua_State *L);
void open_watch(lua_State *L);
void open_observe(lua_State *L);
void open_capabilities(lua_State *L);
void open_namespaces(lua_State *L);

/* fail.c: the world's refusal. Returns nil, "what: why", errno; errno is saved before Lua is
   called. */
int fail(lua_State *L, const char *what);
int fail_as(lua_State *L, int err, const char *what);

/* fd.c: a handle is born closed (fd -1), with its metatable on, before the call that fills it. */
#define FD_TYPE "moonsand.fd"

typedef struct Fd {
  int fd;
  bool socket;      /* writing to it when nobody reads is an error, and no signal */
  uint32_t blocked; /* signals (bit 1: number 1) that are blocked for it, until it is closed */
} Fd;

Fd *fd_new(lua_State *L);
/* handle or integer -> number; raises when closed or negative */
int fd_check(lua_State *L, int arg);

#endif
