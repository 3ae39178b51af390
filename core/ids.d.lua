---@meta
-- core/caps.c: what a process may do in its user namespace.

---@class moonsand.core
local core = {}

--- The capabilities that the running kernel has, in its order, without "cap_".
---@return string[]
function core.capability_names() end

return core
