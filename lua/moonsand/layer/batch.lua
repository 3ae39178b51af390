--- Listings of directories that lie side by side, some at a time: what is in them is hashed
--- together, so that several processors have something to do also where each directory has little.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local pace = require "moonsand.layer.pace"

local M = {}

local MOST <const> = 16 -- at a time: each is open, and nobody else has a turn meanwhile

local function names(listing, from)
  local list = {}
  for i = from, #listing do
    if listing[i].type == "directory" then list[#list + 1] = listing[i].name end
    if #list == MOST then break end
  end
  return list
end

-- The listings of the directories from this entry on, by name.
local function read(job, path, listing, from, options)
  pace.step(job)
  local list, paths = names(listing, from), {}
  for i, name in ipairs(list) do paths[i] = path == "" and name or path .. "/" .. name end
  local found, by_name = disk.must("read", core.tree.lists(job.root, paths, options)), {}
  for i, name in ipairs(list) do by_name[name] = found[i] end
  return by_name
end

--- The listing of a directory, by itself.
---@param job {root: userdata}
---@param path string
---@param options table   as for `core.tree.list`
---@return moonsand.core.Listing
function M.top(job, path, options)
  pace.step(job)
  return disk.must("read", core.tree.list(job.root, path, options))
end

--- A function that gives the listing of each directory of a listing; to be asked in its order.
---@param job {root: userdata}
---@param path string   of the listing, "" or with a slash between its names
---@param listing moonsand.core.Listing
---@param options table   as for `core.tree.list`
---@return fun(i: integer): moonsand.core.Listing   of entry i
function M.below(job, path, listing, options)
  local known = {}
  return function(i)
    local name = listing[i].name
    if not known[name] then known = read(job, path, listing, i, options) end
    local found = known[name]
    known[name] = nil
    return found
  end
end

return M
