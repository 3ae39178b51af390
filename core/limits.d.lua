---@meta
-- core/rlimit.c, cgroup.c: resources of processes. The world's refusal is always nil, "what: why",
-- errno.

---@class moonsand.core
local core = {}

---@alias moonsand.core.Bound integer|"unlimited"

---@class moonsand.core.Resources
---@field as? moonsand.core.Bound|moonsand.core.Bound[]   one value, or {soft, hard}; so all others
---@field core? moonsand.core.Bound|moonsand.core.Bound[]
---@field cpu? moonsand.core.Bound|moonsand.core.Bound[]
---@field data? moonsand.core.Bound|moonsand.core.Bound[]
---@field fsize? moonsand.core.Bound|moonsand.core.Bound[]
---@field memlock? moonsand.core.Bound|moonsand.core.Bound[]
---@field msgqueue? moonsand.core.Bound|moonsand.core.Bound[]
---@field nice? moonsand.core.Bound|moonsand.core.Bound[]
---@field nofile? moonsand.core.Bound|moonsand.core.Bound[]
---@field nproc? moonsand.core.Bound|moonsand.core.Bound[]
---@field rss? moonsand.core.Bound|moonsand.core.Bound[]
---@field rtprio? moonsand.core.Bound|moonsand.core.Bound[]
---@field sigpending? moonsand.core.Bound|moonsand.core.Bound[]
---@field stack? moonsand.core.Bound|moonsand.core.Bound[]

--- Limit this process; as the step {"rlimit", ...}, the program of a plan.
---@param limits moonsand.core.Resources
---@return true?, string? message, integer? errno
function core.rlimit(limits) end

--- The limits of this process.
---@return table<string, {soft: moonsand.core.Bound, hard: moonsand.core.Bound}>?, string? message,
---  integer? errno
function core.rlimits() end
