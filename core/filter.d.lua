---@meta
-- core/filter.c, syscalls.c, landlock.c: what moonsand.core says about filters. docs/filters.md
-- has the rest.

---@class moonsand.core
local core = {}

---@class moonsand.core.Policy
---@field default? string   what happens to calls that no rule decides (default "allow")
---@field unknown? string   what happens to numbers without a name here (default: as `default`)
---@field rules table[]     {action, name, ..., when = {{argument, comparison, value, mask?}, ...}}

--- A policy as a program of BPF for all ABIs of this machine. Misuse raises: an unknown name,
--- action or comparison; more than 4096 instructions.
---@param policy moonsand.core.Policy
---@return string program   for the step {"seccomp", program = ...}
---@return integer instructions
function core.filter(policy) end

--- Filter the current process, for good: a policy, or `program`.
---@param step moonsand.core.Policy|{program: string}
---@return boolean? ok
---@return string? message
---@return integer? errno
function core.seccomp(step) end

--- The numbers of a system call by ABI; nil and the nearest known name when there is none.
---@param name string
---@return table<string, integer>? numbers
---@return string? nearest
function core.syscall_number(name) end

--- The ABIs that a filter covers, the native one first.
---@return string[]
function core.abis() end

--- The Landlock ABI of this kernel.
---@return integer? abi
---@return string? message
---@return integer? errno
function core.landlock_abi() end

--- What stays allowed: the paths, ports and scopes of each right.
---@class moonsand.core.Restriction
---@field read? string[]
---@field execute? string[]
---@field write? string[]
---@field refer? string[]
---@field truncate? string[]
---@field ioctl? string[]
---@field bind? integer[]
---@field connect? integer[]
---@field scope? string[]      what is confined: "abstract" (sockets), "signal"
---@field optional? boolean    paths that are not there are passed over
---@field abi? integer         the rights are those that it knows

--- Restrict the current process, for good. A right is restricted once its set is given.
---@param step moonsand.core.Restriction
---@return boolean? ok
---@return string? message
---@return integer? errno
function core.landlock(step) end

return core
