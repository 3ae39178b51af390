--- A tree or work layer as an archive in the form of OCI image layers, and back. Whiteouts and
--- opaque directories are files whose names begin with ".wh."; times are kept to the nanosecond.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local pace = require "moonsand.layer.pace"
local stack = require "moonsand.layer.stack"
local tar = require "moonsand.layer.tar"

local M = {}

local OPAQUE <const> = ".wh..wh..opq"
local SET_ID <const> = 3072 -- 06000

local function refuse(path, why)
  fault.throw("layer", ("'%s' %s, which an archive cannot carry"):format(path, why),
    {hint = "take it out in the task that makes it, or export a task that comes later"})
end

local function check(path, entry)
  if entry.uid then refuse(path, "belongs to somebody else than its layer") end
  if entry.type == "file" and entry.mode & SET_ID ~= 0 then refuse(path, "is setuid or setgid") end
  if entry.name and entry.name:find("^%.wh%.") then refuse(path, "has the name of a whiteout") end
end

local function attributes(path, xattrs)
  local out
  for name, value in pairs(xattrs or {}) do
    if name:find("^user%.") and not name:find("^user%.overlay%.") then
      out = out or {}
      out[name] = value
    elseif not name:find("%.overlay%.") and name ~= "security.selinux" then
      refuse(path, ("has the attribute '%s'"):format(name))
    end
  end
  return out
end

local Packer = {}
Packer.__index = Packer

function Packer:write(bytes)
  local at = 1
  while at <= #bytes do at = at + disk.must("write the archive", self.out:write(bytes, at)) end
end

function Packer:add(entry) self:write(tar.header(entry)) end

local put = {}

function put.file(job, path, entry)
  local first = entry.ino and job.names[entry.ino]
  if first then
    return job:add {path = path, type = "link", target = first, mode = entry.mode,
      mtime_ns = entry.mtime_ns}
  end
  if entry.ino then job.names[entry.ino] = path end
  job:add {path = path, type = "file", size = entry.size, mode = entry.mode,
    mtime_ns = entry.mtime_ns, xattrs = attributes(path, entry.xattrs)}
  local file <close> = disk.must("open", core.open(job.path .. "/" .. path, "r"))
  tar.copy(file, entry.size, function(bytes) job:write(bytes) end, path .. " became shorter")
  job:write(tar.padding(entry.size))
end

function put.symlink(job, path, entry)
  job:add {path = path, type = "symlink", target = entry.target, mode = 511, -- 0777
    mtime_ns = entry.mtime_ns}
end

function put.directory(job, path) job:directory(path) end

function Packer:directory(path)
  pace.step(self)
  local listing = disk.must("read", core.tree.list(self.root, path))
  self:add {path = path, type = "directory", mode = listing.mode, mtime_ns = listing.mtime_ns,
    xattrs = attributes(path, listing.xattrs)}
  local prefix = path == "." and "" or path .. "/"
  if stack.is_opaque(listing) then self:add {path = prefix .. OPAQUE, type = "file"} end
  for _, entry in ipairs(listing) do
    local name = prefix .. entry.name
    check(name, entry)
    if stack.is_whiteout(entry) then
      self:add {path = prefix .. ".wh." .. entry.name, type = "file"}
    elseif put[entry.type] then
      put[entry.type](self, name, entry)
    else
      refuse(name, "is a " .. entry.type)
    end
  end
end

--- Write a directory as an archive: the same bytes for the same content and times.
---@param path string
---@param out moonsand.Fd
function M.write(path, out)
  local root <close> = disk.must("open", core.open(path, "dir"))
  local job = setmetatable({root = root, path = path, out = out, names = {}}, Packer)
  job:directory(".")
  job:write(tar.END)
end

local Unpacker = {}
Unpacker.__index = Unpacker

local ZEROES <const> = ("\0"):rep(1 << 16)

-- Blocks of zeroes become holes; the last byte is written, because it ends the file.
local function fill(reader, entry, file)
  local left = entry.size
  reader:content(entry, function(bytes)
    for at = 1, #bytes, #ZEROES do
      local part = bytes:sub(at, at + #ZEROES - 1)
      left = left - #part
      if part == ZEROES and left > 0 then
        disk.must("write", file:seek("cur", #part))
      else
        local from = 1
        while from <= #part do from = from + disk.must("write", file:write(part, from)) end
      end
    end
  end)
end

local make = {}

function make.file(job, entry, to)
  if entry.mode & SET_ID ~= 0 then job.reader:refuse("'%s' is setuid or setgid", entry.path) end
  do
    local file <close> = disk.must("write", core.open(to, "x", 384)) -- 0600
    fill(job.reader, entry, file)
    disk.must("write", file:close())
  end
  disk.must("set mode", core.chmod(to, entry.mode))
  disk.must("set time", core.touch(to, entry.mtime_ns))
end

function make.symlink(job, entry, to)
  if entry.target == "" or entry.target:find("\0", 1, true) then
    job.reader:refuse("the link '%s' leads nowhere", entry.path)
  end
  disk.must("link", core.symlink(entry.target, to))
  disk.must("set time", core.touch(to, entry.mtime_ns))
end

function make.link(job, entry, to)
  local target = job.reader:path(entry.target)
  if job.seen[target] ~= "file" then
    job.reader:refuse("'%s' is a link to '%s', which is no file before it", entry.path, target)
  end
  disk.must("link", core.link(job.path .. "/" .. target, to))
end

function make.directory(job, entry, to)
  if entry.path ~= "." then disk.must("make", core.mkdir(to, 448)) end -- 0700
  table.insert(job.directories, 1, entry)
end

-- A file whose name begins with ".wh.": true when it was one.
local function whiteout(job, entry)
  local parent, name = entry.path:match("^(.-)/?%.wh%.([^/]*)$")
  if not name then return false end
  local folder = parent == "" and job.path or job.path .. "/" .. parent
  if entry.type ~= "file" or entry.size > 0 or not job.overlay or name == "" then
    job.reader:refuse("'%s' does not belong here", entry.path)
  elseif name == OPAQUE:sub(5) then
    disk.must("mark", core.set_xattr(folder, "user.overlay.opaque", "y"))
  elseif name:find("^%.wh%.") then
    job.reader:refuse("'%s' does not belong here", entry.path)
  else
    disk.must("make a whiteout", core.whiteout(folder .. "/" .. name))
    job.seen[parent == "" and name or parent .. "/" .. name] = "whiteout"
  end
  return true
end

function Unpacker:check(entry)
  local parent = entry.path:match("^(.*)/[^/]*$") or "."
  if entry.path == "." and entry.type ~= "directory" then
    self.reader:refuse("its top is no directory")
  end
  if self.seen[entry.path] then self.reader:refuse("'%s' is there twice", entry.path) end
  if entry.path ~= "." and self.seen[parent] ~= "directory" then
    self.reader:refuse("'%s' lies in no directory of it", entry.path)
  end
  for name in pairs(entry.xattrs or {}) do
    if not name:find("^user%.") or name:find("^user%.overlay%.") then
      self.reader:refuse("'%s' has the attribute '%s'", entry.path, name)
    end
  end
end

function Unpacker:put(entry)
  self:check(entry)
  if whiteout(self, entry) then return end
  local to = self.path .. "/" .. entry.path
  make[entry.type](self, entry, to)
  self.seen[entry.path] = entry.type == "link" and "file" or entry.type
  if entry.type == "symlink" then return end
  for name, value in require "moonsand.order".sorted(entry.xattrs or {}) do
    disk.must("set attribute", core.set_xattr(to, name, value))
  end
end

--- Fill an empty directory from an archive. Nothing is made outside of it: every entry lies in a
--- directory that the archive itself made.
---@param reader table     of tar.lua
---@param path string
---@param overlay boolean  are whiteouts understood?
function M.read(reader, path, overlay)
  local job = setmetatable({reader = reader, path = path, overlay = overlay, seen = {},
    directories = {}}, Unpacker)
  while true do
    pace.step(job)
    local entry = reader:next()
    if not entry then break end
    job:put(entry)
  end
  for _, entry in ipairs(job.directories) do
    local to = path .. "/" .. entry.path
    disk.must("set mode", core.chmod(to, entry.mode))
    disk.must("set time", core.touch(to, entry.mtime_ns))
  end
end

return M
