--- What a store needs of its disk, and what killed callers left in it. A store that is not there is
--- not made for it.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local gc = require "moonsand.layer.gc"
local layout = require "moonsand.layer.layout"
local scratches = require "moonsand.layer.scratch"

local M = {}

local LEAST <const> = 1 << 30 -- bytes: a small build's

--- The directory itself, or the nearest one above it that is there.
local function nearest(path)
  while path ~= "" and not core.stat(path, "follow") do path = path:match("^(.*)/[^/]*$") or "" end
  return path == "" and "/" or path
end

local function gib(bytes) return ("%.1f GiB"):format(bytes / (1 << 30)) end

local function room(path)
  local place = nearest(path)
  local fs = disk.must("look at", core.statfs(place))
  local finding = {name = "store", needed = false, ok = false,
    what = ("the store %s, on %s"):format(path, fs.type)}
  local why = layout.unfit(fs.type)
  if why then
    finding.what = ("%s: %s"):format(finding.what, why)
  elseif fs.free < LEAST then
    finding.what = ("%s: %s free"):format(finding.what, gib(fs.free))
  else
    finding.ok, finding.what = true, ("%s: %s free"):format(finding.what, gib(fs.free))
    return finding
  end
  finding.cost = "builds fail; sandboxes need no store"
  finding.fix = "MOONSAND_DIR=DIR moonsand ..., with a directory on a larger local file system"
  return finding
end

local function is_store(path) return disk.exists(path .. "/format") end

local function counted(path)
  local dead = #scratches.dead(path)
  return dead, #disk.names(path .. "/trash")
end

local function nothing_left(path)
  local finding = {name = "store-leftovers", needed = false, ok = true,
    what = "nothing of killed builds in the store"}
  if not is_store(path) then return finding end
  local dead, trash = counted(path)
  if dead + trash == 0 then return finding end
  finding.ok = false
  finding.what = ("%d scratch directories of killed builds in the store, and %d things in its "
    .. "trash"):format(dead, trash)
  finding.cost, finding.fix = "room on the disk", "moonsand doctor --fix"
  return finding
end

--- Look at a store and its disk.
---@param path string   of the store
---@return moonsand.sandbox.Finding[]
function M.check(path)
  return {room(path), nothing_left(path)}
end

--- Remove what killed builds left in a store.
---@param path string
---@return string[] removed   paths
---@return string[] stuck     what could not be removed, and why
function M.fix(path)
  if not is_store(path) then return {}, {} end
  return gc.tidy(path)
end

return M
