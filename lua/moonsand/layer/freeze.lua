--- Freeze: what a task left in the upper directory becomes a work layer.
--- Its digest is that of a canonical text, one line an entry: type, mode, content, markers, owners
--- that are not the layer's own, second names of files, and the layers it was written over; not the
--- times. Two runs that write the same over the same are one
--- layer, and the layer on disk keeps the times of the run that came first, all of them.
local batch = require "moonsand.layer.batch"
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local stack = require "moonsand.layer.stack"

local M = {}

local function escape(text)
  return (text:gsub("[^\33-\36\38-\126]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- Overlay's notes for itself, and labels that the machine sets.
local function is_noise(name)
  return name:find("^user%.overlay%.") or name:find("^trusted%.overlay%.")
    or name:find("^security%.selinux$") or name:find("^security%.SMACK64")
    or name:find("^security%.ima$") or name:find("^security%.evm$")
end

local function add_xattrs(job, path, xattrs)
  local names = {}
  for name in pairs(xattrs or {}) do names[#names + 1] = name end
  for _, name in ipairs(core.tree.sorted(names)) do
    if name:find("overlay%.redirect$") or name:find("overlay%.metacopy$") then
      fault.throw("layer", ("'%s' carries '%s': its content lies in another layer")
        :format(path, name), {hint = "mount the overlay with 'userxattr'"})
    end
    if not is_noise(name) then
      job:add("x", escape(name), escape(xattrs[name]), escape(path))
    end
  end
end

local Job = {}
Job.__index = Job

function Job:add(...)
  self.lines[#self.lines + 1] = table.concat({...}, " ")
end

local letters = {fifo = "p", socket = "s", char = "c", block = "b"}

local add = {}

function add.file(job, path, entry)
  local first = entry.ino and job.names[entry.ino]
  job.files = job.files + 1
  if first then return job:add("h", escape(first), escape(path)) end
  if entry.ino then job.names[entry.ino] = path end
  job:add("f", ("%04o"):format(entry.mode), entry.size, entry.digest or "-", escape(path))
  job.bytes = job.bytes + entry.size
end

function add.symlink(job, path, entry)
  job:add("l", escape(entry.target), escape(path))
  job.files = job.files + 1
end

local scan

function add.directory(job, path, _, below, i)
  scan(job, path, below(i))
end

local function add_special(job, path, entry)
  job:add(letters[entry.type], ("%04o"):format(entry.mode), entry.rdev or 0, escape(path))
  job.files = job.files + 1
end

-- Add the lines of a directory and of everything below it; "." is the top.
function scan(job, path, listing)
  local below = batch.below(job, path == "." and "" or path, listing, job.options)
  job:add("d", ("%04o"):format(listing.mode), stack.is_opaque(listing) and "opaque" or "-",
    escape(path))
  add_xattrs(job, path, listing.xattrs)
  for i, entry in ipairs(listing) do
    local name = path == "." and entry.name or path .. "/" .. entry.name
    if stack.is_whiteout(entry) then
      job:add("w", escape(name))
    else
      (add[entry.type] or add_special)(job, name, entry, below, i)
      if entry.uid then job:add("o", entry.uid, entry.gid, escape(name)) end
      add_xattrs(job, name, entry.xattrs)
    end
  end
end

---@class moonsand.Scan
---@field text string    the canonical text
---@field digest string  its SHA-256: the work layer's name
---@field files integer  files, links and special files
---@field bytes integer

--- The canonical text of a directory that was an upper.
---@param path string
---@param over string[]  digests of the layers it was written over, first wins
---@param options? {hash?: boolean, grant?: boolean, threads?: integer}  hash = false: sizes only,
---  for a quick check; threads: to hash with, as many as there are processors unless given
---@return moonsand.Scan
function M.text(path, over, options)
  options = options or {}
  local root <close> = disk.must("open", core.open(path, "dir"))
  local job = setmetatable({root = root, lines = {"moonsand layer 2"}, files = 0, bytes = 0,
    names = {}, options = {hash = options.hash ~= false, grant = options.grant,
    threads = options.threads}}, Job)
  for _, digest in ipairs(over) do job:add("over", digest) end
  scan(job, ".", batch.top(job, ".", job.options))
  job.lines[#job.lines + 1] = ""
  local text = table.concat(job.lines, "\n")
  return {text = text, digest = core.sha256(text), files = job.files, bytes = job.bytes}
end

--- The layers that a canonical text says it was written over.
---@param text string
---@return string[]
function M.over(text)
  local over = {}
  for digest in text:gmatch("\nover (%x+)") do over[#over + 1] = digest end
  return over
end

-- The text without what only reading every file can tell.
local function without_content(text)
  return (text:gsub("\n(f %d+ %d+) %S+ ", "\n%1 - "))
end

local function first_difference(wanted, found)
  local lines = {}
  for line in found:gmatch("[^\n]+") do lines[line] = true end
  for line in wanted:gmatch("[^\n]+") do
    if not lines[line] then return ("'%s' is not as it was frozen"):format(line:match("%S+$")) end
  end
  return "something was added"
end

--- Compare a work layer with its canonical text.
---@param path string
---@param text string
---@param hash boolean  also the content, not only names, modes and sizes?
---@return string[] problems
function M.compare(path, text, hash)
  local found = M.text(path, M.over(text), {hash = hash}).text
  if not hash then text, found = without_content(text), without_content(found) end
  if text == found then return {} end
  return {first_difference(text, found)}
end

return M
