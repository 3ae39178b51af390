--- Which gate of a host is closed when a sandbox cannot be made, what that costs, and how it is
--- opened.
--- The failure often shows a step or two after its cause: the text is found by looking, not by
--- guessing.
local M = {}

---@class moonsand.sandbox.Gate
---@field what string     what is closed
---@field fix string      the command that opens it
---@field lasts? string   whether that holds over a reboot, and how to make it so

---@class moonsand.sandbox.Host
---@field read fun(path: string): string?   text of a file, nil when it cannot be read
---@field uid integer

local function number(host, path)
  local text = host.read(path)
  return text and tonumber(text:match("%-?%d+"))
end

local function setting(name, value)
  return {fix = ("sysctl -w %s=%s"):format(name, value),
    lasts = ("until the next boot; for good: echo '%s=%s' >/etc/sysctl.d/90-moonsand.conf")
      :format(name, value)}
end

local function gate(what, opener)
  opener.what = what
  return opener
end

local function in_chroot(host)
  local mounts = host.read("/proc/self/mountinfo")
  return mounts and not mounts:find("^%d+ %d+ %d+:%d+ %S+ / ")
    and not mounts:find("\n%d+ %d+ %d+:%d+ %S+ / ")
end

local function filtered(host)
  local status = host.read("/proc/self/status")
  return status and status:match("\nSeccomp:%s*(%d)") == "2"
end

local SYSCTL <const> = "/proc/sys/user/max_%s_namespaces"

--- A kind of namespace of which this host allows none. Without those of control groups it works.
local function none_allowed(host)
  for _, kind in ipairs {"user", "mnt", "pid", "net", "ipc", "uts"} do
    if number(host, SYSCTL:format(kind)) == 0 then
      local name = ("user.max_%s_namespaces"):format(kind)
      return gate(("this host allows no %s namespaces (%s is 0)"):format(
        kind == "mnt" and "mount" or kind, name), setting(name, "15000"))
    end
  end
end

--- What stands between a process and calls that the kernel has.
local function filter_gate(host)
  if not filtered(host) then return nil end
  return gate("a system call filter is on this process: a container's, most likely",
    {fix = "podman run --security-opt seccomp=unconfined ... (docker: the same option; in a sandbox"
      .. " of moonsand: 'nested')", lasts = "for that container"})
end

local function chroot_gate(what)
  return gate(what .. ", and from there the kernel makes no user namespace",
    {fix = "start moonsand outside of the chroot, or enter it with a mount namespace of its own"
      .. " (unshare --root, systemd-nspawn)"})
end

--- Gates before a user namespace, in the order in which the kernel asks.
---@param host moonsand.sandbox.Host
---@return moonsand.sandbox.Gate?
function M.user_namespaces(host)
  local none = none_allowed(host)
  if none then return none end
  if host.uid ~= 0 and number(host, "/proc/sys/kernel/unprivileged_userns_clone") == 0 then
    return gate("user namespaces are for root only (kernel.unprivileged_userns_clone is 0)",
      setting("kernel.unprivileged_userns_clone", "1"))
  end
  if host.uid ~= 0
    and number(host, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 then
    return gate("AppArmor takes the rights out of a user's namespaces"
      .. " (kernel.apparmor_restrict_unprivileged_userns is 1)",
      setting("kernel.apparmor_restrict_unprivileged_userns", "0"))
  end
  if in_chroot(host) then return chroot_gate("this process is in a chroot") end
  return filter_gate(host)
end

--- Names of what is mounted over parts of /proc; a fresh one is refused while they are there.
---@param host moonsand.sandbox.Host
---@return string[]
function M.masks(host)
  local names = {}
  for line in (host.read("/proc/self/mountinfo") or ""):gmatch("[^\n]+") do
    local target = line:match("^%d+ %d+ %d+:%d+ %S+ (/proc/%S+) ")
    if target then names[#names + 1] = target end
  end
  table.sort(names)
  return names
end

---@param host moonsand.sandbox.Host
---@return moonsand.sandbox.Gate?
function M.proc(host)
  local names = M.masks(host)
  if #names == 0 then return nil end
  return gate(("parts of this /proc are hidden (%s), so the kernel gives no fresh one"):format(
    table.concat(names, " ", 1, math.min(3, #names)) .. (#names > 3 and " ..." or "")),
    {fix = "podman run --security-opt unmask=ALL ..."
      .. " (docker: --security-opt systempaths=unconfined)",
      lasts = "for that container"})
end

---@param host moonsand.sandbox.Host
---@return moonsand.sandbox.Gate?
function M.overlay(host)
  if not (host.read("/proc/filesystems") or ""):find("\toverlay\n", 1, true) then
    return gate("this kernel has no overlay file system, or its module is not loaded",
      {fix = "modprobe overlay",
        lasts = "until the next boot; for good: echo overlay >/etc/modules-load.d/overlay.conf"})
  end
end

---@param host moonsand.sandbox.Host
---@return moonsand.sandbox.Gate?
function M.kernel(host)
  local release = host.read("/proc/sys/kernel/osrelease") or ""
  local major, minor = release:match("^(%d+)%.(%d+)")
  if not major then return nil end
  if tonumber(major) * 1000 + tonumber(minor) < 5015 then
    return gate(("Linux %s is older than 5.15"):format(release:match("%S+")),
      {fix = "boot a newer kernel"})
  end
end

local mounts = {bind = true, tmpfs = true, proc = true, sysfs = true, dev = true, overlay = true,
  mask = true, protect = true}

local function too_many_mounts(host)
  local most = number(host, "/proc/sys/fs/mount-max")
  return most and gate(("a mount namespace may have %d mounts (fs.mount-max)"):format(most),
    setting("fs.mount-max", tostring(most * 2)))
end

local function read_only()
  return gate("the place is on something that is read-only at that step",
    {fix = "make it at an earlier step (moonsand run --plan shows them), or somewhere else"})
end

--- The gate that most likely made a step fail.
---@param verb string     of the step
---@param errno integer
---@param host moonsand.sandbox.Host
---@return moonsand.sandbox.Gate?
function M.behind(verb, errno, host)
  local EPERM, EACCES, ENODEV, ENOSPC, EROFS, ENOSYS, EINVAL = 1, 13, 19, 28, 30, 38, 22
  if errno == EROFS then return read_only() end
  if errno == ENOSYS then return M.kernel(host) or filter_gate(host) end
  if errno == EINVAL then return M.kernel(host) end
  if errno == ENODEV and verb == "overlay" then return M.overlay(host) end
  if errno == ENOSPC and (verb == "clone3" or verb == "namespaces") then
    return none_allowed(host) or gate("there are as many namespaces as this host allows, or they"
      .. " are nested 32 deep", {fix = "sysctl -a --pattern 'user.max_.*_namespaces' shows the"
      .. " limits; sysctl -w raises one"})
  end
  if errno == ENOSPC and mounts[verb] then return too_many_mounts(host) end
  if errno ~= EPERM and errno ~= EACCES or verb == "sysfs" then return nil end
  if verb == "proc" then return M.proc(host) or M.user_namespaces(host) end
  local known = M.user_namespaces(host)
  if known or verb ~= "clone3" or errno ~= EPERM then return known end
  return chroot_gate("this process is in a chroot, most likely") -- nothing else is known to refuse
end

--- A host as the modules here see it: the real one.
---@return moonsand.sandbox.Host
function M.host()
  local core = require "moonsand.core"
  return {
    uid = core.uid(),
    read = require("moonsand.text").read,
  }
end

return M
