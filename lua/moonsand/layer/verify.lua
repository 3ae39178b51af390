--- Is what lies in the store what it was when it was published?
local census = require "moonsand.layer.census"
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local freeze = require "moonsand.layer.freeze"
local layout = require "moonsand.layer.layout"
local publish = require "moonsand.layer.publish"
local records = require "moonsand.layer.record"
local roots = require "moonsand.layer.roots"
local seal = require "moonsand.layer.seal"
local trash = require "moonsand.layer.trash"
local tree = require "moonsand.layer.tree"
local verity = require "moonsand.layer.verity"

local M = {}

local compare = {}

function compare.tree(place, manifest, digest, level)
  local ok, node = pcall(directory.read_tree, manifest)
  if not ok and fault.is(node) then return {node.message} end
  if not ok then error(node, 0) end
  if node.digest ~= digest then return {"the manifest is not the one of this digest"} end
  if level == "manifest" then return {}, node end
  return tree.compare(place .. "/t", node, level == "full"), node
end

function compare.layer(place, manifest, digest, level)
  if core.sha256(manifest) ~= digest then return {"the manifest is not the one of this digest"} end
  if level == "manifest" then return {} end
  return freeze.compare(place .. "/t", manifest, level == "full")
end

--- Problems of one tree or work layer; an empty list when it is whole.
---@param place string
---@param kind "tree"|"layer"
---@param digest string
---@param level "manifest"|"sizes"|"full"
---@return string[] problems
---@return moonsand.Node? node  of a tree
function M.problems(place, kind, digest, level)
  local manifest = disk.read(place .. "/manifest")
  if not manifest then return {"the manifest is missing"} end
  if not disk.exists(place .. "/meta") then return {"the file 'meta' is missing"} end
  if not disk.exists(place .. "/t") then return {"the content is missing"} end
  local ok, result, node = pcall(compare[kind], place, manifest, digest, level)
  if ok then return result, node end
  if fault.is(result) then return {result.message} end -- an unreadable file is a finding, too
  error(result, 0)
end

-- The small files beside the content, and nothing else.
local parts = {t = true, manifest = true, meta = true}

local function beside(store, place)
  local problems, meta = {}, publish.read_meta(store, place)
  if not meta then
    problems[1] = "the file 'meta' is not as it was written"
  elseif meta.verity then
    problems = verity.problems(place .. "/t", meta.verity)
  end
  for _, name in ipairs(disk.names(place)) do
    if not parts[name] then problems[#problems + 1] = ("'%s' does not belong here"):format(name) end
  end
  return problems
end

---@class moonsand.VerifyOptions
---@field full? boolean    read and hash every file
---@field repair? boolean  move what is damaged to the quarantine: it is simply not there then

---@class moonsand.Finding
---@field kind "tree"|"layer"|"action"|"intent"|"log"|"root"|"file"
---@field digest? string
---@field path string
---@field problems string[]
---@field moved? string    where it is now

local Job = {}
Job.__index = Job

-- Whether it is still the same thing that was looked at: a build may have made it again meanwhile.
local function identity(path)
  local st = core.stat(path)
  return st and ("%d:%d"):format(st.dev, st.ino)
end

--- What was found at a path, and away with it when repairs are wanted. What a collection took
--- meanwhile is no finding.
function Job:report(finding, before)
  if not before or identity(finding.path) ~= before then return end
  self.findings[#self.findings + 1] = finding
  if not self.repair then return end
  local _ <close> = disk.must("lock", core.lock(self.store .. "/lock/gc", "exclusive"))
  if identity(finding.path) ~= before then return end
  local label = finding.kind .. "."
    .. (finding.digest or finding.path:sub(#self.store + 2):gsub("/", "-"))
  finding.moved = trash.quarantine(self.store, finding.path, label:sub(1, 200))
  if finding.digest then self.gone[finding.digest] = true end
end

-- What cannot be read is damaged, too.
local function problems_of(look, ...)
  local ok, result = pcall(look, ...)
  if ok then return result end
  if fault.is(result) then return {result.message} end
  error(result, 0)
end

local function place_problems(job, item, kind)
  if #item.digest ~= 64 or item.digest:find("[^0-9a-f]") then
    return {"this is no name of a " .. (kind == "tree" and "tree" or "work layer")}
  end
  local problems = M.problems(item.place, kind, item.digest, job.full and "full" or "sizes")
  local more = beside(job.store, item.place)
  return table.move(more, 1, #more, #problems + 1, problems)
end

local function check_places(job, kind)
  for _, item in ipairs(census.places(job.store, kind)) do
    local before = identity(item.place)
    local problems = problems_of(place_problems, job, item, kind)
    job.counts[kind] = job.counts[kind] + 1
    if #problems > 0 then
      job:report({kind = kind, digest = item.digest, path = item.place, problems = problems},
        before)
    end
  end
end

local function is_there(job, digest)
  if job.gone[digest] then return false end
  local rest = ("/%s/%s"):format(digest:sub(1, 2), digest:sub(3))
  if disk.exists(layout.home(job.store, "tree") .. rest) then return true end
  for _, user in ipairs(job.users) do
    if disk.exists(layout.home(job.store, "layer", user) .. rest) then return true end
  end
  return disk.exists(layout.record(job.store, "action", digest))
end

local changed <const> = "is not as it was written"

-- A record that is not whole, or leads to something that is not there.
local function record_problems(job, item)
  local text, there = seal.read(job.store, item.path)
  if not text then return {there and changed or nil} end
  for _, digest in ipairs(records.needs(text)) do
    if digest ~= item.key and not is_there(job, digest) then
      return {("names %s, which is not there"):format(digest:sub(1, 12))}
    end
  end
  return {}
end

local function log_problems(_, item)
  local found = disk.unless("read", disk.ENOENT, core.sha256_file(item.path))
  return {found and found ~= core.xattr(item.path, layout.DIGEST) and changed or nil}
end

local function check_records(job, kind)
  local look = kind == "log" and log_problems or record_problems
  for _, item in ipairs(census.records(job.store, kind)) do
    local before = identity(item.path)
    local problems = problems_of(look, job, item)
    job.counts.records = job.counts.records + 1
    if #problems > 0 then
      job:report({kind = kind, digest = kind == "action" and item.key or nil, path = item.path,
        problems = problems}, before)
    end
  end
end

local function check_roots(job)
  for _, folder in ipairs(roots.folders) do
    for _, name in ipairs(disk.names(job.store .. "/" .. folder)) do
      local path = ("%s/%s/%s"):format(job.store, folder, name)
      local before = identity(path)
      local text, there = seal.read(job.store, path)
      if there and not text then
        job:report({kind = "root", path = path, problems = {changed}}, before)
      end
    end
  end
end

local function check_synced(job)
  local path = job.store .. "/synced"
  local before = identity(path)
  if before and not math.tointeger((seal.read(job.store, path))) then
    job:report({kind = "file", path = path, problems = {changed}}, before)
  end
end

-- Overlays stand on these two when they have nothing else to stand on.
local function check_empty(job)
  for _, name in ipairs {"a", "b"} do
    local path = job.store .. "/empty/" .. name
    local names, before = core.readdir(path), identity(path)
    if not names then
      job.findings[#job.findings + 1] = {kind = "file", path = path, problems = {"is missing"}}
    elseif #names > 0 then
      job:report({kind = "file", path = path, problems = {"is not empty"}}, before)
    end
    if job.repair then disk.must("make", core.mkdirs(path)) end
  end
end

--- Check everything: trees, work layers, records, logs, roots. Nothing is locked while it reads.
---@param store string   path of the store
---@param options? moonsand.VerifyOptions
---@return moonsand.Finding[] findings
---@return {tree: integer, layer: integer, records: integer} counts
function M.run(store, options)
  options = options or {}
  local job = setmetatable({store = store, full = options.full, repair = options.repair,
    users = census.users(store), findings = {}, gone = {},
    counts = {tree = 0, layer = 0, records = 0}}, Job)
  for _, kind in ipairs(layout.kinds) do check_places(job, kind) end
  for _, kind in ipairs(layout.record_kinds) do check_records(job, kind) end
  check_roots(job)
  check_synced(job)
  check_empty(job)
  return job.findings, job.counts
end

return M
