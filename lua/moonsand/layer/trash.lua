--- How things leave a store: by one rename, to the trash or to the quarantine. The next collection
--- deletes what is there. Nothing is ever deleted where it can be seen.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local leases = require "moonsand.layer.lease"
local pace = require "moonsand.layer.pace"

local M = {}

--- Move something of the store to the trash.
---@param store string   path of the store
---@param path string
---@return string? trash  where it is now; nil when there was nothing
function M.discard(store, path)
  local identity = leases.identity()
  while true do
    -- A name that was never used: somebody may still be deleting what had an older one.
    local to = ("%s/trash/%s.%d"):format(store, identity, core.time_ns())
    local ok, err, errno = core.rename(path, to, "noreplace")
    if ok then return to end
    if errno == disk.ENOENT then return nil end
    if errno ~= disk.EEXIST then disk.must("discard", ok, err, errno) end
  end
end

-- Whatever cannot be deleted is for a collection, which says so.
local function delete(job, path)
  pace.step(job)
  local st = core.stat(path)
  local names = st and st.type == "directory" and core.readdir(path) or {}
  for _, name in ipairs(names) do delete(job, path .. "/" .. name) end
  core.remove_tree(path)
end

--- Delete what is in the trash, in turns with others of the loop.
---@param store string   path of the store
function M.empty(store)
  local job = {}
  for _, name in ipairs(disk.names(store .. "/trash")) do
    delete(job, ("%s/trash/%s"):format(store, name))
  end
end

--- Move something that is damaged to the quarantine.
---@param store string   path of the store
---@param path string
---@param label string   the beginning of its name there
---@return string? to    where it is now; nil when there was nothing
function M.quarantine(store, path, label)
  for n = 1, math.huge do
    local to = ("%s/quarantine/%s.%d"):format(store, label, n)
    local ok, err, errno = core.rename(path, to, "noreplace")
    if ok then return to end
    if errno == disk.ENOENT then return nil end
    if errno ~= disk.EEXIST then disk.must("quarantine", ok, err, errno) end
  end
end

return M
