--- Trees: what may stand alone, anywhere. Modes 0644 and 0755, one time, no owner, no xattrs.
local batch = require "moonsand.layer.batch"
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local pace = require "moonsand.layer.pace"
local stack = require "moonsand.layer.stack"

local M = {}

--- The modification time of everything in a tree: one second after the epoch, because some
--- programs take zero for "unknown".
M.TIME = 1000000000

local function refuse(path, what, hint)
  fault.throw("layer", ("'%s' %s"):format(path, what), {hint = hint})
end

local image = "pack it into an archive or an image: a tree holds only files, directories and links"

local function check_name(path, name)
  if utf8.len(name) then return end
  refuse((path:gsub("[\128-\255]", function(c) return ("\\x%02X"):format(c:byte()) end)),
    "has a name that is not UTF-8", "rename it in the task that makes it")
end

-- Marks that overlay would obey when the tree is mounted. What an upper directory carries for its
-- own use (origin, impure, ...) says nothing about content and is dropped.

local function check_xattrs(path, xattrs, overlay)
  for name in pairs(xattrs or {}) do
    local mark = name:match("^user%.overlay%.(.*)") or name:match("^trusted%.overlay%.(.*)")
    if mark and not overlay then
      refuse(path, ("carries '%s', which overlay would obey"):format(name), "remove the attribute")
    end
    if mark == "redirect" or mark == "metacopy" then
      refuse(path, ("carries '%s': its content lies elsewhere"):format(name),
        "mount the overlay with 'userxattr'")
    end
    if name == "security.capability" then refuse(path, "has file capabilities", image) end
  end
end

local kinds = {char = "a device", block = "a device", fifo = "a fifo", socket = "a socket"}

local function check_type(path, entry)
  local kind = kinds[entry.type]
  if kind and stack.is_whiteout(entry) then kind = "a whiteout" end
  if kind then refuse(path, ("is %s, which a tree cannot hold"):format(kind), image) end
  if entry.type == "file" and entry.mode & 0xc00 ~= 0 then -- 06000
    refuse(path, ("is setuid or setgid (mode %04o)"):format(entry.mode), image)
  end
end

--- Refuse what cannot be in a tree, with its path.
---@param path string
---@param entry table      as `core.tree.list` gives it
---@param overlay boolean  were whiteouts and opaque marks understood already?
function M.check(path, entry, overlay)
  check_name(path, entry.name)
  check_type(path, entry)
  check_xattrs(path, entry.xattrs, overlay)
  if entry.target and not utf8.len(entry.target) then
    refuse(path, "is a link to a name that is not UTF-8", "change the link")
  end
end

local function join(prefix, name)
  return prefix == "" and name or prefix .. "/" .. name
end

local function add_file(node, entry, digest, size)
  node.files[#node.files + 1] = {name = entry.name, digest = digest, size = size,
    executable = entry.mode & 64 ~= 0} -- 0100
end

local add = {}

function add.file(job, node, entry, path, to)
  if not to then return add_file(node, entry, entry.digest, entry.size) end
  local executable = entry.mode & 64 ~= 0
  local digest, size = disk.must("copy " .. path, core.tree.copy(entry.place.root,
    entry.place.path, to, {mode = executable and 493 or 420, mtime_ns = job.time})) -- 0755, 0644
  add_file(node, entry, digest, size)
end

function add.symlink(job, node, entry, _, to)
  if to then
    disk.must("link", core.symlink(entry.target, to))
    disk.must("link", core.touch(to, job.time))
  end
  node.symlinks[#node.symlinks + 1] = {name = entry.name, target = entry.target}
end

function add.directory(job, node, entry, path, to)
  if to then disk.must("make directory", core.mkdir(to)) end
  node.directories[#node.directories + 1] = {name = entry.name,
    node = M.read(job, entry.below, path, to)}
end

--- The node of what a view shows. With `to`, an empty directory: copied there, normalised, and the
--- digests are those of the bytes that went over.
---@param job {view: moonsand.View, time: integer, threads?: integer}
---@param places table[]  of the view
---@param path string     for messages
---@param to? string
---@return moonsand.Node
function M.read(job, places, path, to)
  pace.step(job)
  local node = directory.new()
  local entries, own = job.view:list(places, {hash = not to, threads = job.threads})
  check_xattrs(path, own.xattrs, job.view.overlay)
  for _, entry in ipairs(entries) do
    local name = join(path, entry.name)
    M.check(name, entry, job.view.overlay)
    add[entry.type](job, node, entry, name, to and to .. "/" .. entry.name)
  end
  if to then
    disk.must("set mode", core.chmod(to, 493)) -- 0755, whatever the umask
    disk.must("set time", core.touch(to, job.time))
  end
  return node
end

-- A second name of a file may lie outside of the tree, where somebody could write through it.
local function split(job, entry, path)
  local to = job.spare
  local digest, size = disk.must("copy", core.tree.copy(job.root, path, to,
    {mode = entry.mode & 64 ~= 0 and 493 or 420, mtime_ns = job.time}))
  disk.must("split", core.rename(to, job.path .. "/" .. path))
  return digest, size
end

local take = {}

function take.file(job, node, entry, path)
  local digest, size = entry.digest, entry.size
  if entry.nlink then digest, size = split(job, entry, path) end
  add_file(node, entry, digest, size)
end

function take.symlink(_, node, entry)
  node.symlinks[#node.symlinks + 1] = {name = entry.name, target = entry.target}
end

local take_all

function take.directory(job, node, entry, path, listing)
  node.directories[#node.directories + 1] = {name = entry.name,
    node = take_all(job, path, listing)}
end

function take_all(job, path, listing)
  local node, below = directory.new(), batch.below(job, path, listing, job.options)
  check_xattrs(path == "" and job.path or path, listing.xattrs, false)
  for i, entry in ipairs(listing) do
    local name = join(path, entry.name)
    M.check(name, entry, false)
    take[entry.type](job, node, entry, name, entry.type == "directory" and below(i))
  end
  disk.must("set time", core.touch(job.path .. "/" .. path, job.time))
  return node
end

--- Make a directory of ours a tree in place: hash, refuse, normalise.
---@param job {root: userdata, path: string, spare: string, time: integer, threads?: integer}
---@return moonsand.Node
function M.take(job)
  job.options = {hash = true, normalise = job.time, threads = job.threads}
  return take_all(job, "", batch.top(job, ".", job.options))
end

local function look(job, path, listing, out)
  local below = batch.below(job, path, listing, job.options)
  for i, entry in ipairs(listing) do
    local name = join(path, entry.name)
    out[name] = entry
    if entry.type == "directory" then look(job, name, below(i), out) end
  end
  return out
end

local function difference(wanted, found)
  if not found then return "is missing" end
  if found.type ~= wanted.type then return ("is a %s, not a %s"):format(found.type, wanted.type) end
  if found.target ~= wanted.target then
    return ("leads to '%s', not to '%s'"):format(found.target, wanted.target)
  end
  if wanted.type ~= "file" then return nil end
  if found.size ~= wanted.size then
    return ("has %d bytes, not %d"):format(found.size, wanted.size)
  end
  if found.digest and found.digest ~= wanted.digest then return "has other content" end
  if (found.mode & 64 ~= 0) ~= wanted.executable then return "has another mode" end
end

--- Compare a directory with what a node says.
---@param path string
---@param node moonsand.Node
---@param hash boolean  also the content, not only names and sizes?
---@return string[] problems  "'usr/lib/x' is missing"
function M.compare(path, node, hash)
  local root <close> = disk.must("open", core.open(path, "dir"))
  local job = {root = root, options = {hash = hash}}
  local found, problems = look(job, "", batch.top(job, ".", job.options), {}), {}
  for _, wanted in ipairs(directory.entries(node)) do
    local why = difference(wanted, found[wanted.path])
    if why then problems[#problems + 1] = ("'%s' %s"):format(wanted.path, why) end
    found[wanted.path] = nil
  end
  local extra = {}
  for name in pairs(found) do extra[#extra + 1] = name end
  for _, name in ipairs(core.tree.sorted(extra)) do
    problems[#problems + 1] = ("'%s' does not belong here"):format(name)
  end
  return problems
end

return M
