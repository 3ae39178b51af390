--- The control groups of one sandbox: made below the caller's own, read at the end, removed.
--- Nothing that somebody else made is ever written to, but for what version 2 asks of a caller that
--- was given its group (cgroup.subtree_control, and a leaf to move into).
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

local EBUSY, EEXIST = 16, 17
local PERIOD = 100000 -- microseconds, the kernel's default

---@class moonsand.sandbox.Groups
---@field into? moonsand.fd      directory of the version 2 group: clone3 puts the child there
---@field join moonsand.fd[]     cgroup.procs of version 1 groups
---@field made table[]           {dir, version, roles}: what is to be removed
---@field missing table[]        best-effort limits that are not in force: {name, what, fix}
local Groups = {__name = "moonsand.sandbox.Groups"}
Groups.__index = Groups

local function number(path)
  local text = read(path)
  return text and math.tointeger(tonumber(text:match("^%d+")))
end

local function write(path, text)
  local handle <close>, err, errno = core.open(path, "w")
  if not handle then return nil, err, errno end
  local count
  count, err, errno = handle:write(text)
  if not count then return nil, ("%s: %s"):format(path, err), errno end
  return true
end

--- The time at which a process started, in ticks since boot; nil when there is no such process.
local function started(pid)
  local text = read(("/proc/%d/stat"):format(pid))
  local rest = text and text:match("^.*%) (.*)$")
  if not rest then return nil end
  local i = 2
  for word in rest:gmatch("%S+") do
    i = i + 1
    if i == 22 then return word end
  end
end

local function namespace()
  return (core.readlink("/proc/self/ns/pid") or ""):match("%d+") or "0"
end

local count = 0

--- moonsand-PID-START-PIDNAMESPACE-N: whose group it is can be told from its name.
local function name(n)
  local pid = core.getpid()
  return ("moonsand-%d-%s-%s-%d"):format(pid, started(pid) or "0", namespace(), n)
end

--- Remove a group and what was made below it; it must be empty of processes.
local function remove(dir)
  if core.rmdir(dir) then return true end
  for _, entry in ipairs(core.readdir(dir) or {}) do
    local path = dir .. "/" .. entry
    local st = core.stat(path)
    if st and st.type == "directory" then remove(path) end
  end
  return core.rmdir(dir)
end

--- Remove groups of callers that are no more, such as those that were killed. Only empty groups
--- with our kind of name, and of a process that this one could see.
---@param dir string
---@return string[] removed
function M.sweep(dir)
  local removed, here = {}, namespace()
  for _, entry in ipairs(core.readdir(dir) or {}) do
    local pid, start, ns = entry:match(cgroup.name_pattern)
    if pid and ns == here and started(tonumber(pid)) ~= start and remove(dir .. "/" .. entry) then
      removed[#removed + 1] = entry
    end
  end
  return removed
end

local swept = {}

local function sweep_once(dir)
  if swept[dir] then return end
  swept[dir] = true
  M.sweep(dir)
end

--- Block devices that a program's files may be on, as "major:minor".
local function devices()
  local list = {}
  for _, entry in ipairs(core.readdir("/sys/block") or {}) do
    local size = number(("/sys/block/%s/size"):format(entry))
    if not entry:find("^loop") and not entry:find("^ram") and size and size > 0 then
      list[#list + 1] = (read(("/sys/block/%s/dev"):format(entry)) or ""):match("%d+:%d+")
    end
  end
  return list
end

local function has_swap()
  return select(2, (read("/proc/swaps") or ""):gsub("\n", "\n")) > 1
end

local function quota(cores)
  return math.max(1000, math.floor(cores * PERIOD + 0.5))
end

local function no_swap_bound(dir)
  return nil, {what = ("swap cannot be bounded: %s has no swap accounting"):format(dir),
    fix = "swapoff -a, or boot with swapaccount=1", path = dir}
end

--- What is written for one limit: {file, text} each; files are relative to the group.
local settings = {
  memory = {
    function(value, dir)
      local list = {{"memory.limit_in_bytes", value}, {"memory.memsw.limit_in_bytes", value}}
      if core.stat(dir .. "/memory.memsw.limit_in_bytes") then return list end
      if has_swap() then return no_swap_bound(dir) end
      return {list[1]}
    end,
    function(value, dir)
      local list = {{"memory.max", value}, {"memory.swap.max", 0}}
      if core.stat(dir .. "/memory.swap.max") then return list end
      if has_swap() then return no_swap_bound(dir) end
      return {list[1]}
    end,
  },
  pids = {
    function(value) return {{"pids.max", value}} end,
    function(value) return {{"pids.max", value}} end,
  },
  cpu = {
    function(value) return {{"cpu.cfs_period_us", PERIOD}, {"cpu.cfs_quota_us", quota(value)}} end,
    function(value) return {{"cpu.max", ("%d %d"):format(quota(value), PERIOD)}} end,
  },
  io = {
    function(value)
      local list = {}
      for _, device in ipairs(devices()) do
        for _, way in ipairs {"read", "write"} do
          list[#list + 1] = {("blkio.throttle.%s_bps_device"):format(way),
            ("%s %d"):format(device, value)}
        end
      end
      return list
    end,
    function(value)
      local list = {}
      for _, device in ipairs(devices()) do
        list[#list + 1] = {"io.max", ("%s rbps=%d wbps=%d"):format(device, value, value)}
      end
      return list
    end,
  },
}

--- What is written into a group for a limit.
---@param limit "memory"|"pids"|"cpu"|"io"
---@param value number
---@param version 1|2
---@param dir string
---@return table[]? list   {file, text}
---@return moonsand.sandbox.WhyNot? why_not
function M.settings(limit, value, version, dir)
  return settings[limit][version](value, dir)
end

--- The caller moves into a leaf below its own group, so that this one may have controlled groups.
local function enter_leaf(place)
  local leaf = place.dir .. "/" .. name(0)
  local ok, err, errno = core.mkdir(leaf)
  if not ok and errno ~= EEXIST then return nil, err, errno end -- that one is ours, too
  ok, err, errno = write(leaf .. "/cgroup.procs", "0")
  if ok then return leaf end
  core.rmdir(leaf)
  return nil, err, errno
end

--- Give controllers to the groups below a place. The caller goes back when that cannot be.
local function enable(place)
  local leaf, err, errno
  if place.leaf then
    leaf, err, errno = enter_leaf(place)
    if not leaf then return nil, err, errno end
  end
  for _, controller in ipairs(place.enable or {}) do
    local ok
    ok, err, errno = write(place.dir .. "/cgroup.subtree_control", "+" .. controller)
    if not ok then
      if leaf and write(place.dir .. "/cgroup.procs", "0") then core.rmdir(leaf) end
      return nil, err, errno
    end
  end
  return true
end

--- The group in a place: the same for all controllers of one hierarchy.
function Groups:at(place, world)
  for _, group in ipairs(self.made) do
    if group.parent == place.dir then
      local ok, err, errno = enable(place)
      if not ok then return nil, cgroup.refused(place.dir, place.version, err, errno, world) end
      return group
    end
  end
  sweep_once(place.dir)
  local dir = ("%s/%s"):format(place.dir, self.name)
  local ok, err, errno = core.mkdir(dir)
  if ok then
    self.made[#self.made + 1] = {dir = dir, parent = place.dir, version = place.version, roles = {}}
    ok, err, errno = enable(place)
  end
  if not ok then return nil, cgroup.refused(place.dir, place.version, err, errno, world) end
  return self.made[#self.made]
end

local function apply(group, limit, value)
  if value == "unlimited" then return true end
  local list, why = M.settings(limit, value, group.version, group.dir)
  if not list then return nil, why end
  for _, setting in ipairs(list) do
    local path = ("%s/%s"):format(group.dir, setting[1])
    local ok, err, errno = write(path, tostring(setting[2]))
    if not ok then
      return nil, {what = err, fix = "moonsand doctor", path = path, errno = errno}
    end
  end
  return true
end

--- Put one limit into force.
function Groups:limit(limit, value, layout, world)
  local place, why = cgroup.place(layout, limit, world)
  if not place then return nil, why end
  local group
  group, why = self:at(place, world)
  if not group then return nil, why end
  local ok
  ok, why = apply(group, limit, value)
  if not ok then return nil, why end
  group.roles[limit] = true
  self.by_role[limit] = group
  return true
end

--- A group that bounds nothing: it counts, or it stops and kills.
function Groups:extra(role, place)
  if self.by_role[role] or not place.dir then return end
  for _, group in ipairs(self.made) do
    if group.parent == place.dir then
      self.by_role[role] = group
      return
    end
  end
  sweep_once(place.dir)
  local dir = ("%s/%s"):format(place.dir, self.name)
  if not core.mkdir(dir) then return end
  if (read(dir .. "/cgroup.type") or "domain"):match("%S+ ?%S*") ~= "domain" then
    core.rmdir(dir) -- in a threaded tree no process can start
    return
  end
  local group = {dir = dir, parent = place.dir, version = place.version, roles = {}}
  self.made[#self.made + 1], self.by_role[role] = group, group
end

function Groups:extras(layout)
  local v2 = layout.v2 and layout.v2.dir
  for _, group in ipairs(self.made) do
    if group.version == 2 then self.by_role.whole = group end
  end
  local cpuacct, freezer = layout.v1.cpuacct, layout.v1.freezer
  if v2 then
    self:extra("whole", {dir = v2, version = 2})
  elseif freezer then
    self:extra("whole", {dir = freezer.dir, version = 1})
  end
  if self.by_role.cpu and cpuacct then
    self:extra("cpuacct", {dir = cpuacct.dir, version = 1})
  elseif self.by_role.whole and self.by_role.whole.version == 2 then
    self.by_role.cpuacct = self.by_role.whole
  end
end

--- Open what the child starts in, or joins.
function Groups:open()
  for _, group in ipairs(self.made) do
    local v1 = group.version == 1
    local path = v1 and group.dir .. "/cgroup.procs" or group.dir
    local handle, err, errno = core.open(path, v1 and "w" or "dir")
    if not handle then
      return nil, {what = err, fix = "moonsand doctor", path = path, errno = errno}
    end
    if v1 then self.join[#self.join + 1] = handle else self.into = handle end
  end
  return true
end

local names = {"memory", "pids", "cpu", "io"}

--- Make the groups for some limits.
---@param wanted table<string, {value: number|"unlimited", best_effort?: boolean}>
---@param world? moonsand.sandbox.World     this one
---@param layout? moonsand.sandbox.Layout   this host's
---@return moonsand.sandbox.Groups? groups
---@return moonsand.sandbox.WhyNot? why_not   with the limit's `name`
function M.make(wanted, world, layout)
  count = count + 1
  local self = setmetatable({made = {}, join = {}, missing = {}, by_role = {}, name = name(count)},
    Groups)
  world = world or cgroup.world()
  layout = layout or cgroup.host(world)
  for _, limit in ipairs(names) do
    local entry = wanted[limit]
    local ok, why = true, nil
    if entry then ok, why = self:limit(limit, entry.value, layout, world) end
    if not ok then why.name = limit end
    if not ok and entry.best_effort then
      self.missing[#self.missing + 1] = why
    elseif not ok then
      self:close()
      return nil, why
    end
  end
  if next(self.by_role) then self:extras(layout) end
  local ok, why = self:open()
  if not ok then
    self:close()
    return nil, why
  end
  self.before = self:counters()
  return self
end

local function line(text, key)
  return text and math.tointeger(tonumber(("\n" .. text):match("\n" .. key .. " (%d+)")))
end

local function sum(text, pattern)
  local total
  for value in (text or ""):gmatch(pattern) do total = (total or 0) + math.tointeger(value) end
  return total
end

--- What the files of one group say; the same names for both versions.
---@param dir string
---@param version 1|2
---@return table<string, integer>
function M.read(dir, version)
  local function text(file) return read(dir .. "/" .. file) end
  local function value(file) return number(dir .. "/" .. file) end
  if version == 2 then
    local cpu, io_stat = text "cpu.stat", text "io.stat"
    return {
      memory_peak = value "memory.peak", pids_peak = value "pids.peak",
      oom_kills = line(text "memory.events", "oom_kill"), pids_refused = line(text "pids.events",
        "max"),
      user_us = line(cpu, "user_usec"), system_us = line(cpu, "system_usec"),
      throttled_us = line(cpu, "throttled_usec"),
      io_read = sum(io_stat, "rbytes=(%d+)"), io_written = sum(io_stat, "wbytes=(%d+)"),
    }
  end
  local bytes = text "blkio.throttle.io_service_bytes_recursive"
  local user, system = value "cpuacct.usage_user", value "cpuacct.usage_sys"
  local throttled = line(text "cpu.stat", "throttled_time")
  return {
    memory_peak = value "memory.max_usage_in_bytes", pids_peak = value "pids.peak",
    oom_kills = line(text "memory.oom_control", "oom_kill"),
    pids_refused = line(text "pids.events", "max"),
    user_us = user and user // 1000, system_us = system and system // 1000,
    throttled_us = throttled and throttled // 1000,
    io_read = sum(bytes, "Read (%d+)"), io_written = sum(bytes, "Write (%d+)"),
  }
end

--- All counters of the groups together.
---@return table<string, integer>
function Groups:counters()
  local all = {}
  for _, group in ipairs(self.made) do
    for key, value in pairs(M.read(group.dir, group.version)) do all[key] = all[key] or value end
  end
  return all
end

--- Counters since the last `mark`; peaks are those of the whole life of the groups.
---@return table<string, integer>
function Groups:since()
  local now = self:counters()
  for key, value in pairs(now) do
    if not key:find("peak", 1, true) then now[key] = value - (self.before[key] or 0) end
  end
  return now
end

function Groups:mark()
  self.before = self:counters()
end

local function reached(group, file, wanted)
  local text = read(group.dir .. "/" .. file)
  return not text or text:find(wanted) ~= nil
end

--- Stop everything inside, or let it go on, without the programs' noticing.
---@param on boolean
---@return boolean? ok   nil: there is no group that can
---@return string? message
---@return integer? errno
function Groups:freeze(on)
  local group = self.by_role.whole
  if not group then return nil, "no group can be frozen" end
  local v2 = group.version == 2
  local file = group.dir .. (v2 and "/cgroup.freeze" or "/freezer.state")
  local text = v2 and (on and "1" or "0") or on and "FROZEN" or "THAWED"
  local ok, err, errno = write(file, text)
  if not ok then return nil, err, errno end
  self.frozen = on
  local deadline = core.clock() + 2
  local state = v2 and "cgroup.events" or "freezer.state"
  local wanted = v2 and ("frozen " .. (on and 1 or 0)) or text
  while not reached(group, state, wanted) do
    if core.clock() > deadline then return self:give_up(on, group) end
    core.poll({}, 0.001)
    if not v2 then write(file, text) end -- one that was about to execute is asked again
  end
  return true
end

--- A process that waits for a device cannot be frozen: then none is.
function Groups:give_up(on, group)
  if on then self:freeze(false) end
  return nil, ("a process in %s could not be %s"):format(group.dir, on and "frozen" or "thawed")
end

--- Kill all that is left in version 2 groups.
function Groups:kill()
  for _, group in ipairs(self.made) do
    local file = group.dir .. "/cgroup.kill"
    if group.version == 2 and core.stat(file) then write(file, "1") end
  end
end

--- Let go of the groups: kill what is left in them, and remove them.
function Groups:close()
  if self.frozen then self:freeze(false) end
  for i = #self.join, 1, -1 do self.join[i] = self.join[i]:close() and nil end
  if self.into then self.into:close() end
  self.into = nil
  local deadline = core.clock() + 2
  for i = #self.made, 1, -1 do
    local group = table.remove(self.made, i)
    while select(3, remove(group.dir)) == EBUSY and core.clock() < deadline do
      if group.version == 2 then write(group.dir .. "/cgroup.kill", "1") end
      core.poll({}, 0.002)
    end
  end
  self.by_role = {}
end

Groups.__close = Groups.close
Groups.__gc = Groups.close

function Groups:__tostring()
  return ("groups %s (%s)"):format(self.name, table.concat(order.keys(self.by_role), " "))
end

return M
