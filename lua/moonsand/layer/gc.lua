--- Garbage collection: mark and move to the trash under the lock, delete after it. Moving does not
--- disturb what is mounted just now, and what a living process holds, or a pin names, is never
--- moved.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local layout = require "moonsand.layer.layout"
local leases = require "moonsand.layer.lease"
local publish = require "moonsand.layer.publish"
local scratches = require "moonsand.layer.scratch"
local verify = require "moonsand.layer.verify"

local M = {}

---@class moonsand.GcOptions
---@field max_used? integer  bytes that trees and work layers may take; default: see `default_cap`
---@field min_free? integer  bytes that the file system shall have free
---@field kept_days? number  how long kept scratch directories of failed tasks stay; default 14
---@field dry_run? boolean   say what would go, move nothing

---@class moonsand.GcReport
---@field removed {kind: string, digest: string, bytes: integer}[]
---@field records integer   records that named something removed
---@field scratch integer   scratch directories of dead processes
---@field kept integer      kept scratch directories that were too old
---@field freed integer     bytes, about
---@field used integer      bytes of what stays, about
---@field held integer      trees and work layers that somebody uses
---@field stuck string[]    what could not be deleted, and why

-- A file costs its inode and half a block on top of its bytes.
local FILE_COST = 2048
local DAY_NS = 86400 * 1000000000
local CAP = 100 << 30

local function item_of(kind, found)
  local meta = publish.read_meta(disk.read(found.place .. "/meta"))
  local st = core.stat(found.place .. "/meta")
  return {kind = kind, digest = found.digest, place = found.place,
    used_ns = st and st.mtime_ns or 0, over = meta and meta.over or "", name = meta and meta.name,
    bytes = meta and meta.bytes + meta.files * FILE_COST or 0}
end

local function list(store)
  local items, used = {}, 0
  for _, kind in ipairs(layout.kinds) do
    for _, found in ipairs(verify.places(store.path, kind)) do
      local item = item_of(kind, found)
      items[#items + 1], used = item, used + item.bytes
    end
  end
  table.sort(items, function(a, b)
    if a.used_ns ~= b.used_ns then return a.used_ns < b.used_ns end
    return a.digest < b.digest
  end)
  return items, used
end

local function pinned(store, held)
  for _, name in ipairs(disk.names(store.path .. "/roots")) do
    local text = disk.read(store.path .. "/roots/" .. name) or ""
    for digest in text:gmatch("%x+") do held[digest] = true end
  end
  return held
end

--- The cap when none is given: 100 GiB, or half of what the store and the free space make together.
---@param used integer
---@param free integer
---@return integer
function M.default_cap(used, free)
  return math.min(CAP, (used + free) // 2)
end

-- A work layer over one that goes goes, too: made again, the lower would be younger than it.
local function add_dependents(items, victims, held)
  local grew
  repeat
    grew = false
    for _, item in ipairs(items) do
      for digest in item.over:gmatch("%x+") do
        if victims[digest] and not victims[item.digest] and not held[item.digest] then
          victims[item.digest], grew = item, true
        end
      end
    end
  until not grew
end

-- Least recently used first, until both limits hold.
local function choose(items, used, held, limits)
  local victims, free = {}, limits.free
  for _, item in ipairs(items) do
    if used <= limits.max_used and free >= limits.min_free then break end
    if not held[item.digest] then
      victims[item.digest] = item
      used, free = used - item.bytes, free + item.bytes
    end
  end
  add_dependents(items, victims, held)
  return victims
end

local function mentions(text, victims)
  for word in text:gmatch("%x+") do
    if #word == 64 and victims[word] then return true end
  end
  return false
end

-- Records that name something that goes. Logs stay: they are for people.
local function drop_records(store, victims, dry_run)
  local count = 0
  if not next(victims) then return 0 end
  for _, kind in ipairs {"action", "intent"} do
    local folder = store.path .. "/" .. layout.folder(kind)
    for _, shard in ipairs(disk.names(folder)) do
      for _, name in ipairs(disk.names(folder .. "/" .. shard)) do
        local path = ("%s/%s/%s"):format(folder, shard, name)
        if mentions(disk.read(path) or "", victims) then
          count = count + 1
          if not dry_run then core.unlink(path) end
        end
      end
    end
  end
  return count
end

local function drop_kept(store, days, dry_run)
  local count, before = 0, core.time_ns() - math.floor(days * DAY_NS)
  for _, name in ipairs(disk.names(store.path .. "/kept")) do
    local path = store.path .. "/kept/" .. name
    local st = core.stat(path)
    if st and st.mtime_ns < before then
      count = count + 1
      if not dry_run then store:discard(path) end
    end
  end
  return count
end

local function limits_of(store, options, used)
  local free = disk.must("look at", core.statfs(store.path)).free
  return {free = free, min_free = options.min_free or 0,
    max_used = options.max_used or M.default_cap(used, free)}
end

local function mark(store, options, report)
  local held = pinned(store, leases.live(store.path))
  local items, used = list(store)
  local victims = choose(items, used, held, limits_of(store, options, used))
  report.records = drop_records(store, victims, options.dry_run)
  for _, item in ipairs(items) do
    if victims[item.digest] then
      report.removed[#report.removed + 1] = {kind = item.kind, digest = item.digest,
        bytes = item.bytes, name = item.name}
      report.freed = report.freed + item.bytes
      if not options.dry_run then store:discard(item.place) end
    elseif held[item.digest] then
      report.held = report.held + 1
    end
  end
  report.used = used - report.freed
  report.kept = drop_kept(store, options.kept_days or 14, options.dry_run)
  if not options.dry_run then report.scratch = scratches.sweep(store) end
end

-- Lock files that nobody holds. A lock whose name goes meanwhile is taken anew by whoever waits.
local function drop_locks(store)
  for _, name in ipairs(disk.names(store.path .. "/lock")) do
    local path = store.path .. "/lock/" .. name
    local lock <close> = name ~= "gc" and core.lock(path, "exclusive", "try") or nil
    if lock then core.unlink(path) end
  end
end

-- What belongs to another user stays for that user's collection.
local function empty(folder, report)
  for _, name in ipairs(disk.names(folder)) do
    local ok, err = core.remove_tree(folder .. "/" .. name)
    if not ok then report.stuck[#report.stuck + 1] = err end
  end
end

--- Remove what killed processes left: their scratch directories, and what is in the trash.
---@param store moonsand.Store
---@return string[] removed   paths
---@return string[] stuck     what could not be deleted, and why
function M.tidy(store)
  local removed, report = {}, {stuck = {}}
  do
    local _ <close> = disk.must("lock", core.lock(store.path .. "/lock/gc", "exclusive"))
    for _, name in ipairs(disk.names(store.path .. "/trash")) do
      removed[#removed + 1] = store.path .. "/trash/" .. name
    end
    for _, path in ipairs(scratches.dead(store.path)) do removed[#removed + 1] = path end
    scratches.sweep(store)
  end
  empty(store.path .. "/trash", report)
  return removed, report.stuck
end

local known = {max_used = true, min_free = true, kept_days = true, dry_run = true}

--- Collect. Waits for the moments in which others publish or claim; never for their work.
---@param store moonsand.Store
---@param options? moonsand.GcOptions
---@return moonsand.GcReport
function M.run(store, options)
  options = options or {}
  for name in pairs(options) do
    if not known[name] then error(("unknown option '%s'"):format(tostring(name)), 3) end
  end
  local report = {removed = {}, records = 0, scratch = 0, kept = 0, freed = 0, used = 0, held = 0,
    stuck = {}}
  do
    local _ <close> = disk.must("lock", core.lock(store.path .. "/lock/gc", "exclusive"))
    mark(store, options, report)
  end
  if options.dry_run then return report end
  drop_locks(store)
  empty(store.path .. "/trash", report)
  empty(store.path .. "/quarantine", report)
  return report
end

return M
