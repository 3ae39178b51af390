--- Why a step failed and what to do about it, where its errno says too little.
local core = require "moonsand.core"
local ids = require "moonsand.sandbox.ids"
local overlay = require "moonsand.sandbox.overlay"

local M = {}

local EPERM, EOVERFLOW = 1, 75

local hints = {}

function hints.proc(_, errno)
  if errno ~= EPERM then return nil end
  return nil, "proc = \"bind\" (--proc bind) shows the caller's /proc in its place, read-only"
end

function hints.sysfs(_, errno)
  if errno ~= EPERM then return nil end
  return nil, "the kernel gives a sysfs only where a whole one is seen already; bind what there is:"
    .. " binds = {{source = \"/sys\"}} (--ro /sys)"
end

function hints.namespaces(_, errno, details)
  if details.call ~= "setns" or errno ~= EPERM then return nil end
  return nil, "to join a namespace takes CAP_SYS_ADMIN over it: start it as root; an ordinary user "
    .. "can join those that he made in a user namespace (unshare -rn), with one id"
end

local ENOENT, EACCES, ENOEXEC, ENOTDIR, EINVAL, ENOSYS = 2, 13, 8, 20, 22, 38

function hints.bind(step, errno, details)
  if errno == ENOENT and details.call == "open_tree" then
    return nil, "optional = true (--ro?, --rw?) goes on without it"
  end
  if errno ~= EINVAL and errno ~= ENOTDIR or type(step.source) ~= "string" then return nil end
  local source = core.stat(step.source, "follow")
  local is_directory = source and source.type == "directory"
  return nil, ("'%s' is a %s, and takes a place that is one, too, or is not there yet"):format(
    step.source, is_directory and "directory" or "file")
end

local function hint_of_paths(_, errno)
  if errno ~= ENOENT then return nil end
  return nil, "nothing is at that place inside: moonsand run --plan lists what is there"
end

hints.mask, hints.protect = hint_of_paths, hint_of_paths

local ENOSPC <const> = 28

function hints.watch(_, errno)
  if errno == ENOENT or errno == ENOTDIR then
    return nil, "a directory that is there inside can be watched, and nothing else"
  elseif errno == ENOSPC then
    return nil, "sysctl -w fs.inotify.max_user_watches=1048576"
  end
end

local EBUSY <const> = 16

function hints.observe(_, errno)
  if errno == EBUSY then
    return nil, "the kernel allows one observer: start it outside of what observes this process"
  elseif errno == EINVAL or errno == ENOSYS then
    return nil, "a kernel with seccomp's user notification (Linux 5.5 and newer) can do it"
  elseif errno == EPERM or errno == EACCES then
    return nil, "a container's filter, most likely: podman run --security-opt seccomp=unconfined"
  end
end

function hints.chdir(step, errno)
  if errno ~= ENOENT then return nil end
  return nil, ("it is not there inside: dirs = {\"%s\"} (--dir) makes it, a bind (--ro, --rw) shows"
    .. " the caller's"):format(step.target)
end

function hints.exec(step, errno, details)
  local name = step.argv[1]
  if errno == ENOENT and details.log then return nil end -- it is there, its interpreter is not
  if errno == ENOENT and name:find("/", 1, true) then
    return nil, "there is no such file inside; a bind (--ro) shows the caller's"
  elseif errno == ENOENT then
    return nil, ("it is in no directory of PATH inside, %s; what is elsewhere is bound (--ro), and "
      .. "named (--env PATH=...)"):format(step.path)
  elseif errno == EACCES then
    return nil, "it is a directory, or may not be executed: chmod +x, or its file system is noexec"
  elseif errno == ENOEXEC then
    return nil, "it is no program of this machine, and no script that begins with #!"
  end
end

function hints.ids(_, _, details) return nil, ids.hint(details) end

function hints.overlay(step, errno)
  local why, hint = overlay.explain(step, errno)
  return why and ("overlay %s: %s"):format(step.target, why), hint
end

--- What is known about a step that failed.
---@param plan? moonsand.sandbox.Plan
---@param errno integer
---@param details? table   from core.spawn
---@return string? message   in place of the kernel's
---@return string? hint
function M.of(plan, errno, details)
  local step = plan and details and plan[details.step]
  if not step then return nil end
  if errno == EOVERFLOW then
    return nil, "a file or directory there belongs to a user who has no id inside: "
      .. "ids = \"range\" (--ids range) gives ids to more users"
  end
  if hints[step[1]] then return hints[step[1]](step, errno, details) end
end

return M
