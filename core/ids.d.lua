---@meta
-- core/caps.c, core/enter.c: what a process may do in its user namespace, and which ones there are.

---@class moonsand.core
local core = {}

--- The capabilities that the running kernel has, in its order, without "cap_".
---@return string[]
function core.capability_names() end

--- The kind of a namespace, by its file or a handle of it: "net", "ipc", "uts", "cgroup", "user",
--- "mount", "pid", "time".
---@param place string|moonsand.Fd
---@return string? kind, string? message, integer? errno
function core.namespace_type(place) end

return core
