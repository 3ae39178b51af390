--- Export: what one result needs, as one file: an OCI image layout in a tar archive, the same bytes
--- each time. Each tree is an image of its own name, the work layers are the image `work`, what
--- hooks made over roots is the image `hooks`; what moonsand needs beside them is an artifact of
--- the same layout.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local oci = require "moonsand.layer.oci"
local order = require "moonsand.order"
local pack = require "moonsand.layer.pack"
local tar = require "moonsand.layer.tar"

local M = {}

--- The first line of the text that says what is in an archive.
M.HEADER = "moonsand closure 1"

---@class moonsand.Closure
---@field task string                               whose result it is, for people
---@field trees {name: string, digest: string}[]
---@field layers string[]                           work layers, the lowest first
---@field hooks? string[]                           what was made over the roots of tasks
---@field records {kind: string, key: string}[]

local Job = {}
Job.__index = Job

function Job:add(blob)
  self.blobs[blob.digest] = blob
  return blob
end

-- A tree or work layer, packed into a file of the scratch.
function Job:pack(kind, digest)
  if self.packed[digest] then return self.packed[digest] end
  local found, why = self.store[kind](self.store, digest)
  if not found then
    fault.throw("layer", ("the %s %s is not in the store%s"):format(
      kind == "tree" and "tree" or "work layer", digest:sub(1, 12), why and ": " .. why or ""),
      {hint = "build it again: moonsand build " .. self.closure.task})
  end
  self.count = self.count + 1
  local file = ("%s/%d.tar"):format(self.scratch.path, self.count)
  do
    local out <close> = disk.must("write", core.open(file, "x"))
    pack.write(found.path, out)
    disk.must("write " .. file, out:close())
  end
  local name, size = disk.must("read", core.sha256_file(file))
  self.packed[digest] = self:add {digest = name, size = size, file = file, type = oci.LAYER}
  return self.packed[digest]
end

function Job:say(...) self.lines[#self.lines + 1] = table.concat({...}, " ") end

function Job:image(name, blobs)
  local config, manifest = oci.image(blobs)
  self:add(config)
  self.manifests[#self.manifests + 1] = {blob = self:add(manifest), name = name}
  self:say("image", name, manifest.digest, manifest.size)
end

local function add_trees(job)
  for _, tree in ipairs(job.closure.trees) do
    local blob = job:pack("tree", tree.digest)
    job:say("tree", tree.digest, blob.digest)
    job:image(tree.name, {blob})
  end
end

local function add_layers(job, name, digests)
  local blobs = {}
  for i, digest in ipairs(digests) do
    blobs[i] = job:pack("layer", digest)
    local over = require "moonsand.layer.freeze".over(job.store:layer(digest):read_manifest())
    job:say("layer", digest, blobs[i].digest, table.unpack(over))
  end
  if #blobs > 0 then job:image(name, blobs) end
end

local function add_records(job)
  local blobs = {}
  for _, record in ipairs(job.closure.records) do
    local text = job.store:record(record.kind, record.key)
    if text then
      local blob = job:add(oci.blob(text, "text/plain"))
      job:say("record", record.kind, record.key, blob.digest)
      blobs[#blobs + 1] = blob
    end
  end
  table.insert(blobs, 1, job:add(oci.blob(table.concat(job.lines, "\n") .. "\n",
    oci.CLOSURE .. "+text")))
  local config, manifest = oci.artifact(blobs)
  job:add(config)
  job.manifests[#job.manifests + 1] = {blob = job:add(manifest), name = "moonsand",
    artifact = true}
end

local TIME <const> = 1000000000

-- The archive itself: small things first, blobs by name.
local function write(job, out)
  local function text(bytes)
    local at = 1
    while at <= #bytes do at = at + disk.must("write the archive", out:write(bytes, at)) end
  end
  local function file(path, size) text(tar.header {path = path, type = "file", size = size,
    mode = 420, mtime_ns = TIME}) end
  local function small(path, bytes)
    file(path, #bytes)
    text(bytes .. tar.padding(#bytes))
  end
  small("oci-layout", oci.LAYOUT)
  small("index.json", oci.index(job.manifests))
  for _, path in ipairs {"blobs", "blobs/sha256"} do
    text(tar.header {path = path, type = "directory", mode = 493, mtime_ns = TIME})
  end
  for digest, blob in order.sorted(job.blobs) do
    file("blobs/sha256/" .. digest, blob.size)
    if blob.text then
      text(blob.text)
    else
      local from <close> = disk.must("read", core.open(blob.file, "r"))
      tar.copy(from, blob.size, text, blob.file .. " became shorter")
    end
    text(tar.padding(blob.size))
  end
  text(tar.END)
end

local function replace(path, fill)
  local new = ("%s.%d.part"):format(path, core.getpid())
  local ok, problem = pcall(function()
    local out <close> = disk.must("write", core.open(new, "w"))
    fill(out)
    disk.must("write " .. new, out:close())
    disk.must("write", core.rename(new, path))
  end)
  if ok then return end
  core.unlink(new)
  error(problem, 0)
end

--- Write a result to a file, which appears when it is whole.
---@param store moonsand.Store
---@param closure moonsand.Closure
---@param path string
---@return integer bytes
function M.run(store, closure, path)
  local scratch <close> = store:scratch()
  local job = setmetatable({store = store, closure = closure, scratch = scratch, blobs = {},
    packed = {}, manifests = {}, count = 0, lines = {M.HEADER, "task " .. closure.task}}, Job)
  add_trees(job)
  add_layers(job, "work", closure.layers)
  add_layers(job, "hooks", closure.hooks or {})
  add_records(job)
  replace(path, function(out) write(job, out) end)
  return disk.must("look at", core.stat(path)).size
end

return M
