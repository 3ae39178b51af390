---@meta
-- core/verbs.c, plan.c: steps as data. Misuse raises.

---@class moonsand.core
local core = {}

--- Check a step as `core.spawn` would, and carry nothing out. Raises what is wrong with it.
---@param step table   {"verb", field = value, ...}
function core.check(step) end

--- The same for a whole plan, the order of its steps included.
---@param plan table[]   steps
---@return true
function core.check_plan(plan) end

--- The verbs there are, each with the names of its fields.
---@return table<string, string[]>
function core.verbs() end

--- Carry a plan out in a child of its own. Misuse raises; what the kernel refuses is the answer.
---@param plan table[]
---@return moonsand.process? process   closing it kills everything inside
---@return table|string|nil notes   what the caller must know though all went well; or the message
---@return integer? errno
---@return {step: integer, verb: string, call: string, path: string?, log: string?}? details
function core.spawn(plan) end

--- A copy of this process, which ends with it. The handles that both hold are the parent's to close:
--- the copy leaves by `os.exit(code, false)`, and starts nothing that it does not end itself.
---@return moonsand.process|false? process   false: this is the copy
---@return string? message
---@return integer? errno
function core.fork() end

--- A detached mount of a path and everything below it, which shows files under other owners: for
--- the field `tree` of a step `bind`. The host's root only.
---@param path string
---@param uid_map string   lines "on the disk, seen, count", as in user_namespaces(7)
---@param gid_map string
---@return moonsand.Fd? handle, string? message, integer? errno
function core.idmapped(path, uid_map, gid_map) end

return core
