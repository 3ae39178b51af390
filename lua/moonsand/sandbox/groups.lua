--- The control groups of one sandbox: made below the caller's own, read at the end, removed.
--- Nothing that somebody else made is ever written to, but for what version 2 asks of a caller that
--- was given its group (moonsand.sandbox.delegation). The bounds are written into one group, and
--- the program is in another one below it: a program that is allowed to mount, as in a nested
--- sandbox, sees that one only, and cannot lift the bounds.
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local delegation = require "moonsand.sandbox.delegation"
local freezer = require "moonsand.sandbox.freezer"
local order = require "moonsand.order"
local read = require("moonsand.text").read
local sweep = require "moonsand.sandbox.sweep"
local write = require("moonsand.sandbox.groupfile").write

local M = {}

local EBUSY = 16

local roles = {"memory", "pids", "cpu", "io"}

local kinds = {require "moonsand.sandbox.cgroup_v1", require "moonsand.sandbox.cgroup_v2"}

---@class moonsand.sandbox.Groups
---@field into? moonsand.fd      directory of the version 2 group: clone3 puts the child there
---@field join moonsand.fd[]     cgroup.procs of version 1 groups
---@field made table[]           {dir, inner, parent, version, kind}: what is to be removed
---@field alone boolean          there is the version 2 hierarchy, and no other
---@field missing table[]        best-effort limits that are not in force: {name, what, fix}
local Groups = {__name = "moonsand.sandbox.Groups"}
Groups.__index = Groups

local count = 0

--- The group that was made in a place already: one for all controllers of one hierarchy.
function Groups:made_in(dir)
  for _, group in ipairs(self.made) do
    if group.parent == dir then return group end
  end
end

function Groups:make(place)
  sweep.once(place.dir)
  local dir = ("%s/%s"):format(place.dir, self.name)
  local ok, err, errno = core.mkdir(dir)
  if not ok then return nil, err, errno end
  local group = {dir = dir, inner = dir .. "/inside", parent = place.dir, version = place.version,
    kind = kinds[place.version]}
  ok, err, errno = core.mkdir(group.inner)
  if not ok then
    sweep.remove(dir)
    return nil, err, errno
  end
  self.made[#self.made + 1] = group
  return group
end

function Groups:at(place, world)
  local group, err, errno = self:made_in(place.dir), nil, nil
  if not group then group, err, errno = self:make(place) end
  if group then
    local ok
    ok, err, errno = delegation.enable(place)
    if ok then return group end
  end
  return nil, cgroup.refused(place.dir, place.version, err, errno, world)
end

local function apply(group, limit, value)
  if value == "unlimited" then return true end
  local list, why = group.kind.settings(limit, value, group.dir)
  if not list then return nil, why end
  for _, setting in ipairs(list) do
    local path = ("%s/%s"):format(setting.inner and group.inner or group.dir, setting[1])
    local ok, err, errno = write(path, tostring(setting[2]))
    if not ok then
      return nil, {what = err, fix = "moonsand doctor", path = path, errno = errno}
    end
  end
  return true
end

--- Put one limit into force.
function Groups:limit(limit, entry, layout, world)
  local place, why = cgroup.place(layout, limit, world)
  if not place then return nil, why end
  local group
  group, why = self:at(place, world)
  if not group then return nil, why end
  local ok
  ok, why = apply(group, limit, entry.value)
  if not ok then return nil, why end
  self.by_role[limit] = group
  return true
end

--- A group that bounds nothing: it counts, or it stops and kills.
function Groups:extra(role, place)
  if self.by_role[role] or not place.dir then return end
  local group = self:made_in(place.dir)
  if not group then
    group = self:make(place)
    if not group then return end
    if (read(group.dir .. "/cgroup.type") or "domain"):match("[^\n]*") ~= "domain" then
      sweep.remove(table.remove(self.made).dir) -- in a threaded tree no process can start
      return
    end
  end
  self.by_role[role] = group
end

function Groups:extras(layout)
  local v2 = layout.v2 and layout.v2.dir
  for _, group in ipairs(self.made) do
    if group.version == 2 then self.by_role.whole = group end
  end
  local cpuacct, freezing = layout.v1.cpuacct, layout.v1.freezer
  if v2 then
    self:extra("whole", {dir = v2, version = 2})
  elseif freezing then
    self:extra("whole", {dir = freezing.dir, version = 1})
  end
  if self.by_role.cpu and cpuacct then self:extra("cpuacct", {dir = cpuacct.dir, version = 1}) end
end

--- The limit that a group was made for, or that it goes along with.
function Groups:limit_of(group)
  local any
  for _, limit in ipairs(roles) do
    if self.by_role[limit] == group then return limit end
    any = any or self.by_role[limit] and limit
  end
  return any
end

--- Open what the child starts in, or joins.
function Groups:open()
  for _, group in ipairs(self.made) do
    local v1 = group.version == 1
    local path = v1 and group.inner .. "/cgroup.procs" or group.inner
    local handle, err, errno = core.open(path, v1 and "w" or "dir")
    if not handle then
      return nil, {name = self:limit_of(group), what = err, fix = "moonsand doctor", path = path,
        errno = errno}
    end
    if v1 then self.join[#self.join + 1] = handle else self.into = handle end
  end
  return true
end

local function new()
  count = count + 1
  return setmetatable({made = {}, join = {}, missing = {}, by_role = {}, name = sweep.name(count)},
    Groups)
end

--- All limits; what is missing is noted for best effort, and else the end.
function Groups:apply(wanted, world, layout)
  for _, limit in ipairs(roles) do
    local entry = wanted[limit]
    local ok, why = true, nil
    if entry then ok, why = self:limit(limit, entry, layout, world) end
    if not ok then
      why.name = limit
      if not entry.best_effort then return nil, why end
      self.missing[#self.missing + 1] = why
    end
  end
  if next(self.by_role) then self:extras(layout) end
  self.alone = layout.alone
  return self:open()
end

---@class moonsand.sandbox.WantedLimit
---@field value any
---@field best_effort? boolean

--- Make the groups for some limits.
---@param wanted table<string, moonsand.sandbox.WantedLimit>
---@param world? moonsand.sandbox.World     this one
---@param layout? moonsand.sandbox.Layout   this host's
---@return moonsand.sandbox.Groups? groups
---@return moonsand.sandbox.WhyNot? why_not   with the limit's `name`
function M.make(wanted, world, layout)
  local self = new()
  world = world or cgroup.world()
  local ok, why = self:apply(wanted, world, layout or cgroup.host(world))
  if not ok then
    self:close()
    return nil, why
  end
  self.before = self:counters()
  return self
end

--- Is there no hierarchy in which the program is in a group of the caller's?
---@return boolean
function Groups:are_all()
  return self.alone and self.into ~= nil
end

--- All counters of the groups together.
---@return table<string, integer>
function Groups:counters()
  local all = {}
  for _, group in ipairs(self.made) do
    local own = group.kind.read(group.dir, group.inner)
    for key, value in pairs(own) do all[key] = all[key] or value end
  end
  return all
end

--- Counters since the last `mark`; peaks are those of the whole life of the groups.
---@return table<string, integer>
function Groups:since()
  local now = self:counters()
  for key, value in pairs(now) do
    if not key:find("peak", 1, true) then -- the parts of cpu time may go back a little
      now[key] = math.max(0, value - (self.before[key] or 0))
    end
  end
  return now
end

function Groups:mark()
  self.before = self:counters()
end

--- Stop everything inside, or let it go on, without the programs' noticing.
---@param on boolean
---@return boolean? ok   nil: there is no group that can
---@return string? message
---@return integer? errno
function Groups:freeze(on)
  local group = self.by_role.whole
  if not group then return nil, "no group can be frozen" end
  local ok, err, errno = freezer.set(group, on)
  if ok then self.frozen = on end
  return ok, err, errno
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
    while select(3, sweep.remove(group.dir)) == EBUSY and core.clock() < deadline do
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
