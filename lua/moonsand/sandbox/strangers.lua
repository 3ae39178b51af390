--- Files of lower directories whose owner has no id inside. An overlay cannot copy them up: who
--- writes to one is told "Value too large for defined data type" (EOVERFLOW), which says nothing of
--- owners. Looked for when a program has failed.
local core = require "moonsand.core"
local ids = require "moonsand.sandbox.ids"

local M = {}

local MOST <const> = 2000 -- entries that are looked at: a hint must not take longer than the run

local TOLD <const> = "Value too large for defined data type"

local function is_mapped(map, id)
  for _, range in ipairs(map) do
    if id >= range[2] and id < range[2] + range[3] then return true end
  end
  return false
end

--- The first such file below some directories, the nearest to their top.
---@param directories string[]
---@param maps {uid: moonsand.sandbox.IdMap, gid: moonsand.sandbox.IdMap}
---@return string? path
---@return string? who   "user 12" or "group 34"
function M.find(directories, maps)
  local queue = table.move(directories, 1, #directories, 1, {})
  local at = 1
  while at <= #queue and at <= MOST do
    local path = queue[at]
    local there = core.stat(path)
    if there and not is_mapped(maps.uid, there.uid) then return path, "user " .. there.uid end
    if there and not is_mapped(maps.gid, there.gid) then return path, "group " .. there.gid end
    local names = there and there.type == "directory" and #queue < MOST and core.readdir(path) or {}
    table.sort(names)
    for _, name in ipairs(names) do queue[#queue + 1] = path .. "/" .. name end
    at = at + 1
  end
end

local function lowers(options)
  local list = {}
  for _, entry in ipairs(options.overlays or {}) do
    if not entry.read_only then table.move(entry.lower, 1, #entry.lower, #list + 1, list) end
  end
  return list
end

--- What to say to a program that has failed, perhaps because of that. What it wrote is asked first,
--- where it was captured.
---@param options table   checked
---@param result moonsand.sandbox.Result
---@return string? hint
function M.hint(options, result)
  local directories = lowers(options)
  if result.ok or result.outcome ~= "exit" or #directories == 0 then return nil end
  local written = result.stdout .. result.stderr
  if written ~= "" and not written:find(TOLD, 1, true) then return nil end
  local path, who = M.find(directories, ids.step(options))
  if not path then return nil end
  return ("'%s' belongs to %s, who has no id inside: whoever changes it there is told \"%s\"; "
    .. "ids = \"range\" (--ids range) gives ids to more"):format(path, who, TOLD)
end

return M
