--- Import: a file that export.lua wrote becomes part of a store. Nothing in it is believed: first
--- every blob is hashed, then each tree and work layer is unpacked in a scratch directory and must
--- come to the digest it is said to have; records come last, and only where there are none.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local export = require "moonsand.layer.export"
local fault = require "moonsand.fault"
local layout = require "moonsand.layer.layout"
local make = require "moonsand.layer.make"
local oci = require "moonsand.layer.oci"
local pack = require "moonsand.layer.pack"
local records = require "moonsand.layer.record"
local tar = require "moonsand.layer.tar"

local M = {}

local TEXT_MAX <const> = 64 << 20 -- a log may be long

---@class moonsand.ImportReport
---@field task string
---@field trees integer    new in the store
---@field layers integer
---@field records integer

local Job = {}
Job.__index = Job

function Job:refuse(why, ...)
  fault.throw("layer", ("'%s': %s"):format(self.path, why:format(...)),
    {hint = "nothing of it was taken; get the archive again from who made it"})
end

local directories = {["."] = true, blobs = true, ["blobs/sha256"] = true}

-- Where everything lies in the file; each blob has the digest that is its name.
local function survey(job, size)
  local reader = tar.reader(job.file, 0, size, "'" .. job.path .. "'")
  while true do
    local entry = reader:next()
    if not entry then return end
    local digest = entry.path:match("^blobs/sha256/(%x+)$")
    if job.entries[entry.path] then job:refuse("'%s' is there twice", entry.path) end
    if entry.type == "directory" and not directories[entry.path]
      or entry.type ~= "directory" and (entry.type ~= "file" or not digest
        and entry.path ~= "oci-layout" and entry.path ~= "index.json") then
      job:refuse("'%s' does not belong into an OCI image layout", entry.path)
    end
    if digest and core.sha256_range(job.file, entry.at, entry.size) ~= digest then
      job:refuse("the blob %s has another digest", digest:sub(1, 12))
    end
    job.entries[entry.path] = entry
  end
end

function Job:entry(path)
  local entry = self.entries[path]
  if not entry or entry.type ~= "file" then self:refuse("'%s' is missing", path) end
  return entry
end

function Job:text(path)
  local entry, parts = self:entry(path), {}
  if entry.size > TEXT_MAX then self:refuse("'%s' has %d bytes", path, entry.size) end
  disk.must("read", self.file:seek("set", entry.at))
  tar.copy(self.file, entry.size, function(bytes) parts[#parts + 1] = bytes end, self.path)
  return table.concat(parts)
end

local function blob(digest) return "blobs/sha256/" .. (digest or "?") end

local function is_digest(word) return word and #word == 64 and not word:find("[^0-9a-f]") end

local read = {}

function read.tree(plan, digest, from, rest)
  if not is_digest(digest) or not is_digest(from) or rest ~= "" then return false end
  table.insert(plan.objects, {kind = "tree", digest = digest, blob = from})
  return true
end

function read.layer(plan, digest, from, rest)
  local over = {}
  for word in rest:gmatch("%S+") do
    if not is_digest(word) then return false end
    over[#over + 1] = word
  end
  if not is_digest(digest) or not is_digest(from) then return false end
  table.insert(plan.objects, {kind = "layer", digest = digest, blob = from, over = over})
  return true
end

function read.image(plan, name, digest, size)
  if not is_digest(digest) or not size:find("^%d+$") then return false end
  table.insert(plan.images, {name = name, blob = {digest = digest, type = oci.MANIFEST,
    size = math.tointeger(tonumber(size))}})
  return true
end

function read.record(plan, kind, key, from)
  if not is_digest(from) or not key:find("^[%w._-]+$") or #key < 3 then return false end
  for _, known in ipairs(layout.record_kinds) do
    if kind == known then
      table.insert(plan.records, {kind = kind, key = key, blob = from})
      return true
    end
  end
  return false
end

-- The two files that are no blobs have the only bytes that they can have.
local function check_index(job, index, images, artifact)
  table.insert(images, {name = "moonsand", artifact = true, blob = {digest = artifact,
    type = oci.MANIFEST, size = job:entry(blob(artifact)).size}})
  if index ~= oci.index(images) then job:refuse("'index.json' is not what was written") end
  if job:text("oci-layout") ~= oci.LAYOUT then
    job:refuse("'oci-layout' is not what was written")
  end
end

-- The text that says what the blobs are.
local function plan_of(job)
  local index = job:text("index.json")
  local manifest = oci.find_artifact(index)
  if not manifest then job:refuse("it holds no result of moonsand") end
  local text = job:text(blob(oci.first_blob(job:text(blob(manifest)))))
  local plan = {objects = {}, records = {}, images = {}}
  local header, task, rest = text:match("^([^\n]*)\ntask ([^\n]+)\n(.*)$")
  if header ~= export.HEADER then job:refuse("'%s' is not known", header or "no header") end
  plan.task = task
  for line in rest:gmatch("[^\n]+") do
    local word, first, second, more = line:match("^(%l+) (%S+) (%S+) ?(.*)$")
    if not read[word] or not read[word](plan, first, second, more) then
      job:refuse("a line that says nothing: '%s'", line:sub(1, 60))
    end
  end
  check_index(job, index, plan.images, manifest)
  return plan
end

local function unpack(job, object)
  local entry = job:entry(blob(object.blob))
  local scratch <close> = job.store:scratch()
  local reader = tar.reader(job.file, entry.at, entry.size, ("'%s': %s %s"):format(job.path,
    object.kind, object.digest:sub(1, 12)))
  pack.read(reader, scratch.upper, object.kind == "layer")
  local other = make.adopt(job.store, scratch, object, job.task)
  if other then
    job:refuse("what is said to be the %s %s is %s", object.kind, object.digest:sub(1, 12),
      other:sub(1, 12))
  end
end

local function put_objects(job, plan, report)
  for _, object in ipairs(plan.objects) do
    if not job.store[object.kind](job.store, object.digest) then
      unpack(job, object)
      local part = object.kind == "tree" and "trees" or "layers"
      report[part] = report[part] + 1
    end
  end
end

-- A record may not need what is not there.
local function check_needs(job, record, text)
  for _, digest in ipairs(records.needs(text)) do
    if digest ~= record.key and not job.store:tree(digest) and not job.store:layer(digest)
      and not job.store:record("action", digest) then
      job:refuse("the %s record needs %s, which it does not hold", record.kind, digest:sub(1, 12))
    end
  end
end

local function put_records(job, plan, report)
  for _, kind in ipairs {"log", "action", "intent"} do
    for _, record in ipairs(plan.records) do
      if record.kind == kind and not job.store:record(kind, record.key) then
        local text = job:text(blob(record.blob))
        if kind ~= "log" then check_needs(job, record, text) end
        job.store:put_record(kind, record.key, text)
        report.records = report.records + 1
      end
    end
  end
end

--- Take a result from a file.
---@param store moonsand.Store
---@param path string
---@return moonsand.ImportReport
function M.run(store, path)
  local st = disk.must("read", core.stat(path, "follow"))
  if st.type ~= "file" then
    fault.throw("usage", ("'%s' is a %s, not a file"):format(path, st.type))
  end
  local file <close> = disk.must("read", core.open(path, "r"))
  local job = setmetatable({store = store, path = path, file = file, entries = {}}, Job)
  survey(job, st.size)
  local plan = plan_of(job)
  job.task = plan.task
  local report = {task = plan.task, trees = 0, layers = 0, records = 0}
  put_objects(job, plan, report)
  put_records(job, plan, report)
  return report
end

return M
