--- Leases: what a living process uses is not collected. A lease is a locked file that lists
--- digests; the kernel unlocks it when the process ends, however it ends.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"

local M = {}

--- This boot and process, as the beginning of names: pids come again, boots do not.
---@return string
function M.identity()
  local boot = disk.read("/proc/sys/kernel/random/boot_id") or "unknown"
  return ("%s.%d"):format(boot:sub(1, 8), core.getpid()), boot:match("%S+")
end

---@class moonsand.Lease
local Lease = {__name = "moonsand.Lease"}
Lease.__index = Lease

--- Take a new lease of the store at `path`.
---@param path string
---@param identity string
---@return moonsand.Lease
function M.new(path, identity)
  for n = 1, math.huge do
    local file = ("%s/leases/%s.%d"):format(path, identity, n)
    disk.append(file, "") -- a disk that can only be read says so
    local lock = disk.unless("take a lease", disk.EAGAIN, core.lock(file, "exclusive", "try"))
    if lock then
      disk.write(file, "") -- a dead process of this name may have left one
      core.chmod(file, 420) -- 0644: all users of the store look whether it is locked
      return setmetatable({file = file, lock = lock, held = {}}, Lease)
    end
  end
end

--- Hold a digest. The caller holds the store's gc lock, shared, and looks whether it is there after
--- this.
---@param digest string
function Lease:add(digest)
  if self.held[digest] then return end
  disk.append(self.file, digest .. "\n")
  self.held[digest] = true
end

--- Give everything back.
function Lease:close()
  if not self.lock then return end
  core.unlink(self.file)
  self.lock:close()
  self.lock = nil
end

--- The digests that leases name, also those of the dead. Nothing is locked or removed.
---@param path string
---@return table<string, string>
function M.held(path)
  local held = {}
  for _, name in ipairs(disk.names(path .. "/leases")) do
    for digest in (disk.read(path .. "/leases/" .. name) or ""):gmatch("%x+") do
      held[digest] = "in use"
    end
  end
  return held
end

--- The digests that live processes hold; dead leases are removed. Under the gc lock, exclusive.
---@param path string
---@return table<string, string>
function M.live(path)
  local held = {}
  for _, name in ipairs(disk.names(path .. "/leases")) do
    local file = path .. "/leases/" .. name
    local lock <close> = disk.unless("look at a lease", disk.EAGAIN,
      core.lock(file, "exclusive", "try"))
    if lock then
      core.unlink(file)
    else
      for digest in (disk.read(file) or ""):gmatch("%x+") do held[digest] = "in use" end
    end
  end
  return held
end

return M
