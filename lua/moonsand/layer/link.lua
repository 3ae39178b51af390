--- Files of one tree in another: hard links, because both are normalised alike and neither ever
--- changes; copies where the file system has no more links to give.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local pace = require "moonsand.layer.pace"
local share = require "moonsand.layer.share"
local tree = require "moonsand.layer.tree"

local M = {}

local EPERM, EXDEV, EMLINK = 1, 18, 31
local copied = {[EPERM] = true, [EXDEV] = true, [EMLINK] = true}

--- One file at a second place.
---@param from string
---@param to string
---@param mode integer   of a copy
---@param mtime_ns integer
function M.file(from, to, mode, mtime_ns)
  -- A link to another user's file would be writable by that user.
  local ok, err, errno = nil, nil, EPERM
  if not share.is_foreign(from) then ok, err, errno = core.link(from, to) end
  if ok then return end
  if not copied[errno] then disk.must("link", ok, err, errno) end
  local folder, name = from:match("^(.*)/([^/]*)$")
  local root <close> = disk.must("open", core.open(folder, "dir"))
  disk.must("copy", core.tree.copy(root, name, to, {mode = mode, mtime_ns = mtime_ns}))
end

--- Give a directory of a tree its mode and time, when all is in it.
---@param path string
function M.finish(path)
  disk.must("set mode", core.chmod(path, 493)) -- 0755
  disk.must("set time", core.touch(path, tree.TIME))
end

--- Fill an empty directory with what a node of a tree says. An entry with `from` lies there, others
--- at their name below `from`.
---@param job table      for pace.lua
---@param node moonsand.Node
---@param from string
---@param to string
function M.build(job, node, from, to)
  pace.step(job)
  for _, file in ipairs(node.files) do
    M.file(file.from or from .. "/" .. file.name, to .. "/" .. file.name,
      file.executable and 493 or 420, tree.TIME) -- 0755, 0644
  end
  for _, link in ipairs(node.symlinks) do
    local path = to .. "/" .. link.name
    disk.must("link", core.symlink(link.target, path))
    disk.must("link", core.touch(path, tree.TIME))
  end
  for _, entry in ipairs(node.directories) do
    local path = to .. "/" .. entry.name
    disk.must("make", core.mkdir(path))
    M.build(job, entry.node, entry.from or from .. "/" .. entry.name, path)
  end
  M.finish(to)
end

return M
