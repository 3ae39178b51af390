--- The store: a directory of trees, work layers and small records, safe for many processes at once.
local collect = require "moonsand.layer.collect"
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local export = require "moonsand.layer.export"
local fault = require "moonsand.fault"
local gc = require "moonsand.layer.gc"
local import = require "moonsand.layer.import"
local layout = require "moonsand.layer.layout"
local leases = require "moonsand.layer.lease"
local loop = require "moonsand.loop"
local make = require "moonsand.layer.make"
local merge = require "moonsand.layer.merge"
local records = require "moonsand.layer.record"
local roots = require "moonsand.layer.roots"
local scope = require "moonsand.scope"
local share = require "moonsand.layer.share"
local scratches = require "moonsand.layer.scratch"
local seal = require "moonsand.layer.seal"
local trashes = require "moonsand.layer.trash"
local use = require "moonsand.layer.use"
local verify = require "moonsand.layer.verify"
local verity = require "moonsand.layer.verity"

local M = {}

---@class moonsand.Store
---@field path string
local Store = {__name = "moonsand.Store"}
Store.__index = Store

function Store:__tostring()
  return "store " .. self.path
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
    lease = leases.new(path, identity), share = share.of(path),
    synced = math.tointeger((seal.read(path, path .. "/synced"))) or 0,
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
  local now, path = core.time_ns(), self.path .. "/synced"
  disk.must("sync", core.syncfs(self.path))
  self.dirty, self.last_sync = false, core.clock()
  self:replace(path, seal.close(self.path, path, tostring(now)))
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
  use.quarantine(self, kind, digest)
end

--- The tree of this digest, held until the store is closed; nil when it is not there or is not
--- whole (then it goes to the quarantine, and the reason is the second result).
---@param digest string
---@return moonsand.Layer?
---@return string? why
function Store:tree(digest)
  return use.find(self, "tree", digest)
end

--- The work layer of this digest; nil as for `tree`.
---@param digest string
---@return moonsand.Layer?
---@return string? why
function Store:layer(digest)
  return use.find(self, "layer", digest)
end

--- Make the upper directory of a scratch a work layer. Nothing may run in it or have it mounted.
--- over: the layers it was written over (objects or digests); they are part of the digest.
--- threads: how many may hash; as many as there are processors unless given.
---@param scratch moonsand.Scratch
---@param options? {over?: (string|moonsand.Layer)[], name?: string, threads?: integer}
---@return moonsand.Layer
function Store:freeze(scratch, options)
  return make.freeze(self, scratch, options)
end

-- A sealed node whose files lie at `content`, as a tree of the store.
function Store:put_tree(scratch, node, content, name)
  return make.put_tree(self, scratch, node, content, name)
end

--- Make a tree. source: a directory, which is copied; or {stack = layers, path = "outputs"}: what
--- one sees there through work layers, first wins, whiteouts and opaque directories obeyed. take:
--- the directory lies in a scratch of this store and may be moved (nothing is copied). missing =
--- "empty": a path that is not in the stack gives an empty tree, not a fault. threads: as
--- for `freeze`.
---@param source string|{stack: {path: string}[], path?: string}
---@param options? {name?: string, take?: boolean, missing?: "empty", threads?: integer}
---@return moonsand.Layer
function Store:tree_from(source, options)
  if type(source) == "table" then
    local layers = source.stack.layers or source.stack
    source = {stack = merge.stack(layers).layers, path = source.path}
  end
  return make.tree_from(self, source, options)
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
  local a, b = self.path .. "/empty/a", self.path .. "/empty/b"
  for _, path in ipairs {a, b} do
    if #disk.must("look at", core.readdir(path)) > 0 then
      fault.throw("layer", ("'%s' is not empty"):format(path),
        {hint = "moonsand cache verify --repair"})
    end
  end
  return a, b
end

-- See record.lua.
function Store:replace(path, text, durable)
  records.replace(self, path, text, durable)
end

--- Write a record in one step; an older one is replaced. Publish the trees that it names first.
---@param kind "action"|"intent"|"log"
---@param key string
---@param text string
---@return string path
function Store:put_record(kind, key, text)
  return records.put(self, kind, key, text)
end

--- The text of a record, or nil when there is none or it is not as it was written.
---@param kind "action"|"intent"|"log"
---@param key string
---@return string?
function Store:record(kind, key)
  return records.get(self, kind, key)
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
    if lock and self.share then core.chmod(path, 436) end -- 0664, whatever the umask
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

--- The digests that are pinned under a name; nil when it is no pin.
---@param name string
---@return string[]?
function Store:pinned(name)
  return roots.pinned(self, name)
end

--- The names of all pins.
---@return string[]
function Store:pins()
  return roots.pins(self.path)
end

--- Remember what a build came to: a collection spares the last few builds.
---@param digests string[]
function Store:remember(digests)
  roots.remember(self, digests)
end

--- Are the files of what is published from now on protected by fs-verity? A setting of the store,
--- for all who use it; refused where the file system or the kernel cannot do it.
---@param on boolean
function Store:protect(on)
  verity.set(self, on)
end

--- Is it so?
---@return boolean
function Store:protects()
  return verity.is_on(self.path)
end

--- Write a result and what it needs to a file: see export.lua.
---@param closure moonsand.Closure
---@param path string
---@return integer bytes
function Store:export(closure, path)
  return export.run(self, closure, path)
end

--- Take a result from a file that `export` wrote: see import.lua.
---@param path string
---@return moonsand.ImportReport
function Store:import(path)
  return import.run(self, path)
end

--- Collect garbage: see gc.lua.
---@param options? moonsand.GcOptions
---@return moonsand.GcReport
function Store:gc(options)
  return gc.run(self.path, options)
end

--- Remove what killed and interrupted processes left; to be called in a coroutine of a loop, where
--- others have their turns meanwhile. May be ended at any moment.
function Store:tidy()
  if #scratches.dead(self.path) > 0 then
    local _ <close> = disk.must("lock", core.lock(self.path .. "/lock/gc", "exclusive"))
    scratches.sweep(self.path)
  end
  trashes.empty(self.path)
end

--- From now on delete nothing that can be deleted later: somebody waits for the end.
function Store:hurry()
  self.hurried = true
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
