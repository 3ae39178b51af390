--- Where things lie in a store, and whether a directory is one that we can use.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local share = require "moonsand.layer.share"

local M = {}

--- The version of the format, and the first line of the file `format`. It changes when one moonsand
--- would misread what another has written.
M.VERSION = 2
M.FORMAT = M.VERSION .. " sha256 flat"

--- The attribute of a log that holds its digest.
M.DIGEST = "user.moonsand.sha256"

-- Top-level names. `empty` holds two empty directories: a read-only overlay needs two lowers.
local names = {"trees", "layers", "ac", "ik", "logs", "tmp", "trash", "quarantine", "leases",
  "roots", "builds", "kept", "lock", "empty"}

local records = {action = "ac", intent = "ik", log = "logs"}
local folders = {tree = "trees", layer = "layers"}

M.kinds = {"tree", "layer"}
M.record_kinds = {"action", "intent", "log"}

--- The folder of one kind of thing ("tree", "layer"), or of record ("action", "intent", "log").
---@param kind string
---@return string
function M.folder(kind)
  return assert(folders[kind] or records[kind], "unknown kind")
end

--- Refuse anything but 64 hex digits: it becomes a path.
---@param digest string
---@return string
function M.check_digest(digest)
  if type(digest) ~= "string" or #digest ~= 64 or digest:find("[^0-9a-f]") then
    error(("'%s' is no SHA-256 digest"):format(tostring(digest)), 3)
  end
  return digest
end

--- Where trees lie, or the work layers of one user: these are of use only to who made them, because
--- overlay lets nobody else write over them.
---@param store string
---@param kind string
---@param uid? integer   by default this process's
---@return string
function M.home(store, kind, uid)
  local folder = store .. "/" .. M.folder(kind)
  return kind == "layer" and ("%s/%d"):format(folder, uid or core.uid()) or folder
end

--- The place of a tree or work layer: a directory with `t`, `manifest` and `meta`.
---@param store string
---@param kind string
---@param digest string
---@return string
function M.place(store, kind, digest)
  M.check_digest(digest)
  return ("%s/%s/%s"):format(M.home(store, kind), digest:sub(1, 2), digest:sub(3))
end

--- The file of a record.
---@param store string
---@param kind string
---@param key string
---@return string
function M.record(store, kind, key)
  if not records[kind] then error(("unknown kind of record '%s'"):format(tostring(kind)), 3) end
  if type(key) ~= "string" or #key < 3 then error("a record's key has three bytes or more", 3) end
  local name = disk.escape(key)
  return ("%s/%s/%s/%s"):format(store, records[kind], name:sub(1, 2), name:sub(3))
end

-- File systems on which an upper directory does not work, or a lock or rename means less than here.
local unfit = {
  overlay = "the kernel takes no upper directory on an overlay",
  nfs = "the kernel takes no upper directory on NFS",
  cifs = "locks and links do not work as needed there",
  smb = "locks and links do not work as needed there",
  ["9p"] = "the kernel takes no upper directory there",
  proc = "nothing can be stored there",
}

--- Refuse a kind of file system where no store can live; nil when it is fine.
---@param kind string  as `core.statfs` names it
---@return string? why
function M.unfit(kind)
  return unfit[kind]
end

local function check_fs(path)
  local fs = disk.must("look at", core.statfs(path))
  local why = M.unfit(fs.type)
  if not why then return end
  fault.throw("host", ("the store '%s' would lie on %s: %s"):format(path, fs.type, why),
    {hint = "choose a directory on a local file system (in a container: on a volume)"})
end

local EOPNOTSUPP = 95

-- Without user xattrs overlay cannot mark a directory that replaces another: EIO in the middle of a
-- build.
local function check_xattrs(path)
  local ok, err, errno = core.set_xattr(path, "user.moonsand", "1")
  if ok then return end
  if errno ~= EOPNOTSUPP then disk.must("mark the store", ok, err, errno) end
  fault.throw("host", ("the store '%s' would lie on a file system without user xattrs")
    :format(path), {hint = "choose a directory on ext4, xfs or btrfs"})
end

local known = {format = true, synced = true, ["lost+found"] = true}
for _, name in ipairs(names) do known[name] = true end

-- A directory without `format` becomes a store when there is nothing in it that is not ours: a
-- creation that was killed half-way goes on.
local function check_new(path)
  for _, name in ipairs(disk.names(path)) do
    if not known[name] and not name:find("^format%.") then
      fault.throw("layer", ("'%s' is no store, and not empty: there is '%s' in it")
        :format(path, name), {hint = "name a new or an empty directory"})
    end
  end
end

local function create(path)
  check_new(path)
  local group = share.of(path)
  for _, name in ipairs(names) do
    local folder = path .. "/" .. name
    disk.must("make", core.mkdirs(folder))
    -- What is in a scratch has its maker's group: it becomes content.
    if not share.is_foreign(folder) then share.directory(group, folder, name == "tmp") end
  end
  for _, name in ipairs {"a", "b"} do
    local folder = path .. "/empty/" .. name
    disk.must("make", core.mkdirs(folder))
    if not share.is_foreign(folder) then disk.must("make", core.chmod(folder, 493)) end -- 0755
  end
  check_xattrs(path)
  disk.must("make", core.lock(path .. "/lock/gc", "shared")):close()
  share.file(group, path .. "/lock/gc", true)
  local new = ("%s/format.%d"):format(path, core.getpid())
  disk.write(new, M.FORMAT .. "\n")
  disk.must("make", core.fsync(new)) -- an empty one would make the store unusable
  share.file(group, new)
  disk.must("make", core.rename(new, path .. "/format"))
end

local function check_format(path, text)
  local format = text:match("^[^\n]*")
  if format == M.FORMAT then return end
  local version = math.tointeger(tonumber(format:match("^(%d+) ")))
  if version and version > M.VERSION then
    fault.throw("layer", ("the store '%s' has format '%s'; this moonsand knows '%s'")
      :format(path, format, M.FORMAT), {hint = "use a newer moonsand, or another store"})
  elseif version then
    fault.throw("layer", ("the store '%s' has format '%s', of an older moonsand; this one has '%s'")
      :format(path, format, M.FORMAT), {hint = "remove it: it is a cache, and the next build fills "
      .. "a new one; or name another place: MOONSAND_DIR=DIR"})
  end
  fault.throw("layer", ("'%s/format' says '%s', which is no store's format"):format(path, format),
    {hint = "name another directory, or remove this one"})
end

--- The path of a store that is there; nothing is made or written.
---@param dir string
---@return string path  absolute, without links
function M.find(dir)
  local path = core.realpath(dir)
  local format = path and disk.read(path .. "/format")
  if not format then
    fault.throw("layer", ("there is no store in '%s'"):format(dir),
      {hint = "a build makes one; --state DIR or MOONSAND_DIR says where it is"})
  end
  check_format(path, format)
  return path
end

--- Make or check the store's directory.
---@param dir string
---@return string path  absolute, without links
function M.prepare(dir)
  disk.must("make the store", core.mkdirs(dir))
  local path = disk.must("find the store", core.realpath(dir))
  check_fs(path)
  local format = disk.read(path .. "/format")
  if not format then
    create(path)
  else
    check_format(path, format)
  end
  return path
end

return M
