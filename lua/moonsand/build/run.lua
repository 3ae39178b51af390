--- One task of a build, from its turn to its result: a known result is taken, else it is made; then
--- the records are written and everybody is told.
local collect = require "moonsand.build.collect"
local core = require "moonsand.core"
local decide = require "moonsand.build.decide"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local inputs = require "moonsand.build.inputs"
local intent = require "moonsand.build.intent"
local loop = require "moonsand.loop"
local observe = require "moonsand.build.observe"
local record = require "moonsand.build.record"
local resolve = require "moonsand.build.resolve"
local scope = require "moonsand.scope"
local scripts = require "moonsand.build.scripts"
local signature = require "moonsand.build.signature"
local variables = require "moonsand.build.variables"
local why = require "moonsand.build.why"
local words = require("moonsand.text").words

local M = {}

local LOCK_PAUSE <const> = 0.2 -- seconds

local function write(path, text)
  local handle, message = io.open(path, "wb")
  if not handle then fault.throw("fs", message) end
  handle:write(text)
  handle:close()
end

local runners = {}

function runners.task(build, node)
  local frozen, failure = execute.run(build.workshop, node, function(text)
    build.events:send("task_log", {task = node.name, text = text})
  end, function(level, text)
    if level == "progress" then
      build.events:send("task_progress", {task = node.name, percent = tonumber(text)})
    else
      build.events:send("task_message", {task = node.name, level = level, text = text})
    end
  end)
  if not frozen then return nil, failure end
  local spare <close> = build.workshop.jobs:spare()
  local trees = collect.run(build.store, node, frozen, 1 + spare.count)
  return {layer = frozen.digest, trees = trees}
end

function runners.collect(build, node)
  return {trees = collect.run(build.store, node)}
end

function runners.fetch(build, node)
  local lines = {}
  for _, source in ipairs(node.sources) do
    local path, how = build.workshop.fetcher:get(source)
    lines[#lines + 1] = ("%s: %s (%s)\n"):format(source.file, path, how)
  end
  write(execute.path(build.directory, node, "log"), table.concat(lines))
  return {trees = {}}
end

-- A fault is a failed task; anything else is a bug and goes on up.
local function attempt(build, node)
  local ok, result, failure = xpcall(runners[node.kind], fault.traced, build, node)
  if ok then return result, failure end
  if not fault.is(result) then error(result, 0) end
  local log = execute.path(build.directory, node, "log")
  if not core.stat(log) or node.kind ~= "task" then write(log, tostring(result) .. "\n") end
  return nil, {message = result.message, where = result.where, hint = result.hint}
end

local function ended(build, node, fields)
  node.outcome = fields.outcome
  build.progress:done(node)
  fields.task, fields.left = node.name, build.progress:left()
  build.counts[fields.outcome] = (build.counts[fields.outcome] or 0) + 1
  build.events:send("task_ended", fields)
end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a" or ""
end

-- A key says what the host was when the build began. What is made on another one is used by what
-- needs it in this build, and known to no other.
local function is_false(build)
  if not build.host_changed() then return false end
  if not build.told_of_host then
    build.told_of_host = true
    build.events:send("note", {text = "packages of this host were installed or removed while it " ..
      "was built: what is made from now on is not kept as a result; build again"})
  end
  return true
end

-- What the action key is the digest of, and the decision, are texts. The log goes along: a result
-- that is found from another build directory still has one.
local function save(build, node, texts, result, seconds)
  node.record = {
    task = node.name, action = node.action, layer = result.layer, trees = result.trees,
    over = resolve.over(node), hooks = node.hooked, seconds = seconds,
    taint = not node.roots and "host" or nil,
  }
  if is_false(build) then return end
  build.store:put_record("log", "signature." .. node.action, texts.action)
  build.store:put_record("log", "why." .. node.action, texts.decision)
  if node.kind == "task" then
    build.store:put_record("log", node.action, read(execute.path(build.directory, node, "log")))
  end
  if node.observed then
    build.store:put_record("log", "audit." .. node.action, observe.encode(node.observed))
  end
  build.store:put_record("action", node.action, record.encode(node.record))
  build.store:put_record("intent", node.intent, node.action .. "\n")
  intent.keep(build.store, node)
end

--- Keep the text of a task's signature in the build directory, to tell later what changed.
---@param directory string
---@param node moonsand.build.Node
function M.remember(directory, node)
  write(execute.path(directory, node, "signature"), signature.intent(node))
end

-- Written before it runs: the answer is there also when it fails, or when nobody sees its end.
local function decided(build, node)
  local decision = decide.of(build, node)
  node.why = why.sentence(decision)
  local text = decide.encode(decision)
  write(execute.path(build.directory, node, "why"), text)
  return text
end

-- Everything below is done: was anything made, or was all of it there?
local function finish_noexec(build, node)
  if core.sha256(read(execute.path(build.directory, node, "signature"))) ~= node.intent then
    decided(build, node)
    M.remember(build.directory, node)
  end
  local outcome = "cached"
  for _, edge in ipairs(node.needs) do
    if edge.node.outcome == "ok" then outcome = "ok" end
  end
  ended(build, node, {outcome = outcome, seconds = 0})
  return true
end

local function take_known(build, node)
  if node.kind == "fetch" or node.fresh or build.forced[node.name] then return false end
  local found = resolve.action(build.store, node.action)
  if not found or found.alone then return false end
  node.record = found
  if not is_false(build) then
    build.store:put_record("intent", node.intent, node.action .. "\n")
    intent.keep(build.store, node)
  end
  M.remember(build.directory, node)
  ended(build, node, {
    outcome = "cached", seconds = 0, why = "what it is made from came out the same",
  })
  return true
end

-- Two builds that want the same result make it once. Few names, because each leaves a file.
local function lock_action(build, node, aside)
  local name = "action." .. node.action:sub(1, 3)
  local lock = build.store:lock(name, "try")
  if lock then return lock end
  build.events:send("task_waiting", {task = node.name})
  aside(function()
    repeat
      loop.wait({}, LOCK_PAUSE)
      lock = build.store:lock(name, "try")
    until lock
  end)
  return lock
end

-- The tasks that ran in this build before it could.
local function waited_for(node)
  local list = {}
  for _, edge in ipairs(node.needs) do
    if edge.node.outcome == "ok" then list[#list + 1] = edge.node.name end
  end
  return list
end

local function tell_start(build, node)
  build.progress:start(node)
  build.events:send("task_started", {
    task = node.name, why = node.why, slot = node.slot, needs = waited_for(node),
    expected = node.timed and node.seconds or nil, left = build.progress:left(),
  })
end

--- [lockfiles] of a task's functions: tasks that name the same file do not run at the same time.
--- All at once, so nobody holds one and waits for another.
---@param build table   the builder, running
---@param node moonsand.build.Node
---@return fun() unlock
function M.lock_files(build, node)
  local list, d = {}, variables.of(node)
  for _, name in ipairs(node.kind == "task" and scripts.functions(node) or {}) do
    for _, file in ipairs(words(d:flag(name, "lockfiles"))) do list[#list + 1] = file end
  end
  local locked = build.locked
  local function taken()
    for _, file in ipairs(list) do
      if locked[file] then return true end
    end
  end
  while taken() do loop.wait({}, LOCK_PAUSE) end
  for _, file in ipairs(list) do locked[file] = true end
  return function()
    for _, file in ipairs(list) do locked[file] = nil end
  end
end

-- Make a result; whoever waits for a job token has not started yet.
local function make(build, node)
  local undo <close> = scope.new()
  undo:defer(M.lock_files(build, node))
  if node.kind == "task" then
    build.workshop.jobs:take()
    undo:defer(function() build.workshop.jobs:give(node.killed) end)
  end
  local started = core.clock()
  tell_start(build, node)
  local result, failure = attempt(build, node)
  return result, failure, core.clock() - started
end

-- What is told of the end of a task that ran.
local function told(build, node, outcome, seconds, fields)
  local log, usage = execute.path(build.directory, node, "log"), node.usage
  fields.outcome, fields.seconds, fields.why, fields.slot = outcome, seconds, node.why, node.slot
  fields.log = core.stat(log) and log or nil
  fields.cpu = usage and usage.user + usage.system
  fields.memory = usage and (usage.memory_peak or usage.max_rss)
  return fields
end

-- Nothing is started while somebody is asked; what runs goes on.
local function ask(build, failure)
  if not build.options.on_failure then return nil end
  build.asking = build.asking + 1
  local answer = build.options.on_failure(failure)
  build.asking = build.asking - 1
  return answer
end

-- A failure; somebody who watches may want the task to be tried again.
local function failed(build, node, failure, seconds)
  told(build, node, "failed", seconds, failure)
  failure.task = node.name
  local answer = ask(build, failure)
  if answer == "retry" then return "retry" end
  if answer then build.keep_going = answer == "keep-going" end
  build.failures[#build.failures + 1] = failure
  ended(build, node, failure)
  return "failed"
end

-- The same task of another configuration has just been done.
local function take_twin(build, node)
  local twin = node.twin
  node.record, node.action = twin.record, twin.action
  M.remember(build.directory, node)
  ended(build, node, {outcome = "cached", seconds = 0,
    why = ("the same as %s"):format(twin.name)})
  return true
end

local function run(build, node, aside)
  if node.kind == "noexec" then return finish_noexec(build, node) end
  if node.twin then return take_twin(build, node) end
  node.mounted = inputs.mounted(node)
  local texts = {}
  node.action, texts.action = signature.action(node, node.mounted)
  local lock <close> = lock_action(build, node, aside) -- luacheck: ignore 211
  if take_known(build, node) then return true end
  texts.decision = decided(build, node)
  local result, failure, seconds
  repeat
    result, failure, seconds = make(build, node)
  until result or failed(build, node, failure, seconds) == "failed"
  if not result then return false end
  save(build, node, texts, result, seconds)
  M.remember(build.directory, node)
  build.times:took(node, seconds)
  ended(build, node, told(build, node, "ok", seconds, {}))
  return true
end

--- Let go of what only the run of a node needs.
---@param node moonsand.build.Node
function M.release(node)
  variables.release(node)
  node.base, node.mounted = nil, nil
end

--- Run one node, or take its known result. A coroutine of the loop.
---@param build table   the builder, running
---@param node moonsand.build.Node
---@param aside fun(wait: fun())   waits for somebody else, while another node runs in its place
---@return boolean ok
function M.node(build, node, aside)
  local ok = run(build, node, aside)
  M.release(node)
  return ok
end

return M
