--- Where control groups can be made (cgroups(7)): the hierarchies of this host, the caller's own
--- group in each, and whether the kernel and the group's owner let us make groups below it.
--- Every decision here is a function of files, so that each layout can be tried out in a directory.
local core = require "moonsand.core"
local order = require "moonsand.order"
local sweep = require "moonsand.sandbox.sweep"

local M = {}

---@class moonsand.sandbox.Hierarchy
---@field dir? string   the caller's own group, as a directory; nil: it cannot be seen from here
---@field path string   the same as the kernel names it
---@field why? string   when there is no dir

---@class moonsand.sandbox.Layout
---@field v1 table<string, moonsand.sandbox.Hierarchy>   by controller
---@field v2? moonsand.sandbox.Hierarchy
---@field kind "v1"|"v2"|"hybrid"|"none"
---@field unknown? {what: string, errno: integer}   why nothing is known
---@field alone boolean   the kernel has the version 2 hierarchy and no other, mounted or not

---@class moonsand.sandbox.WhyNot
---@field what string   names the path and the reason
---@field fix string
---@field path? string
---@field errno? integer

--- What a place is found by; a spec has its own.
---@class moonsand.sandbox.World
---@field read fun(path: string): string?
---@field pid integer
---@field uid integer
---@field systemd boolean   systemd manages this host

---@return moonsand.sandbox.World
function M.world()
  return {
    pid = core.getpid(),
    uid = core.uid(),
    systemd = core.stat("/run/systemd/system") ~= nil,
    read = require("moonsand.text").read,
  }
end

local function words(text)
  local set = {}
  for word in (text or ""):gmatch("[^%s,]+") do set[word] = true end
  return set
end

--- Octal escapes of mountinfo (proc(5)).
local function plain(text)
  return (text:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end))
end

--- Mounts of control groups: {root, target, version, controllers}.
local function mounts_of(mountinfo)
  local list = {}
  for line in mountinfo:gmatch("[^\n]+") do
    local root, target, rest = line:match("^%d+ %d+ %d+:%d+ (%S+) (%S+) (.*)$")
    local kind, options = (rest or ""):match(" ?%- (cgroup2?) %S+ (%S+)$")
    if kind then
      list[#list + 1] = {root = plain(root), target = plain(target),
        version = kind == "cgroup" and 1 or 2, controllers = words(options)}
    end
  end
  return list
end

--- A group's directory under a mount that shows the hierarchy from `root` on.
local function below(mount, path)
  if path:find("/../", 1, true) or path:find("^/%.%.") then return nil end
  if path == mount.root then return mount.target end
  local prefix = mount.root == "/" and "/" or mount.root .. "/"
  if path:sub(1, #prefix) ~= prefix then return nil end
  return mount.target .. "/" .. path:sub(#prefix + 1)
end

local function hierarchy(mounts, path, is_it)
  local found = {path = path}
  for _, mount in ipairs(mounts) do
    if is_it(mount) then
      found.dir = below(mount, path)
      if found.dir then return found end
      found.why = ("the caller's group %s is outside of what is mounted on %s"):format(path,
        mount.target)
    end
  end
  found.why = found.why or ("the hierarchy of the caller's group %s is not mounted"):format(path)
  return found
end

--- The hierarchies and the caller's group in each.
---@param own string         /proc/self/cgroup
---@param mountinfo string   /proc/self/mountinfo
---@return moonsand.sandbox.Layout
function M.parse(own, mountinfo)
  local layout, mounts = {v1 = {}}, mounts_of(mountinfo)
  for names, path in own:gmatch("%d+:([^:\n]*):([^\n]*)") do
    if names == "" then
      local v2 = hierarchy(mounts, path, function(mount) return mount.version == 2 end)
      if v2.dir or v2.why:find("outside", 1, true) then layout.v2 = v2 end
    elseif not names:find("=", 1, true) then
      for name in pairs(words(names)) do
        layout.v1[name] = hierarchy(mounts, path, function(mount)
          return mount.version == 1 and mount.controllers[name]
        end)
      end
    end
  end
  local v1 = next(layout.v1) ~= nil
  layout.alone = own:find "^0::[^\n]*\n$" ~= nil
  layout.kind = v1 and (layout.v2 and "hybrid" or "v1") or layout.v2 and "v2" or "none"
  return layout
end

--- The layout of this host.
---@param world moonsand.sandbox.World
---@return moonsand.sandbox.Layout
function M.host(world)
  local own, message, errno = world.read("/proc/self/cgroup")
  local mountinfo
  if own then mountinfo, message, errno = world.read("/proc/self/mountinfo") end
  local layout = M.parse(own or "", mountinfo or "")
  if not mountinfo then layout.unknown = {what = message, errno = errno} end
  return layout
end

--- systemd gives groups on request: a user's own systemd to the user, the host's to root.
local function delegate(world)
  if world.uid == 0 then return "systemd-run --scope -p Delegate=yes moonsand ..." end
  return "systemd-run --user --scope -p Delegate=yes moonsand ..., or as root"
end

local function why(what, fix, path, errno)
  return {what = what, fix = fix, path = path, errno = errno}
end

--- What makes a group that another user owns usable.
local function delegation(version, world)
  if version == 1 then
    return "run as root; version 1 control groups are not given to users"
  end
  if world.systemd then return delegate(world) end
  return "run as root, or let root make a group for you and start the caller in it:"
    .. " mkdir GROUP; chown -R USER GROUP"
end

--- Why a directory refuses new groups.
---@param dir string
---@param version 1|2
---@param message string
---@param errno integer
---@param world moonsand.sandbox.World
---@return moonsand.sandbox.WhyNot
function M.refused(dir, version, message, errno, world)
  local st = core.stat(dir)
  local EPERM, EACCES, EROFS = 1, 13, 30
  if errno == EROFS then
    return why(dir .. " is mounted read-only: a container, most likely",
      "podman run --cgroupns=private --security-opt unmask=/sys/fs/cgroup ..., or limit the"
      .. " container itself", dir, errno)
  end
  if st and (errno == EACCES or errno == EPERM) then
    return why(("no group can be made in %s: it belongs to uid %d, the caller is uid %d"):format(
      dir, st.uid, core.uid()), delegation(version, world), dir, errno)
  end
  return why(("no group can be made in %s: %s"):format(dir, message), "moonsand doctor", dir,
    errno)
end

--- The leaf that a caller of ours has moved into stands for the group above it.
---@param dir string
---@return string
function M.without_leaf(dir)
  local parent, name = dir:match("^(.*)/([^/]+)$")
  return name and sweep.is_leaf(name) and parent or dir
end

local function is_child(pid, world)
  for _ = 1, 64 do
    local stat = world.read(("/proc/%s/stat"):format(pid))
    pid = stat and tonumber(stat:match("^.*%) %a (%d+)"))
    if pid == world.pid then return true end
    if not pid or pid <= 1 then return false end
  end
  return false
end

--- Who is in a group: the caller's own children, and others as "PID (NAME)".
local function members(procs, world)
  local children, others = {}, {}
  for pid in procs:gmatch("%d+") do
    if is_child(pid, world) then
      children[#children + 1] = pid
    elseif tonumber(pid) ~= world.pid then
      local name = (world.read(("/proc/%s/comm"):format(pid)) or "?"):match("[^\n]*")
      others[#others + 1] = ("%s (%s)"):format(pid, name)
    end
  end
  return children, others
end

local function sorted_words(set)
  local names = order.keys(set)
  return #names > 0 and table.concat(names, " ") or "none"
end

---@class moonsand.sandbox.Place
---@field version 1|2
---@field dir string           groups are made in it
---@field enable? string[]     v2: controllers to give to the groups in it
---@field leaf? boolean        v2: the caller must first move into a leaf of its own
---@field children? string[]   v2: and take these processes with it

local function uncontrolled(dir, name, there, world)
  local fix = ("as root, let the groups above it pass the controller on:"
    .. " echo +%s >.../cgroup.subtree_control"):format(name)
  if world.systemd then
    fix = ("%s; a user's systemd has '%s' to give only when a file in"
      .. " /etc/systemd/system/user@.service.d says [Service] Delegate=cpu io memory pids")
      :format(delegate(world), name)
  end
  return why(("the group %s has no controller '%s' (it has: %s)"):format(dir, name,
    sorted_words(there)), fix, dir)
end

--- A group below a threaded one holds threads, no processes.
local function is_domain(dir, world)
  local kind = world.read(dir .. "/cgroup.type")
  if not kind or kind:match("^[^\n]*") == "domain" then return true end
  return nil, why(("the group %s is '%s': no process can start in a group below it"):format(dir,
    kind:match("^[^\n]*")), "start the caller in a group that is a domain (cgroups(7))", dir)
end

local function crowded(dir, list, world)
  local names = table.concat(list, ", ", 1, math.min(#list, 3)) .. (#list > 3 and ", ..." or "")
  return why(("the group %s holds other processes, %s: while it does, it cannot give"
    .. " controllers to groups below it"):format(dir, names),
    world.systemd and delegate(world) or "start the caller in a group that it has for itself, or"
    .. (" move them away: mkdir %s/others; for p in PIDS; do echo $p >%s/others/cgroup.procs; done")
    :format(dir, dir), dir)
end

--- Where version 2 groups with some controllers can be made. Only the root may have processes and
--- controlled groups below it ("no internal processes").
---@param v2 moonsand.sandbox.Hierarchy
---@param controllers string[]
---@param world moonsand.sandbox.World
---@return moonsand.sandbox.Place? place
---@return moonsand.sandbox.WhyNot? why_not
function M.place_v2(v2, controllers, world)
  local dir = M.without_leaf(v2.dir)
  local there = words(world.read(dir .. "/cgroup.controllers"))
  local given = words(world.read(dir .. "/cgroup.subtree_control"))
  local ok, reason = is_domain(dir, world)
  if not ok then return nil, reason end
  local enable = {}
  for _, name in ipairs(controllers) do
    if not there[name] then return nil, uncontrolled(dir, name, there, world) end
    if not given[name] then enable[#enable + 1] = name end
  end
  local place = {version = 2, dir = dir, enable = enable}
  if #enable == 0 or not world.read(dir .. "/cgroup.type") then return place end -- or the root
  local procs = world.read(dir .. "/cgroup.procs") or ""
  local children, others = members(procs, world)
  if #others > 0 then return nil, crowded(dir, others, world) end
  place.leaf, place.children = procs:find("%d") ~= nil, children
  return place
end

local v1_names = {io = "blkio"}

--- Where groups with one controller can be made.
---@param layout moonsand.sandbox.Layout
---@param controller "memory"|"pids"|"cpu"|"io"
---@param world moonsand.sandbox.World
---@return moonsand.sandbox.Place? place
---@return moonsand.sandbox.WhyNot? why_not
function M.place(layout, controller, world)
  local unknown = layout.unknown
  if unknown then return nil, why(unknown.what, "moonsand doctor", nil, unknown.errno) end
  local v1 = layout.v1[v1_names[controller] or controller]
  if v1 and v1.dir then return {version = 1, dir = v1.dir} end
  if v1 then return nil, why(v1.why, "mount it, or start the caller where it is mounted") end
  if layout.v2 and layout.v2.dir then return M.place_v2(layout.v2, {controller}, world) end
  if layout.v2 then
    return nil, why(layout.v2.why, "start the caller inside of the group that is mounted")
  end
  return nil, why("this host has no control groups mounted",
    "as root: mount -t cgroup2 none /sys/fs/cgroup")
end

return M
