--- Runs the nodes of a graph, each after the ones it needs, the weightiest first, `jobs` at a time.
local loop = require "moonsand.loop"

local M = {}

---@class moonsand.build.Schedule
---@field nodes moonsand.build.Node[]   what to run; needs outside of this list count as done
---@field jobs integer                  how many at a time
---@field keep_going? boolean           after a failure, go on with what does not depend on it
---@field run fun(node: moonsand.build.Node): boolean   true: done; runs as a coroutine of the loop

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
    options = options, waiting = {}, state = {}, ready = {}, running = 0, failed = {},
    loop = loop.new(),
  }, Run)
  for _, node in ipairs(options.nodes) do self.state[node] = "waiting" end
  for _, node in ipairs(options.nodes) do
    local count = 0
    for _, edge in ipairs(node.needs) do
      if self.state[edge.node] then count = count + 1 end
    end
    self.waiting[node] = count
    if count == 0 then self.ready[#self.ready + 1] = node end
  end
  table.sort(self.ready, heavier)
  return self
end

function Run:done(node)
  self.state[node] = "done"
  for _, user in ipairs(node.needed_by) do
    if self.state[user] == "waiting" then
      self.waiting[user] = self.waiting[user] - 1
      if self.waiting[user] == 0 then self.ready[#self.ready + 1] = user end
    end
  end
  table.sort(self.ready, heavier)
end

function Run:attempt(node)
  local ok, result = xpcall(self.options.run, debug.traceback, node)
  self.running = self.running - 1
  if ok and result then
    self:done(node)
  else
    self.state[node] = "failed"
    self.failed[#self.failed + 1] = node
    if not ok then self.broken = self.broken or result end
  end
  self:fill()
end

-- Start what may start. An error of the executor itself stops everything: that is a bug.
function Run:fill()
  while #self.ready > 0 and self.running < self.options.jobs do
    if self.broken or #self.failed > 0 and not self.options.keep_going then return end
    local node = table.remove(self.ready, 1)
    self.state[node] = "running"
    self.running = self.running + 1
    self.loop:spawn(self.attempt, self, node)
  end
end

--- Run everything; returns when nothing runs any more.
---@param options moonsand.build.Schedule
---@return moonsand.build.Outcome
function M.run(options)
  local run = new_run(options)
  run:fill()
  run.loop:run()
  if run.broken then error(run.broken, 0) end
  local left = {}
  for _, node in ipairs(options.nodes) do
    local state = run.state[node]
    if state == "waiting" then left[#left + 1] = node end
  end
  return {failed = run.failed, not_started = left}
end

return M
