--- Builds: a request becomes a graph of tasks, what is known is taken from the store, the rest runs
--- in sandboxes. `build.new{...}:run{"busybox"}`; everything that happens is an event.
local core = require "moonsand.core"
local event = require "moonsand.build.event"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local fetch = require "moonsand.build.fetch"
local graph = require "moonsand.build.graph"
local host = require "moonsand.build.host"
local jobserver = require "moonsand.build.jobserver"
local layer = require "moonsand.layer"
local loop = require "moonsand.loop"
local order = require "moonsand.order"
local recipe = require "moonsand.recipe"
local resolve = require "moonsand.build.resolve"
local run = require "moonsand.build.run"
local sandbox = require "moonsand.sandbox"
local schedule = require "moonsand.build.schedule"
local script = require "moonsand.build.script"
local signature = require "moonsand.build.signature"
local sources = require "moonsand.build.source"
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

-- What a recipe's own spelling of host directories is replaced by in signatures.
local function directories_of(config)
  local list = {}
  local i = 0
  for directory in (config.data:get "BBPATH" or ""):gmatch "[^:]+" do
    i = i + 1
    list[("bbpath%d"):format(i)] = core.realpath(directory) or directory
  end
  list.topdir = config.data:get "TOPDIR"
  return signature.directories(list)
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

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- "zlib:do_compile", "zlib:compile" and "zlib" as names of nodes of the plan.
local function forced_names(list, nodes)
  local names = {}
  for _, node in ipairs(nodes) do names[node.name] = true end
  local forced = {}
  for _, word in ipairs(list or {}) do
    local name, task = graph.target(word)
    local full = name .. ":" .. graph.short(task or "do_build")
    if not names[full] then
      local near = fault.nearest(full, order.keys(names))
      fault.throw("usage", ("'%s' is no task of this build"):format(word),
        {hint = near and ("did you mean '%s'?"):format(near)})
    end
    forced[full] = true
  end
  return forced
end

-- Each task has a datastore of its own (its name is an override). Sources are read once a recipe,
-- and only of recipes whose tasks are in the plan.
local function attach_data(nodes)
  local lists = {}
  for _, node in ipairs(nodes) do
    node.data = recipe.task_data(node.recipe.data, node.task)
    local d = node.data
    if d:flag(node.task, "sources") or d:flag(node.task, "builtin") == "fetch" then
      lists[node.recipe] = lists[node.recipe] or sources.list(node.recipe)
      node.sources = lists[node.recipe]
    end
  end
end

local function have_sources(self, node)
  for _, source in ipairs(node.sources) do
    if not self.fetcher:find(source) then return false end
  end
  return true
end

-- From targets to nodes whose state is known.
local function prepare(self, targets)
  local tasks = graph.new {
    find = function(name) return self.config:find(name) end,
    names = function() return self.config:names() end,
    provided = words(self.config.data:get "ASSUME_PROVIDED"),
  }
  local nodes, wanted = tasks:plan(targets)
  attach_data(nodes)
  self.forced = forced_names(self.options.force, nodes)
  resolve.resolve(nodes, wanted, {
    store = self.store, forced = self.forced,
    fetched = function(node) return have_sources(self, node) end,
    salt = ("%d.%d"):format(core.time_ns(), core.getpid()),
    signatures = {
      layout = execute.LAYOUT, host = self.host, directories = directories_of(self.config),
    },
  })
  return nodes, wanted
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function reason(self, node)
  if self.forced[node.name] then return "asked for" end
  if node.fresh then return "it always runs" end
  local old = read(execute.path(self.directory, node, "signature"))
  if not old then return "not built yet" end
  return why.sentence(old, node.intent_text) or "its result is gone from the store"
end

local function state_of(node)
  return node.run and "run" or node.record and "cached" or "skipped"
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
  for i, node in ipairs((prepare(self, targets))) do
    local state = state_of(node)
    steps[i] = {
      task = node.name, state = state,
      why = state == "run" and node.kind ~= "noexec" and reason(self, node) or nil,
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

local function report_known(self, nodes)
  for _, node in ipairs(nodes) do
    local state = state_of(node)
    if state == "run" then
      node.why = node.kind ~= "noexec" and reason(self, node) or nil
    else
      node.outcome = state
      self.counts[state] = (self.counts[state] or 0) + 1
      self.events:send("task_ended", {
        task = node.name, outcome = state, seconds = 0,
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

--- Build. Faults of recipes are thrown before anything runs; a failed task is in the summary.
---@param targets string[]   "zlib", "zlib:compile", "zlib:do_compile"
---@return moonsand.build.Summary
function Builder:run(targets)
  local started = core.clock()
  local nodes = prepare(self, targets)
  local lock <close> = lock_directory(self) -- luacheck: ignore 211
  self.counts, self.failures = {ok = 0, cached = 0, skipped = 0, failed = 0}, {}
  for _, node in ipairs(nodes) do
    check(core.mkdirs(("%s/%s"):format(self.directory, node.recipe.name)))
  end
  self.events:send("build_started", {total = #nodes, targets = targets})
  report_known(self, nodes)
  return summarise(self, nodes, carry_out(self, to_run(nodes)), started)
end

-- A task that ended well is entered at its end, another one at its start.
local function setting_of(node)
  local setting = execute.setting(node)
  if setting and node.record and node.record.layer then
    table.insert(setting.over, 1, node.record.layer)
  end
  return setting
end

---@class moonsand.build.Entry
---@field state "failed"|"ended"|"start"   what one finds
---@field failure? {command?: string, cwd?: string, where?: string}

--- The sandbox of a task for a person to go into: as it stopped, when it failed; as it ended; or as
--- it would start. What is written there changes no result; a failed one keeps it.
---@param task string   "zlib:compile"
---@return table options   for `moonsand.sandbox`.new: a shell with the task's variables
---@return moonsand.build.Entry entry
function Builder:enter(task)
  local _, wanted = prepare(self, {task})
  local node = wanted[1]
  if node.kind ~= "task" then
    fault.throw("usage", ("'%s' has no script and so no sandbox"):format(node.name),
      {hint = "enter another task of the recipe: " .. node.recipe.name .. ":compile"})
  end
  local kept = self.store:kept(node.name)
  local setting, failure = enter.decode(kept and read(kept.path .. "/failure"))
  if not setting then kept, setting = nil, setting_of(node) end
  if not setting then
    fault.throw("usage", ("what '%s' starts from is not built yet"):format(node.name),
      {hint = "moonsand build " .. node.name})
  end
  -- No workdir: a volatile overlay leaves one behind that the kernel refuses the next time.
  local scratch = kept and {upper = kept.upper}
  local workshop = {store = self.store, fetcher = self.fetcher, directory = self.directory}
  local options = execute.options(workshop, node, scratch, setting)
  local directory = "/work"
  for word in (node.data:flag(node.task, "dirs") or ""):gmatch "%S+" do directory = word end
  table.insert(options.files, {
    target = script.DIRECTORY .. "/greeting", text = enter.greeting {
      task = node.name, failure = failure, cwd = directory,
      variables = recipe.shell.emit(node.data, node.task):match "^(.-)\n*# line: ",
    },
  })
  options.command = {
    "/bin/bash", "--noprofile", "--rcfile", script.DIRECTORY .. "/greeting", "-i",
  }
  return options, {
    state = kept and "failed" or node.record and "ended" or "start", failure = failure,
  }
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
