/* Memory for Lua: a lua_Alloc. */
#include <stddef.h>

void *memory_for_lua(void *unused, void *block, size_t from, size_t to);
