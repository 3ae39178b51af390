--- Runs one task in a sandbox of its own: /work is the stack of what the tasks before it froze, the
--- sysroots are read-only overlays, the run script is bound in, everything it says goes to its log.
local core = require "moonsand.core"
local failure_of = require "moonsand.build.failure"
local fault = require "moonsand.fault"
local hook = require "moonsand.build.hook"
local host = require "moonsand.build.host"
local inputs = require "moonsand.build.inputs"
local jobserver = require "moonsand.build.jobserver"
local kept = require "moonsand.build.kept"
local layer = require "moonsand.layer"
local message = require "moonsand.build.message"
local mixed = require "moonsand.build.mixed"
local names = require "moonsand.build.names"
local observe = require "moonsand.build.observe"
local recipe = require "moonsand.recipe"
local resolve = require "moonsand.build.resolve"
local rooted = require "moonsand.build.rooted"
local sandbox = require "moonsand.sandbox"
local script = require "moonsand.build.script"
local scripts_of = require "moonsand.build.scripts"
local sources = require "moonsand.build.source"
local variables = require "moonsand.build.variables"
local read = require("moonsand.text").read

local M = {}

--- Version of what a task sees; part of every signature.
M.LAYOUT = "1: /work overlay; sysroots read-only; host /usr without /usr/local; uid 0; umask 022"

local SOURCES <const> = script.DIRECTORY .. "/sources"
local mounts = {target = "/work/recipe-sysroot", native = "/work/recipe-sysroot-native"}

--- Where the sysroots are.
M.SYSROOTS = mounts

---@class moonsand.build.Workshop           what tasks share
---@field store moonsand.Store
---@field events moonsand.build.Events
---@field jobs? moonsand.build.Jobserver
---@field fetcher moonsand.build.Fetcher
---@field directory string                  logs and run scripts: <directory>/<recipe>/log.do_x
---@field audit? boolean|"full"             note what tasks open of their sysroots; full: and of
---  the host, and what they look for in vain

local function check(ok, problem, errno)
  if not ok then fault.throw("fs", problem, {errno = errno}) end
  return ok
end

local function write(path, text)
  local handle <close> = check(core.open(path, "w"))
  local from = 1
  while from <= #text do from = from + check(handle:write(text, from)) end
end

--- Where a task's log and run script are.
---@param directory string
---@param node moonsand.build.Node
---@param kind string   "log", "run", "signature"
---@return string
function M.path(directory, node, kind)
  return ("%s/%s.%s"):format(names.place(directory, node.recipe), kind, node.task)
end

local function layers_of(store, digests)
  local list = {}
  for i, digest in ipairs(digests) do
    local found, why = store:layer(digest)
    if not found then
      fault.throw("layer", ("the work layer %s is gone from the store%s"):format(
        digest:sub(1, 12), why and ": " .. why or ""), {hint = "build again"})
    end
    list[i] = found
  end
  return list
end

---@class moonsand.build.Setting          what is mounted for a task, by digest
---@field over string[]                    work layers, the newest first
---@field trees table<string, {recipe: string, digest: string}[]>   "target", "native"; "root" for a
---  task that does not see the host; "across": `recipe` is the place of what another configuration
---  has made, below /work/mc
---@field hooks? string[]                  what was made over that root: work layers, newest first
---@field sysroot_hooks? {target: string[], native: string[]}   the same over the sysroots
---@field task? string                     for whom these are made

--- What is mounted for a task; nil when something that it needs has no result yet.
---@param node moonsand.build.Node
---@return moonsand.build.Setting?
function M.setting(node)
  local setting = {over = resolve.over(node), trees = {}}
  if not setting.over then return nil end
  local function put(kind, nodes, tree)
    local list = {}
    for i, offer in ipairs(nodes) do
      if not offer.record then return false end
      list[i] = {recipe = offer.recipe.name, digest = offer.record.trees[tree]}
    end
    setting.trees[kind] = list
    return true
  end
  if node.roots and not put("root", node.roots, "outputs") then return nil end
  for i, one in ipairs(node.across) do
    local found = one.node.record
    if not found then return nil end
    setting.trees.across = setting.trees.across or {}
    setting.trees.across[i] = {recipe = one.place, digest = found.trees[one.tree]}
  end
  for kind in pairs(mounts) do
    if not put(kind, inputs.sysroots(node, kind), "sysroot") then return nil end
  end
  return setting
end

local function trees_of(store, list, kind)
  local trees = {}
  for i, one in ipairs(list) do
    local tree, why = store:tree(one.digest)
    if not tree then
      fault.throw("layer", ("the %s of '%s' is gone from the store%s"):format(
        mounts[kind] and "sysroot" or "tree", one.recipe, why and ": " .. why or ""),
        {hint = "build again"})
    end
    trees[i] = {tree = tree, recipe = one.recipe}
  end
  return trees
end

-- The sysroot trees of one kind as an overlay, or nil when there are none. Two trees that disagree
-- about a path are a fault that names both recipes; what hooks made lies on top. `scratch`: of a
-- hook that makes it.
local function sysroot(store, setting, kind, scratch)
  local trees, lower = trees_of(store, setting.trees[kind], kind), {}
  if #trees == 0 then return nil end
  local hooks = layers_of(store, setting.sysroot_hooks and setting.sysroot_hooks[kind] or {})
  for i, made in ipairs(hooks) do lower[i] = made.path end
  local staged = layer.staging(trees)
  return {target = mounts[kind], lower = table.move(staged, 1, #staged, #lower + 1, lower),
    read_only = not scratch, upper = scratch and scratch.upper, work = scratch and scratch.work,
    options = scratch and {volatile = "on"} or nil}
end

-- What tasks of other configurations left, each tree for itself: they may disagree.
local function across_mounts(options, store, list)
  for i, one in ipairs(trees_of(store, list or {}, "across")) do
    table.insert(options.overlays, {target = inputs.ACROSS .. "/" .. list[i].recipe,
      lower = layer.staging {one}, read_only = true})
  end
end

-- A root of layers only; here a recipe's own file hides that of another, as in a package's test on
-- a system that has more than the package.
local function root_mount(options, store, setting, scratch)
  local layers = layers_of(store, setting.hooks or {})
  local trees = trees_of(store, setting.trees.root, "root")
  rooted.check(options.name, trees)
  for _, one in ipairs(trees) do layers[#layers + 1] = one.tree end
  options.root = "empty"
  table.insert(options.overlays, {target = "/", lower = layer.stack(layers).lower, order = -2,
    upper = scratch and scratch.upper, work = scratch and scratch.work,
    options = scratch and {volatile = "on"} or nil})
end

local function source_binds(workshop, node, binds, files)
  local kinds = variables.of(node):flag(node.task, "sources")
  if not kinds then return end
  local chosen = sources.select(node.sources, kinds)
  files[#files + 1] = {
    target = script.DIRECTORY .. "/sources.list", text = sources.listing(chosen),
  }
  for _, source in ipairs(chosen) do
    local path = workshop.fetcher:find(source)
    if not path then
      fault.throw("fetch", ("'%s' is gone from the download directory"):format(source.file),
        {where = source.where, hint = "build again: it will be fetched"})
    end
    binds[#binds + 1] = {source = path, target = SOURCES .. "/" .. source.file}
  end
end

-- [host] = "packages": which files are whose. All of it is in the key of whoever sees the host.
local function host_binds(d, task, layered, binds)
  if layered or d:flag(task, "host") ~= "packages" then return end
  binds[#binds + 1] = {source = host.DPKG, target = host.DPKG, optional = true}
end

-- The first task of a recipe starts from nothing: its upper is /work itself. Without a scratch
-- directory nothing is kept.
local function work_mount(options, lower, scratch)
  if #lower > 0 then
    table.insert(options.overlays, {
      target = "/work", lower = lower, upper = scratch and scratch.upper,
      work = scratch and scratch.work, order = -1,
      options = {volatile = "on"}, -- the store writes out what it keeps
    })
  elseif scratch then
    table.insert(options.binds, {
      source = scratch.upper, target = "/work", read_only = false, order = -1,
    })
  else
    table.insert(options.tmpfs, {target = "/work", order = -1})
  end
end

local truths = {y = true, yes = true, ["1"] = true, t = true, ["true"] = true}

-- [network]: the host's, for who takes upon himself that the result may differ the next time.
local function network(d, task)
  return truths[tostring(d:flag(task, "network") or ""):lower()] and "host" or "none"
end

--- Options of the sandbox of a task, without its streams: also what `moonsand shell` enters.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param scratch? {upper: string, work: string}   nil: what is written vanishes
---@param setting moonsand.build.Setting
---@param trace? string           the file that the trace goes to
---@return table options
---@return moonsand.build.Scripts
function M.options(workshop, node, scratch, setting, trace)
  local d = variables.of(node)
  local layered = setting.trees.root ~= nil
  local jobs = not node.alone and not node.hook and workshop.jobs or nil
  local scripts = scripts_of.make(node)
  local options = {
    name = node.name, root = "host", ids = "root", hostname = "moonsand", cwd = "/work",
    umask = tonumber(d:flag(node.task, "umask") or "022", 8), network = network(d, node.task),
    command = script.command("start", layered), env = {HOME = "/tmp", LANG = "C", TERM = "dumb"},
    overlays = {}, binds = {}, dirs = {},
    files = {{target = script.DIRECTORY .. "/start", text = scripts.start}},
    tmpfs = {}, fds = {[message.FD] = "stdout"},
  }
  -- What somebody put there by hand is in no package, so no signature would notice it.
  if layered then
    root_mount(options, workshop.store, setting, node.hook == "root" and scratch or nil)
  elseif core.stat "/usr/local" then
    options.tmpfs[1] = {target = "/usr/local", size = "1M"}
  end
  work_mount(options, layer.stack(layers_of(workshop.store, setting.over)).lower,
    not node.hook and scratch or nil)
  for _, kind in ipairs {"target", "native"} do
    local overlay = sysroot(workshop.store, setting, kind, node.hook == kind and scratch or nil)
    if overlay then table.insert(options.overlays, overlay) end
    if not overlay then table.insert(options.dirs, mounts[kind]) end
  end
  across_mounts(options, workshop.store, setting.trees.across)
  for _, name in ipairs(scripts.names) do
    local text = scripts.scripts[name].text
    table.insert(options.files,
      {target = script.DIRECTORY .. "/" .. name, text = text, mode = scripts_of.EXECUTABLE})
  end
  if trace then
    table.insert(options.binds,
      {source = trace, target = script.DIRECTORY .. "/trace", read_only = false})
  end
  if jobs then
    options.fds[jobserver.FD] = {path = jobs.path, mode = "rw"}
    for name, value in pairs(jobs:environment()) do options.env[name] = value end
  end
  source_binds(workshop, node, options.binds, options.files)
  host_binds(d, node.task, layered, options.binds)
  if scripts.mixed then mixed.add(d, node.task, scripts.functions, options) end
  return options, scripts
end

-- Run it with its output going to the log and to whoever listens; the run script's report on a
-- failure is for us alone.
local function run(options, log_path, on_output, on_message)
  local _ <close> = check(core.lock(log_path, "exclusive")) -- for `moonsand log -f`: it is running
  local log <close> = check(core.open(log_path, "w"))
  local output = script.output(function(text)
    local from = 1
    while from <= #text do from = from + check(log:write(text, from)) end
    on_output(text)
  end, recipe.shell.is_mark)
  local failed
  local splitter = message.splitter(function(text) output:take(text) end, function(level, text)
    if level == "failed" then
      failed, level, text = text, "error", message.decode_failure(text).message
    else
      on_message(level, text)
    end
    local line = message.line(level, text)
    if line then output:insert(line) end
  end)
  options.stdout, options.stderr = "capture", "stdout"
  options.on_output = function(_, bytes) splitter:take(bytes) end
  local result = sandbox.new(options):run()
  splitter:finish()
  output:finish()
  return result, {text = output.marks, failed = failed}
end

---@class moonsand.build.Attempt
---@field setting moonsand.build.Setting
---@field scratch moonsand.Scratch
---@field log string                        name of the file that what it says goes to: "log.do_x"
---@field on_output fun(text: string)
---@field on_message fun(level: string, text: string)   from `bbwarn` and its kin
---@field made? fun(options: table, scripts: moonsand.build.Scripts)   before it runs: the last word

--- Run a task's scripts; what they write is in the scratch directory then, and nowhere else.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param attempt moonsand.build.Attempt
---@return moonsand.Result
---@return table? failure   command, cwd, where, exit_code, signal, message
function M.attempt(workshop, node, attempt)
  local trace = attempt.scratch.path .. "/trace"
  write(trace, "")
  local options, scripts = M.options(workshop, node, attempt.scratch, attempt.setting, trace)
  if attempt.made then attempt.made(options, scripts) end
  local log = names.fresh(names.place(workshop.directory, node.recipe), attempt.log)
  local result, marks = run(options, log, attempt.on_output, attempt.on_message)
  node.killed = result.outcome ~= "exit" or (result.leftovers or 0) > 0
  if result.ok then return result end
  return result, failure_of.describe(node, result, scripts, read(trace) or "", marks)
end

--- Make what the hooks of a task's root and sysroots make, or find it. What they say goes to the
--- task's log.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param setting moonsand.build.Setting   `hooks` and `sysroot_hooks` are filled
---@param on_output fun(text: string)
---@param on_message fun(level: string, text: string)
---@return table? failure
function M.hooks(workshop, node, setting, on_output, on_message)
  return hook.run(workshop, node, setting, function(one, scratch)
    return M.attempt(workshop, one, {setting = hook.bare(setting, one.hook), scratch = scratch,
      on_output = on_output, on_message = on_message, log = "log." .. node.task,
      made = function(_, scripts) scripts_of.save(workshop.directory, one, scripts) end})
  end)
end

--- Run a task over the layers of `over`. On success its upper becomes a work layer.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param on_output fun(text: string)
---@param on_message fun(level: string, text: string)   from `bbwarn` and its kin
---@return moonsand.Layer? layer
---@return table? failure   command, cwd, where, exit_code, signal, message, kept
function M.run(workshop, node, on_output, on_message)
  local setting = assert(M.setting(node))
  local unhooked = M.hooks(workshop, node, setting, on_output, on_message)
  if unhooked then return nil, unhooked end
  local scratch <close> = workshop.store:scratch()
  local observer
  local result, failure = M.attempt(workshop, node, {
    setting = setting, scratch = scratch, on_output = on_output, on_message = on_message,
    log = "log." .. node.task, made = function(options, scripts)
      observer = workshop.audit and observe.new(workshop, setting) or nil
      options.watch = observer and observer.watch
      options.observe = observer and observer.observe
      scripts_of.save(workshop.directory, node, scripts)
      names.note_order(names.place(workshop.directory, node.recipe), node.task)
    end,
  })
  node.usage = result.usage
  node.observed = observer and observer:finish(result, scratch.upper, M.path(workshop.directory,
    node, "log"))
  if not failure then
    local spare <close> = workshop.jobs:spare()
    return workshop.store:freeze(scratch, {over = setting.over, name = node.name,
      threads = 1 + spare.count})
  end
  if result.outcome ~= "setup_failed" then
    write(scratch.path .. "/failure", kept.encode(setting, failure))
    failure.kept = scratch:keep(node.name).path
  end
  return nil, failure
end

return M
