--- Which namespaces a sandbox has of its own: all but time, unless `share` leaves one to the host,
--- `time` makes one, or `network` and `join` name one that is there.
local capabilities = require "moonsand.sandbox.capabilities"
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local network = require "moonsand.sandbox.network"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

local wrong = check.wrong

---@class moonsand.sandbox.Time   seconds that are added to clocks
---@field monotonic? integer
---@field boottime? integer

local shareable = {cgroup = true, ipc = true, net = true, pid = true, uts = true}
local joinable = {cgroup = true, ipc = true, net = true, uts = true}
local clocks = {monotonic = true, boottime = true}
local offset_limit <const> = 4000000000

local function check_share(share)
  for _, name in ipairs(share) do
    if name == "user" or name == "mount" then
      wrong(("'%s' cannot be shared: without it there is no sandbox"):format(name),
        "isolation = \"filters\" works without namespaces")
    elseif not shareable[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(shareable))
      wrong(("'share' has '%s'; there are %s"):format(tostring(name),
        table.concat(order.keys(shareable), ", ")), near and ("did you mean '%s'?"):format(near))
    end
  end
end

local function check_time(time)
  for name, value in order.sorted(time) do
    if not clocks[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(clocks))
      wrong(("unknown clock '%s' in 'time'"):format(tostring(name)),
        near and ("did you mean '%s'?"):format(near) or "there are boottime and monotonic")
    elseif math.type(value) ~= "integer" or math.abs(value) > offset_limit then
      wrong(("time.%s must be a whole number of seconds, at most %d"):format(name, offset_limit))
    end
  end
end

local kept = {
  user = "the sandbox's own is what makes it one", mount = "the sandbox's files are in its own",
  pid = "its pid 1 would be another's child",
  time = "setns(2) lets no process in that shares memory",
}

--- A place must hold a namespace of the kind that is meant.
local function check_place(where, name, place)
  local kind, message, errno = core.namespace_type(place)
  where = ("'%s', %s,"):format(where, type(place) == "string" and "'" .. place .. "'"
    or "the handle")
  if not kind and errno == 25 then -- ENOTTY
    wrong(where .. " is no namespace", "ip netns add NAME makes /run/netns/NAME; a process has "
      .. "/proc/PID/ns/" .. name)
  elseif not kind then
    wrong(("%s cannot be opened: %s"):format(where, message))
  elseif kind ~= name then
    wrong(("%s is a namespace of the kind '%s'"):format(where, kind))
  end
end

local function check_join(join, share)
  for name, place in order.sorted(join) do
    if not joinable[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(joinable))
      wrong(("a namespace '%s' cannot be joined"):format(tostring(name)), kept[name]
        or near and ("did you mean '%s'?"):format(near) or "there are cgroup, ipc, net and uts")
    elseif share[name] then
      wrong(("'%s' is both in 'share' and in 'join'"):format(name), "leave one of the two out")
    elseif type(place) ~= "string" and type(place) ~= "userdata" then
      wrong(("join.%s must be a path or a handle, not a %s"):format(name, type(place)))
    end
    check_place("join." .. name, name, place)
  end
end

local function shared(options)
  local set = {}
  for _, name in ipairs(options.share or {}) do set[name] = true end
  return set
end

---@param options table
---@param name string
---@return boolean
function M.shares(options, name)
  return shared(options)[name] == true
end

--- A program enters new clocks as it is made by our pid 1; only from Linux 6.2 on as it executes.
local function check_clocks(options)
  local what = options.as_init and "'as_init'" or M.shares(options, "pid") and "\"pid\" in 'share'"
  if options.time and what then
    wrong(("'time' needs a pid 1 of ours, which %s takes away"):format(what),
      "leave one of the two out")
  end
end

--- utsname(2) has room for 64 bytes.
local function check_hostname(name)
  if not name or #name > 0 and #name <= 64 and not name:find("%z") then return end
  wrong(#name == 0 and "'hostname' is empty"
    or ("'hostname' has %d bytes, and the kernel takes 64 without a NUL"):format(#name))
end

local function check_together(options)
  local join = options.join or {}
  if join.net and options.network ~= nil then
    wrong("'network' is given, and 'join' has a net", "leave one of the two out")
  end
  if join.uts and options.hostname then
    wrong("'hostname' would be that of the namespace which is joined", "leave one of the two out")
  end
  if M.shares(options, "uts") and options.hostname then
    wrong("'hostname' would be the host's own name", "leave \"uts\" out of 'share'")
  end
  if M.shares(options, "pid") and (options.proc == "fresh" or options.proc == "auto") then
    wrong(("'proc' is '%s', and the kernel gives a /proc of shared processes to nobody"):format(
      options.proc), "proc = \"bind\" is what a sandbox with shared processes has")
  end
end

--- Refuse what cannot be.
---@param options moonsand.sandbox.Options   of the right kinds
function M.check(options)
  check_hostname(options.hostname)
  check_share(options.share or {})
  check_time(options.time or {})
  check_join(options.join or {}, shared(options))
  if network.is_path(options.network) then check_place("network", "net", options.network) end
  network.check(options, shared(options))
  check_clocks(options)
  check_together(options)
end

--- Put in what follows from the options. Where processes are shared there is no pid 1 of ours.
---@param options table   a copy; changed
function M.complete(options)
  local join = {}
  for name, place in pairs(options.join or {}) do
    join[name] = type(place) == "string" and check.absolute(place) or place
  end
  options.join = join
  network.complete(options, shared(options))
  if not M.shares(options, "pid") then return end
  options.as_init = true
  if options.proc == nil then options.proc = "bind" end
end

--- Is a namespace the sandbox's own, neither shared nor joined?
---@param options table   checked
---@param name string
---@return boolean
function M.is_own(options, name)
  return not options.join[name] and not M.shares(options, name)
end

local none_of_groups ---@type boolean?

--- Are there to be no namespaces of control groups below this process, as in a sandbox that is
--- nested? Read once.
local function has_no_groups()
  if none_of_groups == nil then
    none_of_groups = read "/proc/sys/user/max_cgroup_namespaces" == "0\n"
  end
  return none_of_groups
end

--- What sharing takes from the promises of a sandbox.
---@param options table   checked
---@return moonsand.sandbox.Unmet[]
function M.unmet(options)
  local list = {}
  if M.shares(options, "pid") then
    list[1] = {option = "share.pid", hint = "leave \"pid\" out of 'share'",
      reason = "processes that it leaves behind go on running, and it sees the host's"}
  end
  if M.is_own(options, "cgroup") and has_no_groups() then
    list[#list + 1] = {option = "share.cgroup", hint = "share = {\"cgroup\"} agrees to that",
      reason = "it sees the names of control groups outside: user.max_cgroup_namespaces is 0"}
  end
  return list
end

--- Can the program mount control groups, and write to them as the caller may? With a filter that
--- refuses mounts it cannot, and where the only group that it could reach is one of ours it may.
local function reaches_groups(options)
  if not options.nested and (options.seccomp or "build") == "build" then return false end
  return not (options.groups and options.groups:are_all() and M.is_own(options, "cgroup"))
end

--- To mount them takes CAP_SYS_ADMIN over the namespace of groups (cgroup_namespaces(7)): who has
--- that over the sandbox's own namespaces must not have one of groups.
local function has_own_groups(options)
  if not M.is_own(options, "cgroup") or has_no_groups() then return false end
  if not reaches_groups(options) then return true end
  for _, name in ipairs(capabilities.keep(options)) do
    if name == "cap_sys_admin" then return false end
  end
  return true
end

--- The step that makes them.
---@param options table   checked; has its `groups`
---@return table
function M.step(options)
  local step = {"namespaces", "user", "mount"}
  for _, name in ipairs {"pid", "ipc", "uts"} do
    if M.is_own(options, name) then step[#step + 1] = name end
  end
  if has_own_groups(options) then step[#step + 1] = "cgroup" end
  if network.is_own(options) then step[#step + 1] = "net" end
  if next(options.join) then step.enter = options.join end
  return step
end

--- The step after which the program can make no namespace of groups, in which it could mount them.
---@param options table   checked; has its `groups`
---@return table? step
function M.groups_step(options)
  if has_no_groups() or not reaches_groups(options) then return nil end
  return {"no_new_namespaces", "cgroup"}
end

--- The step that sets its clocks, or nil where they are the host's.
---@param options table   checked
---@return table?
function M.time_step(options)
  local time = options.time
  return time and {"time", monotonic = time.monotonic, boottime = time.boottime}
end

return M
