--- Sharing: a store whose directory its group may write is used by all users of that group. What
--- they write together (names, records) is the group's; the content of a tree belongs to who made
--- it, and others look at it before they believe it.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"

local M = {}

local GROUP_WRITES <const>, SET_GROUP <const> = 16, 1024 -- 0020, 02000

---@class moonsand.Share
---@field gid integer
---@field mode integer   of directories: what the store's own directory has

--- Who shares a store; nil when it belongs to one user.
---@param path string   of the store
---@return moonsand.Share?
function M.of(path)
  local st = core.stat(path)
  if not st or st.mode & GROUP_WRITES == 0 then return nil end
  return {gid = st.gid, mode = st.mode & 511 | SET_GROUP} -- 0777
end

--- Give a directory of ours to the group.
---@param share? moonsand.Share
---@param path string
---@param private_names? boolean   do names that are made in it keep the maker's group?
function M.directory(share, path, private_names)
  if not share then return end
  disk.must("share", core.chown(path, nil, share.gid))
  disk.must("share", core.chmod(path, private_names and share.mode & 511 or share.mode))
end

--- Give a file of ours to the group, to read or also to write.
---@param share? moonsand.Share
---@param path string
---@param writable? boolean
function M.file(share, path, writable)
  if not share then return end
  disk.must("share", core.chown(path, nil, share.gid))
  disk.must("share", core.chmod(path, writable and 436 or 420)) -- 0664, 0644
end

--- Does a path belong to another user than this process?
---@param path string
---@return boolean
function M.is_foreign(path)
  local st = core.stat(path)
  return st ~= nil and st.uid ~= core.uid()
end

return M
