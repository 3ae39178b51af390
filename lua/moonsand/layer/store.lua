--- The store: a directory of trees, work layers and small records, safe for many processes at once.
local collect = require "moonsand.layer.collect"
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local freeze = require "moonsand.layer.freeze"
local gc = require "moonsand.layer.gc"
local layout = require "moonsand.layer.layout"
local leases = require "moonsand.layer.lease"
local loop = require "moonsand.loop"
local publish = require "moonsand.layer.publish"
local roots = require "moonsand.layer.roots"
local scope = require "moonsand.scope"
local scratches = require "moonsand.layer.scratch"
local seal = require "moonsand.layer.seal"
local stack = require "moonsand.layer.stack"
local trash = require "moonsand.layer.trash"
local tree = require "moonsand.layer.tree"
local verify = require "moonsand.layer.verify"

local M = {}

---@class moonsand.Store
---@field path string
local Store = {__name = "moonsand.Store"}
Store.__index = Store

function Store:__tostring()
  return "store " .. self.path
end

---@class moonsand.Layer
---@field kind "tree"|"layer"
---@field digest string
---@field path string    usable as an overlay lower
---@field files integer
---@field bytes integer
---@field manifest string  path of the manifest
---@field store moonsand.Store
local Layer = {__name = "moonsand.Layer"}
Layer.__index = Layer

function Layer:__tostring()
  return ("%s %s (%d files)"):format(self.kind == "tree" and "tree" or "work layer",
    self.digest:sub(1, 12), self.files)
end

--- The bytes of the manifest: a Tree message, or a work layer's canonical text.
---@return string
function Layer:read_manifest()
  return (disk.must("read " .. self.manifest, disk.read(self.manifest), "the manifest is gone"))
end

--- A tree's root node (see directory.lua).
---@return moonsand.Node
function Layer:node()
  assert(self.kind == "tree", "only a tree has nodes")
  if not self.root then self.root = directory.read_tree(self:read_manifest()) end
  return self.root
end

--- Every path of a tree with type, digest, size, executable, target.
---@return moonsand.TreeEntry[]
function Layer:entries()
  return directory.entries(self:node())
end

local options_known = {sync = true, check = true}
local sync_modes = {each = true, batch = true, off = true}
local check_levels = {manifest = true, sizes = true, full = true}

local function check_options(options)
  for name in pairs(options) do
    if not options_known[name] then error(("unknown option '%s'"):format(tostring(name)), 4) end
  end
  if not sync_modes[options.sync or "batch"] then error("sync is each, batch or off", 4) end
  if not check_levels[options.check or "manifest"] then
    error("check is manifest, sizes or full", 4)
  end
end

--- Open a store; an empty or missing directory becomes one. Close it, or let `<close>` do so.
--- sync: "each" publish is on the disk before it is seen; "batch" (default): every few seconds and
--- at close, and what a crash may have hit is hashed again at its first use; "off": never.
--- check: how carefully a tree or work layer is looked at when this process first uses it.
---@param dir string
---@param options? {sync?: "each"|"batch"|"off", check?: "manifest"|"sizes"|"full"}
---@return moonsand.Store
function M.open(dir, options)
  options = options or {}
  check_options(options)
  local path = layout.prepare(dir)
  local identity, boot = leases.identity()
  return setmetatable({path = path, identity = identity, boot = boot, known = {},
    sync_mode = options.sync or "batch", check = options.check or "manifest",
    lease = leases.new(path, identity),
    synced = math.tointeger(seal.open(disk.read(path .. "/synced"))) or 0,
    last_sync = core.clock()}, Store)
end

--- Sync what "batch" owes, give the lease back. May be called twice.
function Store:close()
  if not self.lease then return end
  local undo <close> = scope.new()
  undo:defer(function()
    self.lease:close()
    self.lease = nil
  end)
  undo:defer(function()
    if self.private then self.private:close() end
    self.private = nil
  end)
  if self.dirty and self.sync_mode == "batch" then self:sync() end
end

function Store:__close(err)
  local ok, problem = pcall(self.close, self)
  if not ok and err == nil then error(problem, 0) end
end

--- Hold off garbage collection for a moment; close the handle soon.
---@return userdata lock
function Store:hold()
  return (disk.must("lock", core.lock(self.path .. "/lock/gc", "shared")))
end

--- Put everything that was published on the disk.
function Store:sync()
  local now = core.time_ns()
  disk.must("sync", core.syncfs(self.path))
  self.dirty, self.last_sync = false, core.clock()
  self:replace(self.path .. "/synced", seal.close(tostring(now)))
  self.synced = now
end

local BATCH_SECONDS = 5

-- Called after something was published.
function Store:published()
  self.dirty = true
  if self.sync_mode ~= "batch" then return end
  if core.clock() - self.last_sync > BATCH_SECONDS then self:sync() end
end

--- A private directory in the store, for one task: `path`, `upper`, `work`; close it.
---@return moonsand.Scratch
function Store:scratch()
  return scratches.new(self)
end

--- What `scratch:keep(name)` kept, or nil.
---@param name string
---@return {path: string, upper: string, work: string}?
function Store:kept(name)
  return scratches.kept(self, name)
end

--- Put a bad tree or work layer aside: from now on it is not there. The next collection deletes it.
---@param kind "tree"|"layer"
---@param digest string
function Store:quarantine(kind, digest)
  local _ <close> = self:hold()
  self.known[kind .. digest] = nil
  trash.quarantine(self.path, layout.place(self.path, kind, digest), kind .. "." .. digest)
end

-- Lease first, then look: a collection is either before both or after both.
local function claim(self, place, digest)
  local _ <close> = self:hold()
  if not disk.exists(place) then return nil end
  self.lease:add(digest)
  return publish.read_meta(disk.read(place .. "/meta"))
    or {files = 0, bytes = 0, published = math.maxinteger, boot = "?"}
end

-- After a crash, what was not known to be on the disk is not believed.
local function is_doubtful(self, meta)
  return meta.boot ~= self.boot and not meta.durable and meta.published > self.synced
end

local function find(self, kind, digest)
  if not self.lease then error("the store is closed", 3) end
  local known = self.known[kind .. digest]
  if known then return known end
  local place = layout.place(self.path, kind, digest)
  local meta = claim(self, place, digest)
  if not meta then return nil end
  local doubtful = is_doubtful(self, meta)
  local problems, node = verify.problems(place, kind, digest, doubtful and "full" or self.check)
  if #problems > 0 then
    self:quarantine(kind, digest)
    return nil, problems[1]
  end
  if doubtful then self:replace(place .. "/meta", publish.durable(kind, meta)) end
  core.touch(place .. "/meta") -- the clock of the collection
  local layer = setmetatable({kind = kind, digest = digest, path = place .. "/t",
    files = meta.files, bytes = meta.bytes, manifest = place .. "/manifest", name = meta.name,
    root = node, store = self}, Layer)
  self.known[kind .. digest] = layer
  return layer
end

--- The tree of this digest, held until the store is closed; nil when it is not there or is not
--- whole (then it goes to the quarantine, and the reason is the second result).
---@param digest string
---@return moonsand.Layer?
---@return string? why
function Store:tree(digest)
  return find(self, "tree", digest)
end

--- The work layer of this digest; nil as for `tree`.
---@param digest string
---@return moonsand.Layer?
---@return string? why
function Store:layer(digest)
  return find(self, "layer", digest)
end

local function put(self, scratch, parcel)
  local there = find(self, parcel.kind, parcel.digest)
  if there then return there end
  publish.run(self, scratch, parcel)
  local layer, why = find(self, parcel.kind, parcel.digest)
  if layer then return layer end
  fault.throw("layer", ("the %s %s was damaged while it was published: %s")
    :format(parcel.kind, parcel.digest:sub(1, 12), why or "it is gone"),
    {hint = "check the disk: moonsand cache verify"})
end

--- Make the upper directory of a scratch a work layer. Nothing may run in it or have it mounted.
--- over: the layers it was written over (objects or digests); they are part of the digest.
---@param scratch moonsand.Scratch
---@param options? {over?: (string|moonsand.Layer)[], name?: string}
---@return moonsand.Layer
function Store:freeze(scratch, options)
  options = options or {}
  local over = {}
  for i, layer in ipairs(options.over or {}) do
    over[i] = layout.check_digest(type(layer) == "table" and layer.digest or layer)
  end
  local scan = freeze.text(scratch.upper, over, {grant = true})
  return put(self, scratch, {kind = "layer", digest = scan.digest, content = scratch.upper,
    manifest = scan.text, files = scan.files, bytes = scan.bytes, name = options.name,
    over = #over > 0 and table.concat(over, " ") or nil})
end

-- A sealed node whose files lie at `content`, as a tree of the store.
function Store:put_tree(scratch, node, content, name)
  directory.seal(node)
  local files, bytes = directory.totals(node)
  return put(self, scratch, {kind = "tree", digest = node.digest, content = content,
    manifest = directory.tree_message(node), files = files, bytes = bytes, name = name})
end

local function take(self, dir, options)
  dir = disk.must("find", core.realpath(dir))
  if dir:sub(1, #self.path + 5) ~= self.path .. "/tmp/" then
    error("only a directory in one of the store's scratch directories can be taken", 4)
  end
  local scratch <close> = self:scratch()
  local node
  do
    local root <close> = disk.must("open", core.open(dir, "dir"))
    node = tree.take({root = root, path = dir, spare = scratch.path .. "/spare",
      time = tree.TIME}, "")
  end
  return self:put_tree(scratch, node, dir, options.name)
end

local function copy(self, view, path, options)
  local places = view:resolve(path)
  if not places and options.missing ~= "empty" then
    fault.throw("layer", ("there is no '%s' in the stack"):format(path),
      {hint = "nothing was written there"})
  end
  local job = {view = view, time = tree.TIME}
  -- Hashing costs far less than copying, and often the tree is there already.
  local node = places and tree.read(job, places, path) or directory.new()
  local there = find(self, "tree", directory.seal(node).digest)
  if there then return there end
  local scratch <close> = self:scratch()
  local to = scratch.path .. "/tree"
  disk.must("make", core.mkdir(to))
  if places then node = tree.read(job, places, path, to) end
  return self:put_tree(scratch, node, to, options.name)
end

local from_known = {name = true, take = true, missing = true}

--- Make a tree. source: a directory, which is copied; or {stack = layers, path = "outputs"}: what
--- one sees there through work layers, first wins, whiteouts and opaque directories obeyed. take:
--- the directory lies in a scratch of this store and may be moved (nothing is copied). missing =
--- "empty": a path that is not in the stack gives an empty tree, not a fault.
---@param source string|{stack: {path: string}[], path?: string}
---@param options? {name?: string, take?: boolean, missing?: "empty"}
---@return moonsand.Layer
function Store:tree_from(source, options)
  options = options or {}
  for name in pairs(options) do
    if not from_known[name] then error(("unknown option '%s'"):format(tostring(name)), 2) end
  end
  if type(source) == "string" then
    if options.take then return take(self, source, options) end
    local view <close> = stack.view({source}, false)
    return copy(self, view, "", options)
  end
  local layers = source.stack.layers or source.stack
  local view <close> = stack.view(stack.new(layers).lower, true)
  return copy(self, view, source.path or "", options)
end

--- The part of a tree that others may see: see collect.lua.
---@param whole moonsand.Layer
---@param rules moonsand.CollectRules
---@return moonsand.Layer
function Store:collect(whole, rules)
  return collect.run(self, whole, rules)
end

--- Two empty directories, for overlays that need more lowers than there are.
---@return string, string
function Store:empty()
  return self.path .. "/empty/a", self.path .. "/empty/b"
end

-- Replace a small file in one step; durable: even after a crash of the machine it is the old or the
-- new text that is there. digest: kept as the attribute of a file that is not sealed.
function Store:replace(path, text, durable, digest)
  if not self.private then self.private = self:scratch() end
  local new = self.private.path .. "/record"
  disk.write(new, text)
  if digest then disk.must("mark", core.set_xattr(new, layout.DIGEST, digest)) end
  if durable or self.sync_mode == "each" then disk.must("sync", core.fsync(new)) end
  disk.must("replace", core.rename(new, path))
end

--- Write a record in one step; an older one is replaced. Publish the trees that it names first.
---@param kind "action"|"intent"|"log"
---@param key string
---@param text string
---@return string path
function Store:put_record(kind, key, text)
  local path = layout.record(self.path, kind, key)
  publish.make_shard(self, path)
  -- A log is for people's tools, so its digest is an attribute; the others begin with theirs.
  local digest = kind == "log" and core.sha256(text) or nil
  self:replace(path, digest and text or seal.close(text), false, digest)
  publish.sync_names(self, path)
  return path
end

--- The text of a record, or nil when there is none or a crash has damaged it.
---@param kind "action"|"intent"|"log"
---@param key string
---@return string?
function Store:record(kind, key)
  local text = disk.read(layout.record(self.path, kind, key))
  if kind == "log" then return text end
  return seal.open(text)
end

--- The file of a record, there or not.
---@param kind "action"|"intent"|"log"
---@param key string
---@return string
function Store:record_path(kind, key)
  return layout.record(self.path, kind, key)
end

local LOCK_SECONDS = 0.05

--- Lock a name among all who use this store, in any process, until the handle is closed. Inside a
--- loop only this coroutine waits. With "try": nil when it is held.
---@param name string
---@param how? "wait"|"try"
---@return userdata? handle
function Store:lock(name, how)
  local path = self.path .. "/lock/" .. disk.escape("name:" .. name)
  while true do
    local lock = disk.unless("lock", disk.EAGAIN, core.lock(path, "exclusive", "try"))
    if lock or how == "try" then return lock end
    loop.wait({}, LOCK_SECONDS)
  end
end

--- Pin digests under a name: a collection never takes them. An empty list ends it.
---@param name string
---@param digests string[]
function Store:pin(name, digests)
  roots.pin(self, name, digests)
end

--- Remember what a build came to: a collection spares the last few builds.
---@param digests string[]
function Store:remember(digests)
  roots.remember(self, digests)
end

--- Collect garbage: see gc.lua.
---@param options? moonsand.GcOptions
---@return moonsand.GcReport
function Store:gc(options)
  return gc.run(self.path, options)
end

--- Check everything: see verify.lua.
---@param options? moonsand.VerifyOptions
---@return moonsand.Finding[] findings
---@return integer checked   trees and work layers
function Store:verify(options)
  local findings, counts = verify.run(self.path, options)
  if options and options.repair then self.known = {} end
  return findings, counts.tree + counts.layer
end

return M
