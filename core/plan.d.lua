---@meta
-- core/verbs.c, plan.c: steps as data. Misuse raises.

---@class moonsand.core
local core = {}

--- Check a step as `core.spawn` would, and carry nothing out. Raises what is wrong with it.
---@param step table   {"verb", field = value, ...}
function core.check(step) end

--- The verbs there are, each with the names of its fields.
---@return table<string, string[]>
function core.verbs() end
