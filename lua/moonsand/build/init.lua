--- Builds: a request becomes a graph of tasks, what is known is taken from the store, the rest runs
--- in sandboxes. `build.new{...}:run{"busybox"}`; everything that happens is an event.
local closure = require "moonsand.build.closure"
local core = require "moonsand.core"
local decide = require "moonsand.build.decide"
local enter = require "moonsand.build.enter"
local event = require "moonsand.build.event"
local execute = require "moonsand.build.execute"
local explain = require "moonsand.build.explain"
local fault = require "moonsand.fault"
local fetch = require "moonsand.build.fetch"
local host = require "moonsand.build.host"
local jobserver = require "moonsand.build.jobserver"
local layer = require "moonsand.layer"
local log = require "moonsand.build.log"
local loop = require "moonsand.loop"
local order = require "moonsand.order"
local request = require "moonsand.build.request"
local run = require "moonsand.build.run"
local sandbox = require "moonsand.sandbox"
local schedule = require "moonsand.build.schedule"
local read = require("moonsand.text").read
local why = require "moonsand.build.why"

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
---@field force? string[]                  tasks that run although a result is known
---@field environment? table<string, string>  for fetching: proxies
---@field sync? "each"|"batch"|"off"       how the store is opened, when it is given as a path
---@field host? table<string, string>      identity of the host; read from it unless given

local known = {
  config = "table", store = true, downloads = "string", directory = "string", emit = "function",
  tick = "function", jobs = "number", keep_going = "boolean", force = "table",
  environment = "table", host = "table", sync = "string",
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
  local self = setmetatable({
    options = options, config = options.config, store = store, own_store = own,
    directory = directory, events = event.new(options.emit, core.clock),
    host = options.host or host.identity(),
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

---@class moonsand.build.Step
---@field task string
---@field state "run"|"cached"|"skipped"
---@field why? string

--- What a build of these targets would do, in order. Nothing is run.
---@param targets string[]   "zlib", "zlib:compile"
---@return moonsand.build.Step[]
function Builder:plan(targets)
  local steps = {}
  for i, node in ipairs((request.prepare(self, targets))) do
    local state = request.state(node)
    steps[i] = {
      task = node.name, state = state,
      why = state == "run" and node.kind ~= "noexec" and why.sentence(decide.of(self, node)) or nil,
    }
  end
  return steps
end

local function check(ok, message, errno)
  if not ok then fault.throw("fs", message, {errno = errno}) end
  return ok
end

-- One build at a time in a build directory: its logs would mix.
local function lock_directory(self)
  check(core.mkdirs(self.directory))
  local path = self.directory .. "/lock"
  local lock = core.lock(path, "exclusive", "try")
  if lock then return lock end
  self.events:send("note", {text = ("waiting for another build in %s"):format(self.directory)})
  return check(core.lock(path, "exclusive"))
end

local function known_log(self, node)
  local path = node.record and self.store:record_path("log", node.record.action)
  return path and core.stat(path) and path or nil
end

local function report_known(self, nodes)
  for _, node in ipairs(nodes) do
    local state = request.state(node)
    if state ~= "run" then
      node.outcome = state
      self.counts[state] = (self.counts[state] or 0) + 1
      self.events:send("task_ended", {
        task = node.name, outcome = state, seconds = 0, log = known_log(self, node),
        why = state == "skipped" and "nobody needs it" or nil,
      })
      if state == "cached" then
        local old = read(execute.path(self.directory, node, "signature"))
        if old ~= node.intent_text then run.remember(self.directory, node) end
      end
    end
  end
end

local function to_run(nodes)
  local list = {}
  for _, node in ipairs(nodes) do
    if node.run then list[#list + 1] = node end
  end
  return list
end

local function make_pipe(path)
  local directory, name = path:match "^(.*)/([^/]+)$"
  local result = sandbox.new {
    command = {"mkfifo", "-m", "600", "/pipe/" .. name},
    binds = {{source = directory, target = "/pipe", read_only = false}},
  }:run()
  if not result.ok then
    fault.throw("sandbox", "the pipe for job tokens: " .. (result.message or result.stderr),
      {hint = "moonsand doctor"})
  end
end

local function carry_out(self, list)
  if #list == 0 then return {failed = {}, not_started = {}} end
  local jobs = math.max(1, math.tointeger(self.options.jobs) or 1)
  for _, name in ipairs(core.readdir(self.directory) or {}) do -- of builds that were killed
    if name:find "^jobs%.%d+$" then core.unlink(self.directory .. "/" .. name) end
  end
  local pool <close> = jobserver.open(self.directory, jobs, make_pipe)
  self.workshop = {
    store = self.store, fetcher = self.fetcher, directory = self.directory, jobs = pool,
  }
  return schedule.run {
    nodes = list, jobs = jobs, keep_going = self.options.keep_going, tick = self.options.tick,
    run = function(node) return run.node(self, node) end,
  }
end

local function names(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = node.name end
  return list
end

---@class moonsand.build.Summary
---@field ok boolean
---@field seconds number
---@field counts table<string, integer>   ok, cached, skipped, failed, not_started
---@field outcomes table<string, string>  task -> outcome
---@field results table<string, moonsand.build.Record>
---@field failures table[]                the `task_ended` events of failed tasks
---@field not_started string[]

local function summarise(self, nodes, outcome, started)
  local summary = {
    ok = #outcome.failed == 0, seconds = core.clock() - started, counts = self.counts,
    outcomes = {}, results = {}, failures = self.failures, not_started = names(outcome.not_started),
  }
  summary.counts.not_started = #outcome.not_started
  for _, node in ipairs(nodes) do
    summary.outcomes[node.name] = node.outcome
    summary.results[node.name] = node.record
  end
  self.events:send("build_ended", {
    ok = summary.ok, seconds = summary.seconds, counts = summary.counts,
  })
  return summary
end

-- A collection spares what the last builds came to.
local function remember(self, nodes)
  local digests = {}
  local function add(digest)
    if digest then digests[digest] = true end
  end
  for _, node in ipairs(nodes) do
    local found = node.record or {over = {}, trees = {}}
    add(found.layer)
    for _, digest in ipairs(found.over) do add(digest) end
    for _, digest in pairs(found.trees) do add(digest) end
  end
  self.store:remember(order.keys(digests))
end

--- Build. Faults of recipes are thrown before anything runs; a failed task is in the summary.
---@param targets string[]   "zlib", "zlib:compile", "zlib:do_compile"
---@return moonsand.build.Summary
function Builder:run(targets)
  local started = core.clock()
  local nodes = request.prepare(self, targets)
  local lock <close> = lock_directory(self) -- luacheck: ignore 211
  self.counts, self.failures = {ok = 0, cached = 0, skipped = 0, failed = 0}, {}
  for _, node in ipairs(nodes) do
    check(core.mkdirs(("%s/%s"):format(self.directory, node.recipe.name)))
  end
  self.events:send("build_started", {total = #nodes, targets = targets})
  report_known(self, nodes)
  local outcome = carry_out(self, to_run(nodes))
  remember(self, nodes)
  return summarise(self, nodes, outcome, started)
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
  return closure.of(wanted[1])
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
