--- The recipe files of a configuration that is kept: as long as no directory of BBFILES is another
--- one, they are those that were found last time.
local core = require "moonsand.core"
local find = require "moonsand.recipe.find"
local listing = require "moonsand.recipe.listing"
local packed = require "moonsand.recipe.packed"
local sealed = require "moonsand.recipe.sealed"
local seen = require "moonsand.recipe.seen"

local M = {}

local pack, unpack = string.pack, string.unpack

-- Changes with what is kept.
local format = "moonsand recipe files 1"

---@class moonsand.recipe.Place   where a configuration is kept
---@field path string
---@field digest string

--- A disk that notes what is asked of it.
---@param disk moonsand.recipe.Disk
---@param paths table<string, moonsand.recipe.Look>   added to
---@return moonsand.recipe.Disk
function M.noting(disk, paths)
  local noted = {}
  function noted.read(path)
    local text = disk.read(path)
    paths[path] = text and "all" or "absent"
    return text
  end
  function noted.list(path)
    paths[path] = "all"
    return disk.list(path)
  end
  function noted.kind(path)
    local kind = disk.kind(path)
    paths[path] = paths[path] or kind and "place" or "absent"
    return kind
  end
  return noted
end

local function restored(place, d)
  local bytes = sealed.read(place.path .. ".files", format)
  if not bytes then return nil end
  local digest, state, at = unpack("<s1s4", bytes)
  if digest ~= place.digest or not seen.same(state) then return nil end
  local known = packed.open(bytes, at):get(1)
  d:put("BBFILES_PRIORITIZED", known.words)
  for _, text in ipairs(known.warnings) do d:warn(text) end
  return known.recipes, known.appends
end

local function keep(place, paths, moment, known)
  local state = seen.state(paths, moment)
  if not state then return end
  local packing = packed.new()
  packing:put(known)
  sealed.write(place.path .. ".files", format, pack("<s1s4", place.digest, state) ..
    packing:text())
end

--- Recipe files and appends, in order, as `listing.all` finds them.
---@param place moonsand.recipe.Place
---@param d moonsand.recipe.Data
---@param collections fun(): moonsand.recipe.Collection[]
---@return string[] recipes, string[] appends
function M.all(place, d, collections)
  local recipes, appends = restored(place, d)
  if recipes then return recipes, appends end
  local paths, moment, said = {}, core.time_ns() - seen.tick, #d.log
  recipes, appends = listing.all(d, M.noting(find.disk, paths), collections())
  listing.check_appends(recipes, appends)
  keep(place, paths, moment, {recipes = recipes, appends = appends,
    words = d:plain "BBFILES_PRIORITIZED", warnings = table.move(d.log, said + 1, #d.log, 1, {})})
  return recipes, appends
end

return M
