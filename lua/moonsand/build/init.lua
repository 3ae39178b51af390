--- Builds: a request becomes a graph of tasks, what is known is taken from the store, the rest runs
--- in sandboxes. `build.new{...}:run{"busybox"}`; everything that happens is an event.
local closure = require "moonsand.build.closure"
local core = require "moonsand.core"
local decide = require "moonsand.build.decide"
local enter = require "moonsand.build.enter"
local estimate = require "moonsand.build.estimate"
local event = require "moonsand.build.event"
local execute = require "moonsand.build.execute"
local explain = require "moonsand.build.explain"
local fault = require "moonsand.fault"
local fetch = require "moonsand.build.fetch"
local hook = require "moonsand.build.hook"
local host = require "moonsand.build.host"
local layer = require "moonsand.layer"
local log = require "moonsand.build.log"
local loop = require "moonsand.loop"
local order = require "moonsand.order"
local request = require "moonsand.build.request"
local sandbox = require "moonsand.sandbox"
local variables = require "moonsand.build.variables"
local why = require "moonsand.build.why"
local work = require "moonsand.build.work"

local M = {}

---@class moonsand.build.Options
---@field config table                     from `moonsand.recipe`.configure
---@field store string|moonsand.Store      where layers and results are kept
---@field downloads string                 the download directory
---@field directory? string                logs and run scripts; by default "build" beside the store
---@field emit? fun(event: moonsand.build.Event)
---@field tick? fun()                      called now and then while tasks run
---@field jobs? integer                    tasks, and makes inside them, at a time; 1 unless given
---@field keep_going? boolean              after a failure, go on with what does not depend on it
---@field on_failure? fun(event: moonsand.build.Event): string?   asked at each failure, before it
---  is told: "stop", "keep-going", or "retry": the task is run again
---@field until_task? string               of each recipe only the tasks up to this one: "fetch"
---@field force? string[]                  tasks that run although a result is known
---@field check? boolean                   run every task of the recipes that are asked for once
---  more, and compare the results
---@field environment? table<string, string>  for fetching: proxies
---@field audit? boolean|"full"           look at what tasks open of their dependencies: `findings`;
---  full: also at what they use of the host, and look for in vain
---@field sync? "each"|"batch"|"off"       how the store is opened, when it is given as a path
---@field host? table<string, string>      identity of the host; read from it unless given

local known = {
  config = "table", store = true, downloads = "string", directory = "string", emit = "function",
  tick = "function", on_failure = "function", until_task = "string",
  jobs = "number", keep_going = "boolean", check = "boolean", force = "table",
  environment = "table", host = "table", sync = "string", audit = true,
}

---@class moonsand.build.Builder
---@field store moonsand.Store
---@field directory string
local Builder = {__name = "moonsand.build.Builder"}
Builder.__index = Builder

function Builder:__tostring()
  return "build in " .. self.directory
end

local function check_options(options)
  for name, value in order.sorted(options) do
    local kind = known[name]
    if not kind then
      local near = fault.nearest(tostring(name), order.keys(known))
      fault.throw("usage", ("build: unknown option '%s'"):format(tostring(name)),
        {hint = near and ("did you mean '%s'?"):format(near)})
    end
    if kind ~= true and type(value) ~= kind then
      fault.throw("usage", ("build: '%s' must be a %s"):format(name, kind))
    end
  end
  local audit = options.audit
  if audit ~= nil and type(audit) ~= "boolean" and audit ~= "full" then
    fault.throw("usage", "build: 'audit' must be true, false or \"full\"")
  end
  for _, name in ipairs {"config", "store", "downloads"} do
    if options[name] == nil then
      fault.throw("usage", ("build: the option '%s' is missing"):format(name))
    end
  end
end

--- A builder. Close it when it opened the store itself (a path was given).
---@param options moonsand.build.Options
---@return moonsand.build.Builder
function M.new(options)
  check_options(options)
  local own = type(options.store) == "string"
  local store = own and layer.open(options.store, {sync = options.sync}) or options.store
  local directory = options.directory or (store.path:match "^(.*)/[^/]+$" or ".") .. "/build"
  local identity, changed = options.host, function() return false end
  if not identity then identity, changed = host.watch() end
  local self = setmetatable({
    options = options, config = options.config, store = store, own_store = own,
    directory = directory, events = event.new(options.emit, core.clock),
    host = identity, host_changed = changed,
  }, Builder)
  self.fetcher = fetch.new {
    downloads = options.downloads, environment = options.environment,
    run = function(box) return sandbox.new(box):run() end,
    pause = function(seconds) loop.wait({}, seconds) end,
    note = function(text) self.events:send("note", {text = text}) end,
  }
  return self
end

--- Let go of the store, when the builder opened it.
function Builder:close()
  if self.own_store and self.store then self.store:close() end
  self.store = nil
end

function Builder:__close()
  self:close()
end

-- Has a task without work nothing to stand for?
local function nothing_runs(node)
  for _, edge in ipairs(node.needs) do
    if edge.node.run and not edge.node.idle then return false end
  end
  return true
end

-- What is called for is in the layers of root and sysroots, so while one of these is to be made it
-- is not known, nor after a hook that has to run.
local function hooks_of(self, node)
  local setting = #hook.nodes(node) > 0 and execute.setting(node)
  if not setting then return nil end
  local list = hook.find({store = self.store, signatures = self.signatures}, node, setting)
  for i, one in ipairs(list) do
    list[i] = {name = one.name, state = one.digest and "cached" or "run"}
  end
  return #list > 0 and list or nil
end

---@class moonsand.build.Step
---@field task string
---@field state "run"|"cached"|"skipped"
---@field why? string
---@field seconds? number    what it will take, when it runs
---@field known? boolean     and it ran before, so that this is no guess
---@field decision? moonsand.build.Decision
---@field hooks? {name: string, state: "run"|"cached"}[]   of its root and sysroots, as far as that
---  is known before what these are made of is there

--- What a build of these targets would do, in order. Nothing is run. A task that waits for others
--- may be found in the store after all, when these come out the same.
---@param targets string[]   "zlib", "zlib:compile"
---@return moonsand.build.Step[]
---@return number seconds    what the whole build will take
function Builder:plan(targets)
  local steps, nodes = {}, (request.prepare(self, targets))
  local list = work.weighed(self, nodes)
  for i, node in ipairs(nodes) do
    local step = {task = node.name, state = request.state(node)}
    node.idle = node.kind == "noexec" and nothing_runs(node)
    if node.idle then
      step.state = "cached"
    elseif node.run and node.twin then
      step.state, step.why = "cached", ("the same as %s"):format(node.twin.name)
    elseif node.run then
      step.seconds, step.known = node.seconds, node.timed
      step.decision = node.kind ~= "noexec" and decide.of(self, node) or nil
      step.why = step.decision and why.sentence(step.decision)
      step.hooks = hooks_of(self, node)
      variables.release(node)
    end
    steps[i] = step
  end
  return steps, estimate.wall(list, math.max(1, math.tointeger(self.options.jobs) or 1))
end

--- Build. Faults of recipes are thrown before anything runs; a failed task is in the summary.
---@param targets string[]   "zlib", "zlib:compile", "zlib:do_compile", "world"
---@return moonsand.build.Summary
function Builder:run(targets)
  return work.run(self, targets)
end

--- The sandbox of a task for a person to go into: as it stopped, when it failed; as it ended; or as
--- it would start. What is written there changes no result; a failed one keeps it.
---@param task string   "zlib:compile"
---@return table options   for `moonsand.sandbox`.new: a shell with the task's variables
---@return moonsand.build.Entry entry
function Builder:enter(task)
  local _, wanted = request.prepare(self, {task})
  return enter.options(self, wanted[1])
end

--- A task with what is known of it, for `moonsand.build.diff`.
---@param task string   "zlib:compile"
---@return moonsand.build.Node
function Builder:node(task)
  local _, wanted = request.prepare(self, {task})
  return wanted[1]
end

--- The log of a task: of its last run in this directory, else of the run that made its result.
---@param task string   "zlib:compile"
---@return string path
function Builder:log(task)
  local _, wanted = request.prepare(self, {task})
  return log.of(self, wanted[1])
end

--- Why a task last ran, followed to what somebody changed; nil when it has no result. The result of
--- another build directory has the answer of that one.
---@param task string   "zlib:compile"
---@return moonsand.build.Explanation?
function Builder:why(task)
  local decision = explain.find(self.directory, task)
  if not decision then
    local _, wanted = request.prepare(self, {task})
    local node = wanted[1]
    decision = explain.find(self.directory, node.name)
      or node.record and decide.decode(self.store:record("log", "why." .. node.record.action))
  end
  local place = {directory = self.directory, store = function() return self.store end}
  return decision and explain.follow(place, decision)
end

--- What belongs to the result of a task, for `store:export`. It is held as long as the builder.
---@param task string   "zlib:install"
---@return moonsand.Closure
function Builder:closure(task)
  local _, wanted = request.prepare(self, {task})
  if #wanted ~= 1 then
    fault.throw("usage", ("'%s' is a recipe; a result is that of one task"):format(task),
      {hint = "moonsand tasks " .. task})
  end
  return closure.of(wanted[1], self.store)
end

--- Pin the result of a task under a name: a collection does not take it.
---@param name string
---@param task string
---@return string[] digests
function Builder:pin(name, task)
  local digests = closure.digests(self:closure(task))
  self.store:pin(name, digests)
  return digests
end

--- A tree of a result: `b:tree(summary, "busybox:install", "outputs").path`.
---@param summary moonsand.build.Summary
---@param task string
---@param name string   "outputs" or "sysroot"
---@return moonsand.Layer
function Builder:tree(summary, task, name)
  local found = summary.results[task]
  local digest = found and found.trees[name]
  local tree = digest and self.store:tree(digest)
  if not tree then
    fault.throw("usage", ("'%s' left no tree '%s' in this build"):format(task, name), {
      hint = "busybox:install, for one, has 'outputs', busybox:populate_sysroot has 'sysroot'",
    })
  end
  return tree
end

return M
