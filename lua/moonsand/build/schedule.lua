--- Runs the nodes of a graph, each after the ones it needs, the weightiest first, `jobs` at a time.
local fault = require "moonsand.fault"
local heap = require "moonsand.build.heap"
local loop = require "moonsand.loop"

local M = {}

local TICK <const> = 0.2 -- seconds

---@class moonsand.build.Schedule
---@field nodes moonsand.build.Node[]   what to run, each after its `twin`, too; needs outside of
---  this list count as done
---@field jobs integer                  how many at a time
---@field keep_going? fun(): boolean    after a failure: go on with what does not depend on it?
---@field run fun(node: moonsand.build.Node, aside: fun(wait: fun()))   runs as a coroutine of the
---  loop; true: done. What waits for somebody else in `aside(wait)` takes no job meanwhile.
---@field tick? fun()                   called now and then while something runs
---@field hold? fun(): boolean          start nothing now, while something runs
---@field meanwhile? fun()              something else to do; it is ended with the last node

---@class moonsand.build.Outcome
---@field failed moonsand.build.Node[]       in the order in which they failed
---@field not_started moonsand.build.Node[]  in the order of `nodes`

local function heavier(a, b)
  if a.weight ~= b.weight then return (a.weight or 0) > (b.weight or 0) end
  return a.name < b.name
end

local Run = {}
Run.__index = Run

local function new_run(options)
  local self = setmetatable({
    options = options, waiting = {}, state = {}, ready = heap.new(heavier), running = 0, active = 0,
    failed = {}, slots = {}, loop = loop.new(), twins = {},
  }, Run)
  for _, node in ipairs(options.nodes) do self.state[node] = "waiting" end
  for _, node in ipairs(options.nodes) do
    local count = 0
    for _, edge in ipairs(node.needs) do
      if self.state[edge.node] then count = count + 1 end
    end
    local twin = node.twin and self.state[node.twin] and node.twin
    if twin then
      self.twins[twin] = self.twins[twin] or {}
      table.insert(self.twins[twin], node)
      count = count + 1
    end
    self.waiting[node] = count
    if count == 0 then self.ready:push(node) end
  end
  return self
end

function Run:done(node)
  self.state[node] = "done"
  for _, list in ipairs {node.needed_by, self.twins[node]} do
    for _, user in ipairs(list) do
      if self.state[user] == "waiting" then
        self.waiting[user] = self.waiting[user] - 1
        if self.waiting[user] == 0 then self.ready:push(user) end
      end
    end
  end
end

-- The lowest number that no running node has: a lane of the report.
function Run:take_slot(node)
  local slot = 1
  while self.slots[slot] do slot = slot + 1 end
  self.slots[slot], node.slot = node, slot
end

function Run:attempt(node)
  local function aside(wait)
    self.running = self.running - 1
    wait()
    self.running = self.running + 1
  end
  local ok, result = xpcall(self.options.run, fault.traced, node, aside)
  self.running, self.active = self.running - 1, self.active - 1
  self.slots[node.slot] = nil
  if ok and result then
    self:done(node)
  else
    self.state[node] = "failed"
    self.failed[#self.failed + 1] = node
    if not ok then self.broken = self.broken or result end
  end
end

-- An error of the executor itself stops everything: that is a bug, or a disk that is full.
function Run:may_start()
  if #self.ready == 0 or self.running >= self.options.jobs or self.broken then return false end
  if #self.failed > 0 and not (self.options.keep_going and self.options.keep_going()) then
    return false
  end
  return self.active == 0 or not (self.options.hold and self.options.hold())
end

-- Started from here and never from a coroutine, so that resumes do not nest.
function Run:fill()
  while self:may_start() do
    local node = self.ready:pop()
    self.state[node] = "running"
    self.running, self.active = self.running + 1, self.active + 1
    self:take_slot(node)
    self.loop:spawn(self.attempt, self, node)
  end
end

-- Something to do while tasks run: a clock on the screen goes on although nothing happens.
function Run:step()
  local timed = self.options.tick or self.options.hold
  self.loop:step(timed and TICK)
  if self.options.tick then self.options.tick() end
end

--- Run everything; returns when nothing runs any more.
---@param options moonsand.build.Schedule
---@return moonsand.build.Outcome
function M.run(options)
  local run = new_run(options)
  local work <close> = run.loop
  if options.tick then options.tick() end
  run:fill()
  local other = options.meanwhile and work:spawn(options.meanwhile)
  while run.active > 0 do
    run:step()
    run:fill()
  end
  local left_over = #work.tasks - (other and coroutine.status(other) ~= "dead" and 1 or 0)
  assert(left_over == 0, "a task left coroutines behind")
  if run.broken then error(run.broken, 0) end
  local left = {}
  for _, node in ipairs(options.nodes) do
    local state = run.state[node]
    if state == "waiting" then left[#left + 1] = node end
  end
  return {failed = run.failed, not_started = left}
end

return M
