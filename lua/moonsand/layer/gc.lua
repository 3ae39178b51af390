--- Garbage collection: mark and move to the trash under the lock, delete after it. Moving does not
--- disturb what is mounted just now, and what a living process holds, or a pin names, is never
--- moved.
local census = require "moonsand.layer.census"
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local layout = require "moonsand.layer.layout"
local leases = require "moonsand.layer.lease"
local publish = require "moonsand.layer.publish"
local records = require "moonsand.layer.record"
local roots = require "moonsand.layer.roots"
local share = require "moonsand.layer.share"
local scratches = require "moonsand.layer.scratch"
local trash = require "moonsand.layer.trash"

local M = {}

---@class moonsand.GcOptions
---@field max_used? integer  bytes that trees and work layers may take; default: see `default_cap`
---@field min_free? integer  bytes that the file system shall have free
---@field unused_days? number what was not used for so long goes, whatever the size
---@field keep_builds? integer  how many of the last builds are spared; default 3
---@field kept_days? number  how long kept scratch directories of failed tasks stay; default 14
---@field dry_run? boolean   say what would go, move nothing

---@class moonsand.GcReport
---@field removed {kind: string, digest: string, bytes: integer}[]
---@field records integer   records that named something removed
---@field builds integer    builds that are no longer remembered
---@field scratch integer   scratch directories of dead processes
---@field kept integer      kept scratch directories that were too old
---@field freed integer     bytes, about
---@field used integer      bytes of what stays, about
---@field held integer      trees and work layers that somebody uses
---@field stuck string[]    what could not be deleted, and why
---@field left integer      what other users must delete

local DAY_NS <const> = 86400 * 1000000000
local CAP <const> = 100 << 30

--- How many of the last builds are spared when nothing is said.
M.BUILDS = 3

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

-- Least recently used first: what is too old, then more until both limits hold.
local function choose(items, used, held, limits)
  local victims, free = {}, limits.free
  for _, item in ipairs(items) do
    if used <= limits.max_used and free >= limits.min_free and item.used_ns >= limits.since then
      break
    end
    if not held[item.digest] then
      victims[item.digest] = item
      used, free = used - item.bytes, free + item.bytes
    end
  end
  add_dependents(items, victims, held)
  return victims
end

local function mentions(needs, gone)
  for _, word in ipairs(needs) do
    if gone[word] then return true end
  end
  return false
end

local function needs_of(path)
  return records.needs(disk.read(path) or "")
end

-- Actions and intents with what they need. A record that is written later cannot need a victim:
-- whoever writes it holds what it names.
local function read_records(store)
  local list = {}
  for _, kind in ipairs {"action", "intent"} do
    for _, found in ipairs(census.records(store, kind)) do
      found.needs = needs_of(found.path)
      list[#list + 1] = found
    end
  end
  return list
end

-- Action records that need something that goes, the intents that lead to them, and their logs. The
-- intents are removed first: killed on the way, none is left that leads nowhere. A record may say
-- something else by now than when it was read; under the lock nobody writes one.
local function drop_records(store, list, victims, dry_run)
  local count, gone = 0, {}
  if not next(victims) then return 0 end
  local paths = {}
  for digest in pairs(victims) do gone[digest] = true end
  for _, found in ipairs(list) do -- the actions come first
    if mentions(found.needs, gone) and mentions(needs_of(found.path), gone) then
      gone[found.key], count = true, count + 1
      paths[count] = found.path
    end
  end
  for i = dry_run and 0 or count, 1, -1 do core.unlink(paths[i]) end
  for _, found in ipairs(dry_run and {} or census.records(store, "log")) do
    if gone[found.key:match("%x+$")] then core.unlink(found.path) end
  end
  return count
end

local function drop_builds(store, keep, dry_run)
  local list = roots.builds(store)
  for i = keep + 1, #list do
    if not dry_run then core.unlink(list[i]) end
  end
  return math.max(0, #list - keep)
end

local function is_others(path)
  if core.uid() == 0 then return false end
  return share.is_foreign(path) or share.is_foreign(path .. "/t")
end

local function drop_kept(store, days, dry_run)
  local count, before = 0, core.time_ns() - math.floor(days * DAY_NS)
  for _, name in ipairs(disk.names(store .. "/kept")) do
    local path = store .. "/kept/" .. name
    local st = core.stat(path)
    if st and st.mtime_ns < before and not is_others(path) then
      count = count + 1
      if not dry_run then trash.discard(store, path) end
    end
  end
  return count
end

local function limits_of(store, options, used)
  local free = disk.must("look at", core.statfs(store)).free
  local days, cap = options.unused_days, options.max_used
  -- Who says how old things may be does not want them to go for their size.
  if not cap then cap = days and math.maxinteger or M.default_cap(used, free) end
  return {free = free, min_free = options.min_free or 0, max_used = cap,
    since = days and core.time_ns() - math.floor(days * DAY_NS) or math.mininteger}
end

local function take(store, items, victims, dry_run, report)
  for _, item in ipairs(items) do
    if victims[item.digest] then
      report.removed[#report.removed + 1] = {kind = item.kind, digest = item.digest,
        bytes = item.bytes, name = item.name}
      report.freed = report.freed + item.bytes
      if not dry_run then trash.discard(store, item.place) end
    end
  end
end

-- What is held holds what it was written over: one cannot be used without the others. What came
-- after the census is asked itself.
local function add_below(store, items, held)
  local over, queue = {}, {}
  for _, item in ipairs(items) do over[item.digest] = item.over end
  for digest in pairs(held) do queue[#queue + 1] = digest end
  while #queue > 0 do
    local above = table.remove(queue)
    local below = over[above] or (publish.read_meta(store, layout.place(store, "layer", above))
      or {}).over or ""
    for digest in below:gmatch("%x+") do
      if not held[digest] then
        held[digest], queue[#queue + 1] = held[above], digest
      end
    end
  end
  return held
end

-- What was used or made again since the census is no victim any more, nor what lies below it.
local function spare_used(store, items, held)
  for _, item in ipairs(items) do
    local st = core.stat(item.place .. "/meta")
    if st and st.mtime_ns > item.used_ns then held[item.digest] = held[item.digest] or "in use" end
  end
  add_below(store, items, held)
end

-- Under the lock: only what cannot change while nobody claims or publishes.
local function mark(store, found, options, report)
  local keep, dry_run = options.keep_builds or M.BUILDS, options.dry_run
  local items = found.items
  local held = add_below(store, items, roots.held(store, keep, leases.live(store)))
  local limits = limits_of(store, options, found.used)
  if next(choose(items, found.used, held, limits)) then spare_used(store, items, held) end
  local victims = choose(items, found.used, held, limits)
  for _, item in ipairs(items) do
    if held[item.digest] then report.held = report.held + 1 end
  end
  report.records = drop_records(store, found.records, victims, dry_run)
  take(store, items, victims, dry_run, report)
  report.used = found.used - report.freed
  report.builds = drop_builds(store, keep, dry_run)
  report.kept = drop_kept(store, options.kept_days or 14, dry_run)
  if not dry_run then report.scratch = scratches.sweep(store) end
  return held
end

-- Lock files that nobody holds. A lock whose name goes meanwhile is taken anew by whoever waits.
local function drop_locks(store)
  for _, name in ipairs(disk.names(store .. "/lock")) do
    local path = store .. "/lock/" .. name
    local lock <close> = name ~= "gc" and core.lock(path, "exclusive", "try") or nil
    if lock then core.unlink(path) end
  end
end

-- What belongs to another user stays for that user's collection; what is still mounted somewhere,
-- until it is not.
local function empty(folder, report, held)
  for _, name in ipairs(disk.names(folder)) do
    local digest = name:match("^%l+%.(%x+)%.%d+$") -- as the quarantine names it
    local path = folder .. "/" .. name
    if is_others(path) then
      report.left = report.left + 1
    elseif not (digest and held and held[digest]) then
      local ok, err = core.remove_tree(path)
      if not ok then report.stuck[#report.stuck + 1] = err end
    end
  end
end

--- Remove what killed processes left: their scratch directories, and what is in the trash.
---@param store string   its path
---@return string[] removed   paths
---@return string[] stuck     what could not be deleted, and why
function M.tidy(store)
  local removed, report = {}, {stuck = {}, left = 0}
  do
    local _ <close> = disk.must("lock", core.lock(store .. "/lock/gc", "exclusive"))
    for _, name in ipairs(disk.names(store .. "/trash")) do
      removed[#removed + 1] = store .. "/trash/" .. name
    end
    for _, path in ipairs(scratches.dead(store)) do removed[#removed + 1] = path end
    scratches.sweep(store)
  end
  empty(store .. "/trash", report)
  return removed, report.stuck
end

local known = {max_used = true, min_free = true, unused_days = true, keep_builds = true,
  kept_days = true, dry_run = true}

--- Collect. Waits for the moments in which others publish or claim; never for their work.
---@param store string   its path
---@param options? moonsand.GcOptions
---@return moonsand.GcReport
function M.run(store, options)
  options = options or {}
  for name in pairs(options) do
    if not known[name] then error(("unknown option '%s'"):format(tostring(name)), 3) end
  end
  local report = {removed = {}, records = 0, builds = 0, scratch = 0, kept = 0, freed = 0, used = 0,
    held = 0, left = 0, stuck = {}}
  local items, used = census.items(store)
  local found = {items = items, used = used, records = read_records(store)}
  local held
  do
    local _ <close> = disk.must("lock", core.lock(store .. "/lock/gc", "exclusive"))
    held = mark(store, found, options, report)
  end
  if options.dry_run then return report end
  drop_locks(store)
  empty(store .. "/trash", report)
  empty(store .. "/quarantine", report, held)
  return report
end

return M
