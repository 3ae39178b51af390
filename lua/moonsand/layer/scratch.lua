--- Scratch directories: private room on the store's file system, gone when closed or when its owner
--- is dead.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local trashes = require "moonsand.layer.trash"

local M = {}

---@class moonsand.Scratch
---@field path string
---@field upper string  for an overlay: what is written
---@field work string   for an overlay: its workdir
local Scratch = {__name = "moonsand.Scratch"}
Scratch.__index = Scratch

function Scratch:__tostring()
  return "scratch " .. self.path
end

local function make(store)
  for n = 1, math.huge do
    local path = ("%s/tmp/%s.%d"):format(store.path, store.identity, n)
    if core.mkdir(path, 448) then return path end -- 0700
    if not disk.exists(path) then disk.must("make scratch", core.mkdir(path, 448)) end
  end
end

--- A new scratch directory with empty `upper` and `work`.
---@param store moonsand.Store
---@return moonsand.Scratch
function M.new(store)
  local _ <close> = store:hold() -- a directory without a locked owner would look dead
  local path = make(store)
  local self = setmetatable({path = path, upper = path .. "/upper", work = path .. "/work",
    store = store}, Scratch)
  self.owner = disk.must("lock scratch", core.lock(path .. "/owner", "exclusive"))
  disk.must("make scratch", core.mkdir(self.upper, 493)) -- 0755, as the merged root
  disk.must("make scratch", core.chmod(self.upper, 493))
  disk.must("make scratch", core.mkdir(self.work, 448))
  return self
end

--- Remove it with all that is in it. May be called twice. What cannot be deleted (another user's
--- files) stays in the trash, and the next collection says so.
function Scratch:close()
  if not self.owner then return end
  local trash
  do -- half removed, without its owner file, it would look dead to a collection
    local _ <close> = self.store:hold()
    trash = trashes.discard(self.store.path, self.path)
  end
  self.owner:close()
  self.owner = nil
  if trash and not self.store.hurried then core.remove_tree(trash) end
end

function Scratch:__close(err)
  local ok, problem = pcall(self.close, self)
  if not ok and err == nil then error(problem, 0) end
end

--- Keep it under a name, to look at a failure later; what was kept under that name before is
--- dropped. The workdir is made new: a volatile overlay leaves one that the kernel refuses.
---@param name string
---@return {path: string, upper: string, work: string}
function Scratch:keep(name)
  local store = self.store
  disk.must("clear workdir", core.remove_tree(self.work))
  disk.must("clear workdir", core.mkdir(self.work, 448))
  disk.must("keep", core.touch(self.path)) -- its age begins now
  local _ <close> = store:hold()
  local place = M.kept_place(store, name)
  trashes.discard(store.path, place)
  disk.must("keep", core.rename(self.path, place))
  self.owner:close()
  self.owner = nil
  return M.kept(store, name)
end

--- Where a kept scratch lies.
---@param store moonsand.Store
---@param name string
---@return string
function M.kept_place(store, name)
  local owner = store.share and "@" .. core.uid() or ""
  return ("%s/kept/%s"):format(store.path, disk.escape(name .. owner))
end

--- What was kept under a name, or nil.
---@param store moonsand.Store
---@param name string
---@return {path: string, upper: string, work: string}?
function M.kept(store, name)
  local path = M.kept_place(store, name)
  if not disk.exists(path) then return nil end
  return {path = path, upper = path .. "/upper", work = path .. "/work"}
end

--- The scratch directories of a store whose owners are dead.
---@param path string   of the store
---@return string[] paths
function M.dead(path)
  local list = {}
  for _, name in ipairs(disk.names(path .. "/tmp")) do
    local place = ("%s/tmp/%s"):format(path, name)
    local lock <close>, err, errno = core.lock(place .. "/owner", "exclusive", "try")
    if lock then
      list[#list + 1] = place
    elseif errno ~= disk.EAGAIN and errno ~= disk.EACCES then -- another user's says nothing
      disk.must("look at scratch", nil, err, errno)
    end
  end
  return list
end

--- Move them to the trash. Under the gc lock, exclusive.
---@param store string   its path
---@return integer count
function M.sweep(store)
  local dead = M.dead(store)
  for _, path in ipairs(dead) do trashes.discard(store, path) end
  return #dead
end

return M
