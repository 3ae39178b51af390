--- The ids that the host gives to a user (subuid(5)), with the lines that say so.
local lazy = require "moonsand.lazy"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local idmap = lazy "moonsand.sandbox.idmap"
local text = require "moonsand.text"

local M = {}

---@class moonsand.sandbox.Subordinate
---@field start integer
---@field count integer
---@field place string   "/etc/subuid:3"

---@class moonsand.sandbox.IdHost
---@field uid integer
---@field gid integer
---@field read fun(path: string): string?   text of a file, nil when it cannot be read

---@class moonsand.sandbox.IdKind
---@field name "uid"|"gid"
---@field file string     who gives ranges to users
---@field own string      what is mapped for this process itself
---@field option string   of usermod(8)

---@type table<string, moonsand.sandbox.IdKind>
M.kinds = {
  uid = {name = "uid", file = "/etc/subuid", own = "/proc/self/uid_map", option = "--add-subuids"},
  gid = {name = "gid", file = "/etc/subgid", own = "/proc/self/gid_map", option = "--add-subgids"},
}

--- This host, as seen by this process.
---@return moonsand.sandbox.IdHost
function M.host()
  return {uid = core.uid(), gid = core.gid(), read = text.read}
end

local function lines(host, path)
  return ((host.read(path) or "") .. "\n"):gmatch("([^\n]*)\n")
end

--- The name of the caller, from /etc/passwd; nil for a number without a name.
---@param host moonsand.sandbox.IdHost
---@return string?
function M.user(host)
  for line in lines(host, "/etc/passwd") do
    local name, id = line:match("^([^:#][^:]*):[^:]*:(%d+):")
    if id and tonumber(id) == host.uid then return name end
  end
end

local default_start <const>, default_count <const> = 100000, 65536

--- A first id that no line of either file reaches.
local function free_start(host)
  local start = default_start
  for _, kind in pairs(M.kinds) do
    for line in lines(host, kind.file) do
      local first, count = line:match("^[^:]+:(%d+):(%d+)%s*$")
      local last = count and #first < 11 and #count < 11 and tonumber(first) + tonumber(count)
      if last and last > start and last + default_count <= idmap.last then
        start = math.tointeger(last)
      end
    end
  end
  return start
end

--- The line that gives ids to the caller.
---@param host moonsand.sandbox.IdHost
---@param kind? moonsand.sandbox.IdKind   of one kind only; else of both
---@param start? integer   these and no others
---@param count? integer
---@return string
function M.fix(host, kind, start, count)
  start, count = start or free_start(host), count or default_count
  local user = M.user(host)
  local list = kind and {kind} or {M.kinds.uid, M.kinds.gid}
  if not user then -- usermod knows names only
    local words = {}
    for i, one in ipairs(list) do
      words[i] = ("echo %d:%d:%d >>%s"):format(host.uid, start, count, one.file)
    end
    return "as root: " .. table.concat(words, "; ")
  end
  local words = {"usermod"}
  for _, one in ipairs(list) do
    words[#words + 1] = ("%s %d-%d"):format(one.option, start, start + count - 1)
  end
  words[#words + 1] = user
  return "as root: " .. table.concat(words, " ")
end

local function broken(place, line, reason)
  fault.throw("host", ("'%s': %s"):format(line, reason), {where = place,
    hint = "write it as USER:START:COUNT (subuid(5))"})
end

local function entry(line, place)
  local first, count = line:match("^[^:]+:(%d+):(%d+)%s*$")
  if not first then broken(place, line, "it is not USER:START:COUNT") end
  local start, size = math.tointeger(tonumber(first)), math.tointeger(tonumber(count))
  if not start or not size then broken(place, line, "the numbers are no ids") end
  local why = idmap.fault {0, math.min(start, idmap.last + 1), size}
  if why then broken(place, line, start > idmap.last and "it starts beyond the last id" or why) end
  return {start = start, count = size, place = place}
end

local function add(list, new, line)
  for _, old in ipairs(list) do
    if old.start == new.start and old.count == new.count then return end -- said twice
    if old.start < new.start + new.count and new.start < old.start + old.count then
      fault.throw("host", ("'%s': its ids are given by %s, too"):format(line, old.place), {
        where = new.place, hint = "as root: take one of the lines out, or keep them apart",
      })
    end
  end
  list[#list + 1] = new
end

--- The ranges that a file gives to the caller, by name or by number, in the order of its lines.
--- Lines of others, empty ones and comments are nobody's business here.
---@param kind moonsand.sandbox.IdKind
---@param host moonsand.sandbox.IdHost
---@return moonsand.sandbox.Subordinate[]
function M.ranges(kind, host)
  local list, user, number = {}, M.user(host), 0
  for line in lines(host, kind.file) do
    number = number + 1
    local owner = line:match("^[^:]+")
    if owner and (owner == user or owner == tostring(host.uid)) then
      add(list, entry(line, ("%s:%d"):format(kind.file, number)), line)
    end
  end
  return list
end

--- The ids that are there for this process: all of them, or those of a container's map.
---@param kind moonsand.sandbox.IdKind
---@param host moonsand.sandbox.IdHost
---@return moonsand.sandbox.Subordinate[]
function M.mapped(kind, host)
  local list = {}
  for line in lines(host, kind.own) do
    local first, count = line:match("^%s*(%d+)%s+%d+%s+(%d+)")
    if first then
      list[#list + 1] = {start = math.tointeger(tonumber(first)),
        count = math.tointeger(tonumber(count)), place = ("%s:%d"):format(kind.own, #list + 1)}
    end
  end
  return list
end

return M
