--- What an upper directory changes in the layers below it: files that came, files that are
--- others now, and files that went.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local stack = require "moonsand.layer.stack"

local M = {}

---@class moonsand.Change
---@field mark "A"|"M"|"D"   added, modified, deleted
---@field path string        "/usr/bin/hello"
---@field type string        "file", "directory", "symlink", ...; D: of what went
---@field size? integer      of a file that is there

local walk

local function add(job, mark, path, entry)
  job.list[#job.list + 1] = {mark = mark, path = path, type = entry.type,
    size = mark ~= "D" and entry.type == "file" and entry.size or nil}
end

-- A directory that came speaks through what is in it, unless it is empty.
local function directory(job, path, entry, below)
  local before = #job.list
  local merges = below and below.type == "directory"
  if below and not merges then add(job, "D", path, below) end
  walk(job, path, merges and below.below or nil)
  if not merges and #job.list == before then add(job, "A", path, entry) end
end

local function one(job, path, entry, below)
  if stack.is_whiteout(entry) then
    if below then add(job, "D", path, below) end
  elseif entry.type == "directory" then
    directory(job, path, entry, below)
  else
    add(job, below and "M" or "A", path, entry)
  end
end

function walk(job, path, places)
  local listing = disk.must("read", core.tree.list(job.root, path == "" and "." or path:sub(2)))
  local below, seen = {}, {}
  for _, entry in ipairs(places and job.view:list(places) or {}) do below[entry.name] = entry end
  for _, entry in ipairs(listing) do
    seen[entry.name] = true
    one(job, path .. "/" .. entry.name, entry, below[entry.name])
  end
  if not stack.is_opaque(listing) then return end
  for name, entry in pairs(below) do
    if not seen[name] then add(job, "D", path .. "/" .. name, entry) end
  end
end

--- The changes, sorted by path.
---@param upper string
---@param lower string[]   first wins
---@return moonsand.Change[]
function M.list(upper, lower)
  local root <close> = disk.must("open", core.open(upper, "dir"))
  local view <close> = stack.view(lower, true)
  local job = {root = root, view = view, list = {}}
  walk(job, "", view.top)
  table.sort(job.list, function(a, b)
    if a.path ~= b.path then return a.path < b.path end
    return a.mark > b.mark
  end)
  return job.list
end

return M
