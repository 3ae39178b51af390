--- `isolation = "filters"`: a sandbox where there are no user namespaces. Landlock holds the
--- program to the declared files, seccomp to harmless calls; what only namespaces can do is refused
--- or said to be missing.
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local fault = require "moonsand.fault"
local landlock = require "moonsand.sandbox.landlock"
local order = require "moonsand.order"

local M = {}

--- Keys that mean the same without namespaces; any other one is refused.
local possible = {
  script = true, command = true, binds = true, env = true, cwd = true, network = true,
  umask = true, timeout = true, grace = true, idle_timeout = true, limits = true, stdin = true,
  stdout = true, stderr = true, fds = true, capture_limit = true, on_output = true,
  session = true, pty = true, name = true, seccomp = true, landlock = true, fsync = true,
  chown = true, isolation = true, steps = true, profile = true,
}

--- Keys that may be there with the one value that is true anyway.
local only = {root = "host", ids = "self", as_init = false, nested = false}

local function refuse(what, hint)
  fault.throw("usage", ("sandbox: %s needs namespaces, and isolation is 'filters'"):format(what),
    {hint = hint or "leave it out, or isolation = \"namespaces\""})
end

local function check_bind(bind, where)
  if type(bind.source) ~= "string" then refuse(where .. " (a handle)", "name a path") end
  if bind.idmap then refuse(where .. ".idmap") end
  if bind.target and bind.target ~= bind.source then
    refuse(("%s (%s at another place, %s)"):format(where, bind.source, bind.target),
      "files are where they are: leave 'target' out")
  end
end

--- Refuse what cannot be had.
---@param given moonsand.sandbox.Options   of the right kinds
function M.check(given)
  local kind = given.isolation
  if kind ~= nil and kind ~= "namespaces" and kind ~= "filters" then
    fault.throw("usage", ("sandbox: 'isolation' is '%s'; it may be filters or namespaces"):format(
      kind))
  end
  if kind ~= "filters" then return end
  for key, value in order.sorted(given) do
    local empty = type(value) == "table" and next(value) == nil
    if not possible[key] and only[key] ~= value and not empty then refuse(("'%s'"):format(key)) end
  end
  for i, bind in ipairs(given.binds or {}) do check_bind(bind, ("binds[%d]"):format(i)) end
  if given.limits and given.limits.disk then
    refuse("the limit 'disk'", "limits.file_size bounds one file")
  end
end

local programs = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

local readable = {
  "/proc", "/sys/devices/system/cpu", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
  "/etc/hosts", "/etc/localtime",
}

local devices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

local function there(list, ...)
  for i = 1, select("#", ...) do
    for _, path in ipairs((select(i, ...))) do
      if core.stat(path, "follow") then list[#list + 1] = path end
    end
  end
  return list
end

local function add_binds(sets, binds)
  for _, bind in ipairs(binds) do
    if not bind.optional or core.stat(bind.source, "follow") then
      for _, key in ipairs {"read", "execute", bind.read_only == false and "write" or nil,
        bind.devices and "ioctl" or nil} do
        table.insert(sets[key], bind.source)
      end
    end
  end
end

local function add_own(sets, own)
  for key, value in order.sorted(own or {}) do
    if type(value) ~= "table" or not sets[key] then
      sets[key] = value
    else
      table.move(value, 1, #value, #sets[key] + 1, sets[key])
    end
  end
end

--- The Landlock sets that stand for a sandbox of the host's programs.
---@param options table   checked
---@return moonsand.sandbox.Landlock
function M.sets(options)
  local sets = {
    read = there({}, programs, readable, devices, defaults.etc,
      options.network == "host" and defaults.etc_network or {}),
    execute = there({}, programs), write = there({}, devices), ioctl = there({}, {"/dev/tty"}),
    scope = {"abstract", "signal"},
  }
  add_binds(sets, options.binds)
  add_own(sets, options.landlock)
  if options.scratch then
    for _, key in ipairs {"read", "execute", "write"} do
      table.insert(sets[key], options.scratch)
    end
  end
  return sets
end

local missing = {
  {"processes", "the program sees the host's processes by /proc"},
  {"leftovers", "processes that it leaves behind go on running"},
  {"mounts", "it sees names, sizes and modes of all of the host's files, and /tmp is the host's"},
  {"metadata", "modes, owners, times and attributes may be changed outside of the write set"},
  {"ipc", "System V queues, semaphores and shared memory are the host's"},
  {"host", "host name, clock and control groups are the host's"},
}

--- What no filter can do.
---@param options table   checked
---@return moonsand.sandbox.Unmet[]
function M.unmet(options)
  local list = {}
  local function add(name, reason)
    list[#list + 1] = {option = "isolation." .. name, reason = reason,
      hint = "isolation = \"namespaces\""}
  end
  for _, one in ipairs(missing) do add(one[1], one[2]) end
  if options.network == "host" then
    add("sockets", "it can connect to the host's sockets that have a path")
  end
  if core.uid() == 0 then add("root", "the program is the host's root, without capabilities") end
  return list
end

--- The Landlock step, and everything that is not enforced. The sets of files must be; scopes and
--- devices are as good as the kernel is.
---@param options table   checked; may have `scratch`
---@return table? step
---@return moonsand.sandbox.Unmet[] unmet
function M.bounds(options)
  local sets, abi, own = M.sets(options), landlock.abi(), options.landlock or {}
  local dropped = {}
  for _, extra in ipairs {{"ioctl", 5}, {"scope", 6}} do
    if abi < extra[2] and not own[extra[1]] then
      local lost = landlock.unmet({[extra[1]] = sets[extra[1]]}, abi)
      table.move(lost, 1, #lost, #dropped + 1, dropped)
      sets[extra[1]] = nil
    end
  end
  local step, unmet = landlock.step(sets)
  table.move(dropped, 1, #dropped, #unmet + 1, unmet)
  local all = M.unmet(options)
  return step, table.move(unmet, 1, #unmet, #all + 1, all)
end

return M
