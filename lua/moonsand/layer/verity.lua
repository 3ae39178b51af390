--- fs-verity: a store may say that the files of what it publishes are protected by the kernel. That
--- is a file in the store, so that all who use the store do the same. What was published before
--- stays as it is, and what is protected stays protected.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local share = require "moonsand.layer.share"

local M = {}

local function file_of(store) return store .. "/verity" end

--- Does a store protect what it publishes?
---@param store string   path of the store
---@return boolean
function M.is_on(store)
  return disk.exists(file_of(store))
end

local ENOTTY <const>, EOPNOTSUPP <const>, ETXTBSY <const> = 25, 95, 26

local function must_protect(path)
  local ok, message, errno = core.enable_verity(path)
  if ok then return end
  local hint
  if errno == ENOTTY or errno == EOPNOTSUPP then
    message = message .. ": its file system, or this kernel, does not have it"
    hint = "ext4: tune2fs -O verity DEVICE, and a kernel with CONFIG_FS_VERITY; btrfs has it; or "
      .. "moonsand cache protect off"
  elseif errno == ETXTBSY then
    hint = "a process still has it open for writing"
  end
  fault.throw("layer", "fs-verity: " .. message, {errno = errno, hint = hint})
end

--- Turn it on, where the file system can do it, or off.
---@param store moonsand.Store
---@param on boolean
function M.set(store, on)
  if not on then
    return disk.unless("remove", disk.ENOENT, core.unlink(file_of(store.path)))
  end
  local scratch <close> = store:scratch()
  local new = scratch.path .. "/verity"
  disk.write(new, "fs-verity sha256\n")
  must_protect(new)
  share.file(store.share, new)
  disk.must("write", core.rename(new, file_of(store.path)))
end

-- The regular files below a directory, in byte order, with their paths from there on.
local function each_file(path, prefix, found)
  for _, name in ipairs(disk.must("read directory", core.readdir(path))) do
    local st = disk.must("look at", core.stat(path .. "/" .. name))
    if st.type == "directory" then
      each_file(path .. "/" .. name, prefix .. name .. "/", found)
    elseif st.type == "file" then
      found(path .. "/" .. name, prefix .. name)
    end
  end
end

-- What the kernel says of all files below a directory, as one digest.
local function measured(path)
  local lines, bare = {}, nil
  each_file(path, "", function(file, name)
    local digest, message, errno = core.measure_verity(file)
    if digest == nil then disk.must("measure", nil, message, errno) end
    bare = bare or not digest and name or nil
    lines[#lines + 1] = ("%s %s"):format(digest, disk.escape(name))
  end)
  return core.sha256(table.concat(lines, "\n")), bare
end

--- Protect all regular files below a directory that nobody writes to any more.
---@param path string
---@return string digest   what the kernel measured, of all of them
function M.protect(path)
  each_file(path, "", must_protect)
  return (measured(path))
end

--- What is not protected as it was. Content is not read.
---@param path string
---@param digest string   from `protect`
---@return string[] problems
function M.problems(path, digest)
  local found, bare = measured(path)
  if bare then return {("'%s' is not protected by fs-verity any more"):format(bare)} end
  if found ~= digest then return {"what fs-verity measures of the files is not what it was"} end
  return {}
end

return M
