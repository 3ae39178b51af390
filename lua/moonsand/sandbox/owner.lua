--- Binds that show files under other owners (`idmap`): made by the host's root, before the sandbox.
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local idmap = require "moonsand.sandbox.idmap"
local ids = require "moonsand.sandbox.ids"

local M = {}

--- Refuse what cannot be.
---@param map boolean|{uid: integer[][], gid: integer[][]}
---@param where string
function M.check(map, where)
  where = where .. ".idmap"
  if type(map) == "table" then
    check.keys(where, map, {uid = "table", gid = "table"})
    for _, kind in ipairs {"uid", "gid"} do
      if not map[kind] then check.wrong(("%s has no '%s'"):format(where, kind)) end
      for i, range in ipairs(map[kind]) do
        local why = idmap.fault(range)
        if why then check.wrong(("%s.%s[%d]: %s"):format(where, kind, i, why)) end
      end
    end
  end
  if core.uid() ~= 0 then
    fault.throw("host", ("sandbox: %s: only the host's root can show files under other owners")
      :format(where), {hint = "start moonsand as root, or change the owner of the files"})
  end
end

--- What a plan says about it.
---@param map boolean|{uid: integer[][], gid: integer[][]}
---@return string
function M.text(map)
  if map == true then return "its owner is the program" end
  return ("owners uid %s gid %s"):format(idmap.text(map.uid), idmap.text(map.gid))
end

--- The id outside of the sandbox for one inside.
local function outside(map, id)
  for _, range in ipairs(map) do
    if id >= range[1] and id - range[1] < range[3] then return range[2] + id - range[1] end
  end
end

--- The source's owner, seen as the program is.
local function own_map(source, options)
  local st, message, errno = core.stat(source, "follow")
  if not st then return nil, message, errno end
  local step, uid, gid = ids.step(options)
  return {uid = {{st.uid, outside(step.uid, uid), 1}}, gid = {{st.gid, outside(step.gid, gid), 1}}}
end

local function lines(map)
  local list = {}
  for i, range in ipairs(map) do list[i] = ("%d %d %d\n"):format(table.unpack(range)) end
  return table.concat(list)
end

local EINVAL, EPERM, ENOENT = 22, 1, 2

local hints = {
  [EINVAL] = "its file system, or one that is mounted in it, cannot show files under other owners",
  [EPERM] = "only the root of the host can do it, not one of a user namespace or container",
}

--- An entry of `binds` with its mount, made for one run.
---@param entry table    checked
---@param options table   checked
---@param undo moonsand.Scope
---@return table entry
function M.prepare(entry, options, undo)
  local map, message, errno = entry.idmap, nil, nil
  if map == true then map, message, errno = own_map(entry.source, options) end
  local tree
  if map then tree, message, errno = core.idmapped(entry.source, lines(map.uid), lines(map.gid)) end
  local own = {}
  for key, value in pairs(entry) do own[key] = value end
  if tree then
    undo:defer(function() tree:close() end)
    own.tree = tree
  elseif errno == ENOENT and entry.optional then
    own.idmap = nil
  else
    fault.throw("sandbox", ("bind %s: idmap: %s"):format(entry.target, message),
      {errno = errno, hint = hints[errno]})
  end
  return own
end

return M
