--- What differs between two stacks of directories: files that came, that went, and that are others.
local stack = require "moonsand.layer.stack"

local M = {}

---@class moonsand.Comparison
---@field mark "A"|"M"|"D"   only in the second, in both but not the same, only in the first
---@field path string        "/usr/bin/hello"
---@field type string        of what is there, D: was there
---@field size? integer      of a file in the second
---@field old_size? integer  of a file in the first

local function same(a, b)
  if a.type ~= b.type or a.target ~= b.target then return false end
  return a.type ~= "file" or a.digest == b.digest and (a.mode & 73 ~= 0) == (b.mode & 73 ~= 0)
end

local function put(job, mark, path, old, new)
  local entry = new or old
  job.list[#job.list + 1] = {
    mark = mark, path = path, type = entry.type,
    size = new and new.type == "file" and new.size or nil,
    old_size = old and old.type == "file" and old.size or nil,
  }
end

local walk

-- Everything below a directory that is on one side only; an empty one speaks for itself.
local function alone(job, mark, path, entry, side)
  if entry.type ~= "directory" then
    return put(job, mark, path, side == 1 and entry or nil, side == 2 and entry or nil)
  end
  local before = #job.list
  walk(job, path, side == 1 and entry.below or nil, side == 2 and entry.below or nil)
  if #job.list == before then put(job, mark, path, nil, entry) end
end

local function both(job, path, old, new)
  if old.type == "directory" and new.type == "directory" then
    return walk(job, path, old.below, new.below)
  elseif old.type == "directory" or new.type == "directory" then
    alone(job, "D", path, old, 1)
    alone(job, "A", path, new, 2)
  elseif not same(old, new) then
    put(job, "M", path, old, new)
  end
end

local function entries(view, places)
  local found = {}
  for _, entry in ipairs(places and view:list(places, {hash = true}) or {}) do
    found[entry.name] = entry
  end
  return found
end

function walk(job, path, old_places, new_places)
  local old, new = entries(job.old, old_places), entries(job.new, new_places)
  for name, entry in pairs(old) do
    local other = new[name]
    if other then
      both(job, path .. "/" .. name, entry, other)
    else
      alone(job, "D", path .. "/" .. name, entry, 1)
    end
  end
  for name, entry in pairs(new) do
    if not old[name] then alone(job, "A", path .. "/" .. name, entry, 2) end
  end
end

--- The differences, sorted by path. Owners and times are none; what may be executed is one.
---@param old string[]   directories, first wins
---@param new string[]
---@return moonsand.Comparison[]
function M.list(old, new)
  local before <close> = stack.view(old, true)
  local after <close> = stack.view(new, true)
  local job = {old = before, new = after, list = {}}
  walk(job, "", before.top, after.top)
  table.sort(job.list, function(a, b)
    if a.path ~= b.path then return a.path < b.path end
    return a.mark > b.mark
  end)
  return job.list
end

return M
