--- What files are, so that it can be told later whether they are the same still: those that
--- something was made from, and those that were looked for in vain.
local core = require "moonsand.core"
local find = require "moonsand.recipe.find"
local order = require "moonsand.order"

local M = {}

local pack, unpack = string.pack, string.unpack

---@class moonsand.recipe.Identities   path -> identity, asked for once
local Identities = {__name = "moonsand.recipe.Identities"}

function Identities.__index(self, path)
  local stat = core.stat(path, "follow")
  local known = stat and ("%d %d %d %o"):format(stat.mtime_ns, stat.size, stat.ino, stat.mode)
    or "-"
  self[path] = known
  return known
end

--- What tells one state of each file from another; "-" when there is none.
---@return table<string, string>
function M.identities()
  return setmetatable({}, Identities)
end

-- Of a directory that was only looked at its being there counts, not what is in it.
local function place_of(path)
  local stat = core.stat(path, "follow")
  if not stat or stat.type ~= "directory" then return nil end
  return ("d %d %o"):format(stat.ino, stat.mode)
end

-- The nearest directory that is there: as long as nothing comes or goes in it, a file that was
-- looked for below it is not there.
local function nearest(known, path)
  local directory = find.directory(path)
  local found = known[directory]
  if found == nil then
    if directory == "" or directory == "." or place_of(directory) then
      found = directory == "" and "/" or directory
    else
      found = nearest(known, directory)
    end
    known[directory] = found
  end
  return found
end

-- Sorted paths of one kind, in one text.
local function packed_list(list)
  local parts = {}
  for i, path in ipairs(list) do parts[i] = pack("<s4", path) end
  return pack("<s4", table.concat(parts))
end

--- The state of paths as one text, for `same`; nil when one of them was written since a moment, as
--- who read it may have read what it was before.
---@param paths table<string, "all"|"place">  place: a directory was looked at, and not listed
---@param moment? integer    nanoseconds since 1970
---@return string?
function M.state(paths, moment)
  local parts, absent, known, identities = {}, {}, {}, M.identities()
  for path in order.sorted(paths) do
    local identity = paths[path] == "place" and place_of(path) or identities[path]
    if identity == "-" then
      -- a link that leads nowhere: what it leads to may appear anywhere
      local directory = core.stat(path) and "" or nearest(known, path)
      absent[directory] = absent[directory] or {}
      table.insert(absent[directory], path)
    else
      local written = math.tointeger(tonumber(identity:match "^%d+"))
      if moment and written and written >= moment then return nil end
      parts[#parts + 1] = pack("<s2s1", path, identity)
    end
  end
  local places = {}
  for directory, list in order.sorted(absent) do
    local identity = directory == "" and "always" or identities[directory]
    places[#places + 1] = pack("<s2s1", directory, identity) .. packed_list(list)
  end
  return pack("<s4", table.concat(parts)) .. table.concat(places)
end

-- None of the paths of a list is there.
local function none_there(text)
  local at = 1
  while at <= #text do
    local path
    path, at = unpack("<s4", text, at)
    if core.stat(path, "follow") then return false end
  end
  return true
end

--- Is everything as it was?
---@param state string   from `state`
---@return boolean
function M.same(state)
  local identities = M.identities()
  local files, at = unpack("<s4", state)
  local from = 1
  while from <= #files do
    local path, was
    path, was, from = unpack("<s2s1", files, from)
    local now = was:byte() == 100 and place_of(path) or identities[path] -- d
    if now ~= was then return false end
  end
  while at <= #state do
    local directory, was, list
    directory, was, list, at = unpack("<s2s1s4", state, at)
    local same = was ~= "always" and identities[directory] == was
    if not same and not none_there(list) then return false end
  end
  return true
end

return M
