--- What files are, so that it can be told later whether they are the same still: those that
--- something was made from, and those that were looked for in vain.
local core = require "moonsand.core"
local find = require "moonsand.recipe.find"
local order = require "moonsand.order"

local M = {}

local byte, pack, unpack = string.byte, string.pack, string.unpack

--- A file system may tell a time that is so long ago, in nanoseconds.
M.tick = 20000000

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

-- The nearest directories that are known; 1 is no path.
local function directories_of(identities)
  if not rawget(identities, 1) then rawset(identities, 1, {}) end
  return identities[1]
end

--- Look at a path now, for a state that is made later.
---@param identities table<string, string>
---@param path string
function M.look(identities, path)
  if rawget(identities, path) then return end
  local directory = nearest(directories_of(identities), path)
  local _ = identities[directory] -- before the path: what comes to be between them changes it
  _ = identities[path]
end

---@alias moonsand.recipe.Look
---| "all"      the file, or the directory with the names in it
---| "place"    a directory was looked at, and not listed
---| "absent"   it was looked for in vain

-- Identity of a path as it was looked at; nil when it may have been another one by then.
local function looked(identities, path, look, moment)
  M.look(identities, path)
  local identity = look == "place" and place_of(path) or identities[path]
  if look == "absent" and identity ~= "-" then return nil end
  local written = math.tointeger(tonumber(identity:match "^%d+"))
  return not (moment and written and written >= moment) and identity or nil
end

--- The state of paths as one text, for `changes`; nil when one of them was written since a moment,
--- as who read it may have read what it was before.
---@param paths table<string, moonsand.recipe.Look>
---@param moment? integer    nanoseconds since 1970
---@param identities? table<string, string>   of paths that were looked at before
---@return string?
function M.state(paths, moment, identities)
  identities = identities or M.identities()
  local parts, absent = {}, {}
  for path in order.sorted(paths) do
    local identity = looked(identities, path, paths[path], moment)
    if not identity then return nil end
    if identity == "-" then
      -- a link that leads nowhere: what it leads to may appear anywhere
      local directory = core.stat(path) and "" or nearest(directories_of(identities), path)
      absent[directory] = absent[directory] or {}
      table.insert(absent[directory], path)
    else
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

-- Those of a list that are there.
local function take_present(text, changed)
  local at = 1
  while at <= #text do
    local path
    path, at = unpack("<s4", text, at)
    if core.stat(path, "follow") then changed[path] = true end
  end
end

--- What is another thing now.
---@param state string   from `state`
---@param first? boolean   one is enough
---@return table<string, boolean>
function M.changes(state, first)
  local identities, changed = M.identities(), {}
  local files, at = unpack("<s4", state)
  local from = 1
  while from <= #files do
    local path, was
    path, was, from = unpack("<s2s1", files, from)
    local now = byte(was) == 100 and place_of(path) or identities[path] -- d
    if now ~= was then
      changed[path] = true
      if first then return changed end
    end
  end
  while at <= #state do
    local directory, was, list
    directory, was, list, at = unpack("<s2s1s4", state, at)
    if was == "always" or identities[directory] ~= was then take_present(list, changed) end
  end
  return changed
end

--- Is everything as it was?
---@param state string   from `state`
---@return boolean
function M.same(state)
  return next(M.changes(state, true)) == nil
end

return M
