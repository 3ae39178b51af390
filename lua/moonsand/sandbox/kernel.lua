--- What of the kernel is seen inside: /proc, /sys, /dev, and what of them is hidden or read-only.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local proc = {fresh = true, bind = true, auto = true, [false] = true}

local function check_proc(options)
  local value = options.proc
  if value == nil or proc[value] then return end
  local near = type(value) == "string" and fault.nearest(value, {"fresh", "bind", "auto"})
  wrong(("'proc' is '%s'; it may be fresh, bind, auto or false"):format(tostring(value)),
    near and ("did you mean '%s'?"):format(near))
end

--- The kernel shows a sysfs by the network namespace, and mounts one only for who owns that.
local function check_sysfs(options)
  local network = options.network
  if not options.sysfs or not network or network == "none" or network == "user" then return end
  wrong("'sysfs' needs a network namespace of the sandbox's own, and the network is the host's",
    "bind the host's instead: binds = {{source = \"/sys\"}}")
end

local function check_devices(options)
  for i, path in ipairs(options.devices or {}) do
    local where = ("devices[%d], '%s',"):format(i, tostring(path))
    if type(path) ~= "string" or not path:find("^/dev/.") then
      wrong(where .. " must be a path below /dev")
    end
    local st, message = core.stat(path)
    if not st then wrong(("%s is not there: %s"):format(where, message)) end
    if st.type ~= "char" and st.type ~= "block" then
      wrong(("%s is a %s, not a device"):format(where, st.type),
        st.type == "directory" and "bind a whole directory: {source = ..., devices = true}" or nil)
    end
  end
end

local function check_paths(options, key)
  for i, path in ipairs(options[key] or {}) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" or path == "/" then
      wrong(("%s[%d], '%s', must be an absolute path inside, below /"):format(key, i,
        tostring(path)))
    end
  end
end

--- Refuse what cannot be.
---@param options moonsand.sandbox.Options   of the right kinds
function M.check(options)
  check_proc(options)
  check_sysfs(options)
  check_devices(options)
  check_paths(options, "mask")
  check_paths(options, "protect")
end

--- Directories of /proc in which nobody can write, or everybody may.
local harmless = {pressure = true, sysvipc = true, tty = true}

--- What says much of a host and nothing of use to a build; a /sys has it, too.
local revealing = {acpi = true, asound = true, keys = true, scsi = true, sched_debug = true}

local hidden_sys = {"/sys/firmware", "/sys/devices/virtual/powercap"}

--- One that nobody reads is there to be written to: that is refused, not swallowed by a mask.
local function is_private(mode) return mode & 4 == 0 and mode & 292 ~= 0 end -- o+r, a+r

local function is_writable(mode) return mode & 146 ~= 0 end -- 0222

local found ---@type {hidden: string[], fixed: string[]}?

--- The entries of /proc that a root would see and change, though no other user could. Read once:
--- the kernel's part of /proc does not change but for modules.
local function dangerous()
  if found then return found end
  local list = {hidden = {}, fixed = {}}
  local files, directories = assert(core.proc_entries())
  for name, mode in pairs(files) do
    local kind = (revealing[name] or is_private(mode)) and "hidden"
      or is_writable(mode) and "fixed"
    if kind then table.insert(list[kind], "/proc/" .. name) end
  end
  for name, mode in pairs(directories) do
    local kind = revealing[name] and "hidden"
      or (not harmless[name] or is_writable(mode)) and "fixed"
    if kind then table.insert(list[kind], "/proc/" .. name) end
  end
  table.sort(list.hidden)
  table.sort(list.fixed)
  found = list
  return list
end

local function add_paths(steps, verb, paths, optional)
  if #paths == 0 then return end
  steps[#steps + 1] = {verb, paths = paths, optional = optional or nil}
end

--- To the kernel a root's sandbox still is root, and files such as /proc/sysrq-trigger or
--- /proc/sys/kernel/core_pattern ask for no capability. What an ordinary user could not write to is
--- read-only here, what he could not read is hidden. His own sandboxes need none of that.
local function add_covers(steps, options, from)
  if core.uid() ~= 0 then return end
  if from then
    add_paths(steps, "mask", dangerous().hidden, true)
    if from ~= "bind" then add_paths(steps, "protect", dangerous().fixed, true) end
  end
  if options.sysfs then add_paths(steps, "mask", hidden_sys, true) end
end

--- Steps that mount /proc, /sys and /dev.
---@param steps table[]   appended to
---@param options table   checked
function M.add(steps, options)
  local from = options.proc == nil and "fresh" or options.proc
  if from then
    steps[#steps + 1] = {"proc", target = "/proc", from = from ~= "fresh" and from or nil}
  end
  if options.sysfs then steps[#steps + 1] = {"sysfs", target = "/sys"} end
  add_covers(steps, options, from)
  local terminals = options.devpts or options.devpts == nil and options.pty
  steps[#steps + 1] = {"dev", target = "/dev", terminals = terminals or nil}
  for _, path in ipairs(options.devices or {}) do
    steps[#steps + 1] = {"bind", source = path, target = path, devices = true}
  end
end

--- What the caller wants hidden and read-only, over everything that is mounted.
---@param steps table[]   appended to
---@param options table   checked
function M.add_own(steps, options)
  add_paths(steps, "protect", options.protect or {})
  add_paths(steps, "mask", options.mask or {})
end

return M
