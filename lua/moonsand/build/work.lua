--- The run of a build: what is known is told, the rest is scheduled, everybody hears how it went.
local again = require "moonsand.build.again"
local audit = require "moonsand.build.audit"
local core = require "moonsand.core"
local estimate = require "moonsand.build.estimate"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local jobserver = require "moonsand.build.jobserver"
local journal = require "moonsand.build.journal"
local loop = require "moonsand.loop"
local observe = require "moonsand.build.observe"
local places = require "moonsand.build.names"
local order = require "moonsand.order"
local pressure = require "moonsand.build.pressure"
local request = require "moonsand.build.request"
local run = require "moonsand.build.run"
local sandbox = require "moonsand.sandbox"
local schedule = require "moonsand.build.schedule"
local scope = require "moonsand.scope"
local times = require "moonsand.build.times"
local read = require("moonsand.text").read

local M = {}

local PAUSE <const> = 0.2 -- seconds between two looks at who else builds

-- Garbage is collected again when so many percent of what was in use are; Lua would wait for 200.
local GARBAGE <const> = 125

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
  repeat
    loop.wait({}, PAUSE)
    lock = core.lock(path, "exclusive", "try")
  until lock
  return lock
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
        if not old or core.sha256(old) ~= node.intent then run.remember(self.directory, node) end
      end
      run.release(node)
    end
  end
end

--- The nodes that run, weighed by what they took before.
---@param self moonsand.build.Builder
---@param nodes moonsand.build.Node[]
---@return moonsand.build.Node[] list
---@return moonsand.build.Times
function M.weighed(self, nodes)
  local list, known = {}, times.open(self.directory)
  for _, node in ipairs(nodes) do
    if node.run then list[#list + 1] = node end
  end
  estimate.weigh(list, known)
  return list, known
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

-- While others wait for the machine nothing is started; it is said once each time. Nor while it
-- is not known what is to become of a failure.
local function holder(self)
  local limits = pressure.new(self.config.data)
  if not limits then
    return self.options.on_failure and function() return self.asking > 0 end or nil
  end
  local held
  return function()
    if self.asking > 0 then return true end
    local kind = limits:high()
    if kind and kind ~= held then
      self.events:send("note", {
        text = ("no task is started while the pressure on the %s is too high"):format(kind)})
    end
    held = kind
    return kind ~= nil
  end
end

local function has_scripts(list)
  for _, node in ipairs(list) do
    if node.kind == "task" then return true end
  end
  return false
end

-- Who interrupts a build need not see large directories being deleted: the next one does that.
local function ticker(self)
  local tick = self.options.tick
  return tick and function()
    local ok, problem = xpcall(tick, fault.traced)
    if ok then return end
    self.store:hurry()
    error(problem, 0)
  end
end

local function carry_out(self, list, checks)
  if #list + #checks == 0 then return {failed = {}, not_started = {}} end
  for _, name in ipairs(core.readdir(self.directory) or {}) do -- of builds that were killed
    if name:find "^jobs%.%d+$" then core.unlink(self.directory .. "/" .. name) end
  end
  -- When all that needs work is known, the pool would take longer than the rest.
  local pool <close> = (#checks > 0 or has_scripts(list))
    and jobserver.open(self.directory, self.jobs, make_pipe) or nil
  self.workshop = {
    store = self.store, fetcher = self.fetcher, directory = self.directory, jobs = pool,
    events = self.events,
    audit = self.options.audit, signatures = self.signatures,
  }
  self.progress = estimate.progress(list, self.jobs)
  local options = {
    nodes = list, jobs = self.jobs, tick = ticker(self), hold = holder(self),
    keep_going = function() return self.keep_going end,
    run = function(node, aside) return run.node(self, node, aside) end,
    meanwhile = function() self.store:tidy() end,
  }
  local outcome = schedule.run(options)
  if #outcome.failed == 0 or self.keep_going then again.run(self, checks, options) end
  self.workshop, self.progress = nil, nil
  return outcome
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
---@field findings? moonsand.build.Finding[]   with the option `audit`
---@field checked table[]                 the `task_checked` events of a build with `check`
---@field journal string                  the file with the events of this build

local function summarise(self, nodes, outcome, started)
  local ok = #outcome.failed == 0
  for _, one in ipairs(self.checked) do ok = ok and one.outcome ~= "differs" end
  local summary = {
    ok = ok, checked = self.checked, seconds = core.clock() - started, counts = self.counts,
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
    for _, hooked in ipairs(found.hooks or {}) do add(hooked.digest) end
    for _, digest in pairs(found.trees) do add(digest) end
  end
  self.store:remember(order.keys(digests))
end

-- What the tasks of one build share.
local function prepare(self, nodes)
  self.counts, self.failures = {ok = 0, cached = 0, skipped = 0, failed = 0}, {}
  self.checked = {}
  for _, name in ipairs(self.options.check and {"same", "differs", "excused"} or {}) do
    self.counts[name] = 0
  end
  self.asking = 0 -- how many failures wait for an answer
  self.locked = {} -- lock files that running tasks have
  self.jobs = math.max(1, math.tointeger(self.options.jobs) or 1)
  self.keep_going = self.options.keep_going
  for _, node in ipairs(nodes) do
    check(core.mkdirs(places.place(self.directory, node.recipe)))
  end
end

--- See Builder:run.
---@param self moonsand.build.Builder
---@param targets string[]
---@return moonsand.build.Summary
function M.run(self, targets)
  local undo <close> = scope.new()
  local started = core.clock()
  local before = collectgarbage("setpause", GARBAGE)
  undo:defer(function() collectgarbage("setpause", before) end)
  local nodes, _, checks = request.prepare(self, targets)
  local lock <close> = lock_directory(self) -- luacheck: ignore 211
  prepare(self, nodes)
  local written = journal.open(self.directory)
  undo:defer(self.events:listen(function(event) written:event(event) end))
  undo:defer(function() written:close() end)
  local list
  list, self.times = M.weighed(self, nodes)
  if self.options.audit == "full" and has_scripts(list) then observe.check_host() end
  self.events:send("build_started", {
    total = #nodes, run = #list, jobs = self.jobs, targets = targets,
    checks = self.options.check and #checks or nil,
    expected = estimate.wall(list, self.jobs), at = core.time_ns() // 1000000000,
  })
  report_known(self, nodes)
  local outcome = carry_out(self, list, checks)
  remember(self, nodes)
  local findings = self.options.audit and audit.run(self, nodes) or nil
  local summary = summarise(self, nodes, outcome, started)
  summary.journal, summary.findings = written.path, findings
  return summary
end

return M
