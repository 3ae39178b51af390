--- What the program may do with files, ports, abstract sockets and signals: from the option
--- `landlock` to one step of the plan, cut to what this kernel can do.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Landlock     a right is restricted once its set is given
---@field read? string[]       files that may be read and directories listed, with all below
---@field execute? string[]    what may be executed
---@field write? string[]      where files may be written, made, removed, moved and truncated
---@field refer? string[]      where files may be moved or linked to from another directory, too
---@field truncate? string[]   what may be truncated, too
---@field ioctl? string[]      devices that may be controlled
---@field bind? integer[]      TCP ports
---@field connect? integer[]   TCP ports
---@field scope? string[]      "abstract", "signal": those of processes outside are out of reach
---@field optional? boolean    a path that is not there is no error
---@field best_effort? boolean what this kernel cannot enforce is in `result.not_enforced`

local kinds = {
  read = "path", execute = "path", write = "path", refer = "path", truncate = "path",
  ioctl = "path", bind = "port", connect = "port", scope = "scope", optional = "flag",
  best_effort = "flag",
}

local scopes = {abstract = true, signal = true}

--- The ABI that a set needs, the kernel that has it, and what goes unseen without it.
local needs = {
  {"read", 1, "5.13", "reading"}, {"execute", 1, "5.13", "execution"},
  {"write", 3, "6.2", "truncation of files"}, {"refer", 2, "5.19", "moves between directories"},
  {"truncate", 3, "6.2", "truncation of files"}, {"bind", 4, "6.7", "TCP ports"},
  {"connect", 4, "6.7", "TCP ports"}, {"ioctl", 5, "6.10", "control of devices"},
  {"scope", 6, "6.12", "abstract sockets and signals"},
}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local is = {
  path = function(value) return type(value) == "string" and value:sub(1, 1) == "/" end,
  port = function(value) return math.type(value) == "integer" and value >= 0 and value < 65536 end,
  scope = function(value) return scopes[value] ~= nil end,
}

local what = {
  path = "an absolute path inside of the sandbox", port = "a port from 0 to 65535",
  scope = "'abstract' or 'signal'",
}

local function check_list(key, list, kind)
  if type(list) ~= "table" then wrong(("landlock.%s must be a list"):format(key)) end
  for _, value in ipairs(list) do
    if not is[kind](value) then
      wrong(("landlock.%s: '%s' is not %s"):format(key, tostring(value), what[kind]))
    end
  end
end

local function check(given)
  for key, value in order.sorted(given) do
    local kind = kinds[key]
    if not kind then
      local near = type(key) == "string" and fault.nearest(key, order.keys(kinds))
      wrong(("unknown key '%s' in 'landlock'"):format(tostring(key)),
        near and ("did you mean '%s'?"):format(near))
    elseif kind ~= "flag" then
      check_list(key, value, kind)
    elseif type(value) ~= "boolean" then
      wrong(("landlock.%s must be true or false"):format(key))
    end
  end
end

--- What of the sets a kernel cannot enforce.
---@param given moonsand.sandbox.Landlock
---@param abi integer   0: no Landlock at all
---@return moonsand.sandbox.Unmet[]
function M.unmet(given, abi)
  local list = {}
  for _, need in ipairs(needs) do
    local key, least, kernel, unseen = table.unpack(need)
    if given[key] and abi < least then
      list[#list + 1] = {
        option = "landlock." .. key,
        reason = abi == 0 and "this kernel has no Landlock, or it is off (lsm= at boot)"
          or ("Landlock ABI %d of this kernel does not see %s"):format(abi, unseen),
        hint = ("ABI %d came with Linux %s"):format(least, kernel),
      }
    end
  end
  return list
end

local known_abi

--- The Landlock ABI of this kernel, 0 when there is none; asked for once.
---@return integer
function M.abi()
  known_abi = known_abi or core.landlock_abi() or 0
  return known_abi
end

--- The step for an option value, or nil where the kernel has no Landlock; and what of it cannot be
--- enforced, which is a fault unless it was asked for with best effort.
---@param given moonsand.sandbox.Landlock
---@param abi? integer   default: this kernel's
---@return table? step
---@return moonsand.sandbox.Unmet[] unmet
function M.step(given, abi)
  check(given)
  abi = abi or M.abi()
  local unmet = M.unmet(given, abi)
  if #unmet > 0 and not given.best_effort then
    local first = unmet[1]
    fault.throw("host", ("sandbox: %s cannot be enforced: %s"):format(first.option, first.reason), {
      hint = first.hint .. "; 'best_effort = true' goes on without it",
    })
  end
  if abi == 0 then return nil, unmet end
  local step = {"landlock", optional = given.optional, abi = math.min(abi, 6)}
  for key, kind in pairs(kinds) do
    if kind ~= "flag" then step[key] = given[key] end
  end
  return step, unmet
end

return M
