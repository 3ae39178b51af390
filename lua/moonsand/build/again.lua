--- `check`: a task whose result is known is run once more, elsewhere, later and over files that are
--- listed in another order, and both results are compared. The second one is never stored.
local clue = require "moonsand.build.clue"
local core = require "moonsand.core"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local layer = require "moonsand.layer"
local loop = require "moonsand.loop"
local run = require "moonsand.build.run"
local schedule = require "moonsand.build.schedule"
local scope = require "moonsand.scope"
local variables = require "moonsand.build.variables"

local M = {}

local LATER <const> = 1100000000 -- nanoseconds: the clock shows another second by then
local MOST <const> = 20 -- differences that are told

-- In the scratch of the second run.
local PLACE <const> = "/another-place"
local HALVES = {"/first-half", "/second-half"}

-- The flag of a task that says why it comes out otherwise each time.
local FLAG <const> = "unreproducible"

local function excuse(node)
  local reason = variables.of(node):flag(node.task, FLAG)
  return reason and reason ~= "" and reason ~= "0" and reason or nil
end

-- The same paths inside; outside it is another directory, and a longer one.
local function elsewhere(store)
  local scratch = store:scratch()
  local place = scratch.path .. PLACE
  for _, name in ipairs {"", "/upper", "/work"} do
    fault.unless("fs", core.mkdir(place .. name, 493)) -- 0755
  end
  scratch.upper, scratch.work = place .. "/upper", place .. "/work"
  return scratch
end

-- But for the first few.
local function reversed(list, few)
  local other = table.move(list, 1, few, 1, {})
  for i = #list, few + 1, -1 do other[#other + 1] = list[i] end
  return other
end

-- Process ids are part of no result, but a task may write its own into one. (The last word keeps
-- the shell from becoming the command.)
local SHIFT <const> = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do :& done; wait; "$@"; exit $?'

-- How many layers of hooks lie on a sysroot, which stay on top.
local function hooks_on(setting, target)
  local made = setting.sysroot_hooks or {}
  for kind, place in pairs(execute.SYSROOTS) do
    if place == target then return #(made[kind] or {}) end
  end
  return 0
end

-- Another sandbox that should make no difference: sysroots agree about what they share, so their
-- order is free, and /work is listed in two halves.
local function disturb(store, setting, scratch, options)
  for _, overlay in ipairs(options.overlays) do
    if overlay.target == "/work" then
      local layers = {}
      for i, digest in ipairs(setting.over) do layers[i] = assert(store:layer(digest)) end
      overlay.lower = layer.apart(layers, scratch.path .. HALVES[1], scratch.path .. HALVES[2])
    elseif overlay.target ~= "/" then
      overlay.lower = reversed(overlay.lower, hooks_on(setting, overlay.target))
    end
  end
  if setting.trees.root then return end
  options.command = {"/bin/bash", "--noprofile", "--norc", "-c", SHIFT, "again",
    table.unpack(options.command)}
end

local function wait_for_another_second(store, node)
  local st = core.stat(store:record_path("action", node.record.action))
  local left = st and st.mtime_ns + LATER - core.time_ns() or 0
  if left > 0 and left <= LATER then loop.wait({}, left / 1000000000) end
end

-- What is told of one difference: bytes become texts, and what they hint at.
local function told(store, known, scratch, one)
  local more = {path = one.path, what = one.what, old = one.old, new = one.new, name = one.name,
    offset = one.offset}
  if one.offset then
    local at = math.min(one.offset, layer.AROUND) + 1
    more.old_text, more.new_text = clue.piece(one.old_bytes, at), clue.piece(one.new_bytes, at)
    more.clues = clue.of {difference = one, old = known.path .. one.path,
      new = scratch.upper .. one.path, places = {store.path}}
    if #more.clues == 0 then more.clues = nil end
  end
  return more
end

local function compare(store, node, setting, scratch)
  local known = assert(store:layer(node.record.layer))
  local list, few = layer.contrast(known, scratch.upper, setting.over), {}
  for i = 1, math.min(#list, MOST) do few[i] = told(store, known, scratch, list[i]) end
  return few, #list
end

-- What the task wrote, for a person to look at; nothing else of the scratch is of use.
local function keep(node, scratch)
  local path = scratch.path
  for _, name in ipairs(HALVES) do fault.unless("fs", core.remove_tree(path .. name)) end
  scratch.work = path .. "/work"
  return scratch:keep(node.name .. ".again").path .. PLACE .. "/upper"
end

-- Over the same root, with what its hooks made.
local function again_at(build, node, options)
  local failure = execute.hooks(build.workshop, node, options.setting, options.on_output,
    options.on_message)
  if failure then return nil, failure end
  return execute.attempt(build.workshop, node, options)
end

local function attempt(build, node, scratch, setting)
  local undo <close> = scope.new()
  undo:defer(run.lock_files(build, node))
  build.workshop.jobs:take()
  undo:defer(function() build.workshop.jobs:give(node.killed) end)
  local ok, result, failure = xpcall(again_at, fault.traced, build, node, {
    setting = setting, scratch = scratch, log = "check." .. node.task,
    on_output = function(text) build.events:send("task_log", {task = node.name, text = text}) end,
    on_message = function() end,
    made = function(options) disturb(build.store, setting, scratch, options) end,
  })
  if ok then return failure end
  if not fault.is(result) then error(result, 0) end
  return {message = result.message, where = result.where, hint = result.hint}
end

local function ended(build, node, fields, started)
  local log = execute.path(build.directory, node, "check")
  fields.task, fields.seconds = node.name, core.clock() - started
  fields.where = fields.where or graph.place(node.recipe, node.task)
  fields.log = core.stat(log) and log or nil
  build.counts[fields.outcome] = (build.counts[fields.outcome] or 0) + 1
  build.checked[#build.checked + 1] = fields
  build.events:send("task_checked", fields)
end

-- Run a node once more and compare. A coroutine of the loop; true: the same, or excused.
local function check(build, node, slot)
  wait_for_another_second(build.store, node)
  build.events:send("check_started", {task = node.name, slot = slot})
  local started, setting = core.clock(), assert(execute.setting(node))
  local scratch <close> = elsewhere(build.store)
  local fields = attempt(build, node, scratch, setting)
  if not fields then
    fields = {}
    fields.differences, fields.count = compare(build.store, node, setting, scratch)
  end
  -- To fail is not to come out otherwise.
  fields.reason = (fields.count or 0) > 0 and excuse(node) or nil
  fields.outcome = fields.count == 0 and "same" or fields.reason and "excused" or "differs"
  if fields.outcome == "differs" then fields.kept = keep(node, scratch) end
  ended(build, node, fields, started)
  return fields.outcome ~= "differs"
end

--- Run nodes once more, in any order: nothing of it is anybody's input. How each came out is in
--- `build.checked`, as the events say it.
---@param build table   the builder, running
---@param nodes moonsand.build.Node[]
---@param options moonsand.build.Schedule   `jobs`, `tick` and `hold` of it
function M.run(build, nodes, options)
  local list = {}
  for _, node in ipairs(nodes) do
    if node.record and execute.setting(node) then -- not after a failure below it
      list[#list + 1] = {name = node.name, needs = {}, needed_by = {}, node = node,
        weight = (build.times:of(node))}
    end
  end
  schedule.run {
    nodes = list, jobs = options.jobs, tick = options.tick, hold = options.hold,
    keep_going = function() return true end,
    run = function(one) return check(build, one.node, one.slot) end,
  }
end

return M
