--- Which namespaces a sandbox has of its own: all but time, unless `share` leaves one to the host,
--- `time` makes one, or `network` and `join` name one that is there.
local fault = require "moonsand.fault"
local network = require "moonsand.sandbox.network"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Time   seconds that are added to clocks
---@field monotonic? integer
---@field boottime? integer

local shareable = {cgroup = true, ipc = true, net = true, pid = true, uts = true}
local clocks = {monotonic = true, boottime = true}
local offset_limit <const> = 4000000000

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function check_share(share)
  for i, name in ipairs(share) do
    if name == "user" or name == "mount" then
      wrong(("'%s' cannot be shared: without it there is no sandbox"):format(name),
        "isolation = \"filters\" works without namespaces")
    elseif not shareable[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(shareable))
      wrong(("share[%d] is '%s'; it may be %s"):format(i, tostring(name),
        table.concat(order.keys(shareable), " or ")), near and ("did you mean '%s'?"):format(near))
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

local function check_together(options)
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
  check_share(options.share or {})
  check_time(options.time or {})
  network.check(options, shared(options))
  check_together(options)
end

--- Put in what follows from the options. Where processes are shared there is no pid 1 of ours.
---@param options table   a copy; changed
function M.complete(options)
  network.complete(options, shared(options))
  if not M.shares(options, "pid") then return end
  options.as_init = true
  if options.proc == nil then options.proc = "bind" end
end

--- What sharing takes from the promises of a sandbox.
---@param options table   checked
---@return moonsand.sandbox.Unmet[]
function M.unmet(options)
  if not M.shares(options, "pid") then return {} end
  return {{option = "share.pid", hint = "leave \"pid\" out of 'share'",
    reason = "processes that it leaves behind go on running, and it sees the host's"}}
end

--- The step that makes them.
---@param options table   checked
---@return table
function M.step(options)
  local step = {"namespaces", "user", "mount"}
  for _, name in ipairs {"pid", "ipc", "uts", "cgroup"} do
    if not M.shares(options, name) then step[#step + 1] = name end
  end
  if network.is_own(options) then step[#step + 1] = "net" end
  return step
end

--- The step that sets its clocks, or nil where they are the host's.
---@param options table   checked
---@return table?
function M.time_step(options)
  local time = options.time
  return time and {"time", monotonic = time.monotonic, boottime = time.boottime}
end

return M
