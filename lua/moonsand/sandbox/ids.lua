--- Who the program is inside: from the options `ids`, `uid` and `gid` to the step of the plan.
local lazy = require "moonsand.lazy"
local fault = require "moonsand.fault"
local idmap = lazy "moonsand.sandbox.idmap"
local order = require "moonsand.order"
local subordinate = require "moonsand.sandbox.subordinate"

local M = {}

---@class moonsand.sandbox.Ids
---@field uid? moonsand.sandbox.IdMap   {{inside, outside, count}, ...}; else the caller's own id
---@field gid? moonsand.sandbox.IdMap

local words = {self = true, root = true, range = true}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function check_table(given)
  for key in order.sorted(given) do
    if key ~= "uid" and key ~= "gid" then
      wrong(("unknown key '%s' in 'ids'"):format(tostring(key)),
        "write ids = {uid = {{inside, outside, count}, ...}, gid = {...}}")
    end
  end
  if not given.uid and not given.gid then wrong("'ids' has neither 'uid' nor 'gid'") end
end

local function check_map(name, map)
  if type(map) ~= "table" or #map == 0 then
    wrong(("ids.%s must be a list of ranges"):format(name), "write {{inside, outside, count}, ...}")
  end
  for i, range in ipairs(map) do
    local why = idmap.fault(range)
    if why then wrong(("ids.%s[%d]: %s"):format(name, i, why)) end
  end
  local first, second, side = idmap.clash(map)
  if first then
    wrong(("ids.%s[%d] and [%d] have an id in common, %s: %s"):format(name, first, second, side,
      idmap.text(map)), "an id may stand for one other only")
  end
end

local function check_id(name, value, who)
  if value == nil then return end
  if math.type(value) ~= "integer" or value < 0 or value > idmap.last then
    wrong(("'%s' must be an integer from 0 to %d"):format(name, idmap.last))
  end
  if who == "root" and value ~= 0 then
    wrong(("'ids' is 'root', and '%s' is %d"):format(name, value),
      ("ids = \"self\" maps the caller to any '%s'"):format(name))
  end
end

--- Refuse what cannot be.
---@param options moonsand.sandbox.Options
function M.check(options)
  local who = options.ids
  if type(who) == "table" then
    check_table(who)
    for _, name in ipairs {"uid", "gid"} do
      if who[name] ~= nil then check_map(name, who[name]) end
    end
  elseif who ~= nil and not words[who] then
    wrong(("'ids' is '%s'; it may be %s, or a table of maps"):format(who,
      table.concat(order.keys(words), " or ")))
  end
  for _, name in ipairs {"uid", "gid"} do check_id(name, options[name], who) end
end

--- The caller as 0, then its subordinate ids from 1 on.
local function ranged(kind, host)
  local own = host[kind.name]
  local map, inside = {{0, own, 1}}, 1
  for _, range in ipairs(subordinate.ranges(kind, host)) do
    map[#map + 1] = {inside, range.start, range.count}
    local why = idmap.fault(map[#map])
    if not why and idmap.clash(map) then why = ("it holds %d, the caller's own id"):format(own) end
    if why then
      fault.throw("host", why, {where = range.place, hint = "as root: correct this line"})
    end
    inside = inside + range.count
  end
  if #map > 1 then return map end
  fault.throw("host", ("user '%s' has no range of ids in %s"):format(
    subordinate.user(host) or host.uid, kind.file), {hint = subordinate.fix(host)})
end

--- To root, every id of its own world is the same id inside; no helper is asked.
local function whole(kind, host)
  local map = {}
  for i, range in ipairs(subordinate.mapped(kind, host)) do
    map[i] = {range.start, range.start, range.count}
  end
  return map
end

local function places(given)
  local list = {}
  for i, one in ipairs(given) do
    list[i] = ("%s: %s"):format(one.place, idmap.span(one.start, one.count))
  end
  return #list > 0 and table.concat(list, ", ") or "nothing"
end

--- The helpers would refuse it, without a word about why.
local function check_allowed(kind, map, host)
  local own = host[kind.name]
  local given = host.uid == 0 and subordinate.mapped(kind, host) or subordinate.ranges(kind, host)
  for i, range in ipairs(map) do
    local is_own = range[2] == own and range[3] == 1
    local missing = not is_own and idmap.missing(range[2], range[3], given)
    if missing then
      local user = subordinate.user(host) or host.uid
      fault.throw("host", ("ids.%s[%d] maps to %s, and %d is not given to user '%s' (%s)"):format(
        kind.name, i, idmap.span(range[2], range[3]), missing, user, places(given)), {
        hint = host.uid ~= 0 and subordinate.fix(host, kind, range[2], range[3])
          or "only ids that this process's own namespace has can be mapped"})
    end
  end
end

local function map_of(kind, options, host)
  local own, who = host[kind.name], options.ids or "self"
  if type(who) == "table" then
    local map = who[kind.name] or {{own, own, 1}}
    check_allowed(kind, map, host)
    return map
  elseif who == "range" then
    return host.uid == 0 and whole(kind, host) or ranged(kind, host)
  end
  return {{who == "root" and 0 or options[kind.name] or own, own, 1}}
end

local function id_in(kind, map, wanted)
  if wanted == nil then return idmap.has(map, 0) and 0 or map[1][1] end
  if idmap.has(map, wanted) then return wanted end
  wrong(("'%s' is %d, and that id is not mapped: %s"):format(kind.name, wanted, idmap.text(map)),
    "the numbers on the left are the ids inside")
end

--- The step `ids` for checked options, and the ids that the program then has.
---@param options {ids?: string|moonsand.sandbox.Ids, uid?: integer, gid?: integer}
---@param host? moonsand.sandbox.IdHost   this one when not given
---@return table step
---@return integer uid
---@return integer gid
function M.step(options, host)
  host = host or subordinate.host()
  local kinds = subordinate.kinds
  local uid, gid = map_of(kinds.uid, options, host), map_of(kinds.gid, options, host)
  local user, group = id_in(kinds.uid, uid, options.uid), id_in(kinds.gid, gid, options.gid)
  return {"ids", uid = uid, gid = gid, user = user, group = group}, user, group
end

--- Is there a root inside, whoever the program is? Without namespaces there is the host's.
---@param options table   checked
---@return boolean
function M.has_root(options)
  local who, own = options.ids, subordinate.host().uid
  if options.isolation == "filters" or who == "root" or who == "range" then return true end
  if type(who) == "table" then return idmap.has(who.uid or {{own, own, 1}}, 0) end
  return (options.uid or own) == 0
end

--- What to do when the helper did not write a map.
---@param details table   of core.spawn
---@param host? moonsand.sandbox.IdHost
---@return string? hint
function M.hint(details, host)
  local helper = details.path
  if details.verb ~= "ids" or (helper ~= "newuidmap" and helper ~= "newgidmap") then return nil end
  host = host or subordinate.host()
  local user = subordinate.user(host) or host.uid
  if details.call == "run" then
    return ("the ids of user '%s' are mapped by %s, which is not there; as root: "
      .. "apt-get install uidmap"):format(user, helper)
  end
  return ("user '%s' has these ids in %s; %s must be setuid root, and cannot help inside of a "
    .. "sandbox; as root: chmod u+s $(command -v %s)"):format(user,
    helper == "newuidmap" and "/etc/subuid" or "/etc/subgid", helper, helper)
end

return M
