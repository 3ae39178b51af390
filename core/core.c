/* luaopen_moonsand_core: one table with every verb. */
#include "core.h"

typedef void (*Opener)(lua_State *L);

static const Opener openers[] = {
  open_fd, open_handles, open_fs, open_xattrs, open_lock, open_self, open_hash, open_trees,
  open_tty, open_poll, open_process, open_plan, open_verbs, open_rlimits, open_syscalls,
  open_filter, open_landlock, open_capabilities, open_namespaces, open_idmapped, open_pass,
  open_interrupt, open_bound, open_edit, open_watch, open_observe, open_kernel,
  open_verity,
};

EXPORT int luaopen_moonsand_core(lua_State *L);

int luaopen_moonsand_core(lua_State *L)
{
  lua_newtable(L);
  for (size_t i = 0; i < sizeof openers / sizeof *openers; i++) openers[i](L);
  return 1;
}
