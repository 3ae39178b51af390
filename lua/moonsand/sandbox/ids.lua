--- Who the program is inside: id maps for "self", "root" and "range".
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

local function lines(path)
  local file = io.open(path)
  if not file then return {} end
  local list = {}
  for line in file:lines() do list[#list + 1] = line end
  file:close()
  return list
end

--- The name of a user id, from /etc/passwd.
local function user_name(uid)
  for _, line in ipairs(lines("/etc/passwd")) do
    local name, id = line:match("^([^:]+):[^:]*:(%d+):")
    if tonumber(id) == uid then return name end
  end
end

--- The ranges that a file such as /etc/subuid gives to a user (subuid(5)): {start, count} each.
---@param path string
---@param uid integer
---@param name? string
---@return integer[][]
function M.subordinate(path, uid, name)
  local ranges = {}
  for _, line in ipairs(lines(path)) do
    local owner, start, count = line:match("^([^:]+):(%d+):(%d+)%s*$")
    if owner and (owner == name or owner == tostring(uid)) then
      ranges[#ranges + 1] = {math.tointeger(start), math.tointeger(count)}
    end
  end
  return ranges
end

--- The caller as 0, then its subordinate ids from 1 on.
local function ranged(own, path, uid, name)
  local map, inside = {{0, own, 1}}, 1
  for _, range in ipairs(M.subordinate(path, uid, name)) do
    map[#map + 1] = {inside, range[1], range[2]}
    inside = inside + range[2]
  end
  if #map == 1 then
    local user = name or tostring(uid)
    fault.throw("host", ("user '%s' has no range of ids in %s"):format(user, path), {
      hint = ("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s")
        :format(user),
    })
  end
  return map
end

local function whole()
  return {{0, 0, 4294967294}}
end

--- The step `ids` for an option value, and the ids that the program then has.
---@param who "self"|"root"|"range"
---@return table step
---@return integer uid
---@return integer gid
function M.step(who)
  local uid, gid = core.uid(), core.gid()
  if who == "self" then
    return {"ids", uid = {{uid, uid, 1}}, gid = {{gid, gid, 1}}}, uid, gid
  elseif who == "root" then
    return {"ids", uid = {{0, uid, 1}}, gid = {{0, gid, 1}}}, 0, 0
  elseif uid == 0 then
    return {"ids", uid = whole(), gid = whole()}, 0, 0
  end
  local name = user_name(uid)
  return {"ids", uid = ranged(uid, "/etc/subuid", uid, name),
    gid = ranged(gid, "/etc/subgid", uid, name)}, 0, 0
end

return M
