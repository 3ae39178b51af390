--- How long a build is going to take: the way through the graph that takes longest, and what is
--- left while it runs.
local core = require "moonsand.core"
local heap = require "moonsand.build.heap"

local M = {}

--- Weigh the nodes that run by the seconds of the longest way from their start to the end of the
--- build: who has most before him goes first.
---@param nodes moonsand.build.Node[]   topological
---@param times moonsand.build.Times
function M.weigh(nodes, times)
  local waited = {} -- for a node that others take the result of: the weight of these
  for i = #nodes, 1, -1 do
    local node = nodes[i]
    local below = waited[node] or 0
    for _, user in ipairs(node.needed_by) do
      if user.run and user.weight > below then below = user.weight end
    end
    node.seconds, node.timed = times:of(node)
    node.weight = node.seconds + below
    local twin = node.twin
    if twin then waited[twin] = math.max(waited[twin] or 0, node.weight) end
  end
end

local function heavier(a, b)
  if a.weight ~= b.weight then return a.weight > b.weight end
  return a.name < b.name
end

local function sooner(a, b)
  return a.at < b.at
end

-- What each node waits for among those that run, and those that wait for nothing.
local function start(nodes)
  local waiting, ready = {}, heap.new(heavier)
  for _, node in ipairs(nodes) do waiting[node] = 0 end
  for _, node in ipairs(nodes) do
    for _, edge in ipairs(node.needs) do
      if waiting[edge.node] then waiting[node] = waiting[node] + 1 end
    end
    if waiting[node] == 0 then ready:push(node) end
  end
  return waiting, ready
end

--- The seconds that nodes take with so many jobs, in the order in which the scheduler takes them.
---@param nodes moonsand.build.Node[]   weighed; those that run
---@param jobs integer
---@return number
function M.wall(nodes, jobs)
  local waiting, ready = start(nodes)
  local running, now = heap.new(sooner), 0
  repeat
    while #ready > 0 and #running < jobs do
      local node = ready:pop()
      running:push {at = now + node.seconds, node = node}
    end
    local ended = running:pop()
    if ended then
      now = ended.at
      for _, user in ipairs(ended.node.needed_by) do
        if waiting[user] then
          waiting[user] = waiting[user] - 1
          if waiting[user] == 0 then ready:push(user) end
        end
      end
    end
  until not ended
  return now
end

---@class moonsand.build.Progress
local Progress = {__name = "moonsand.build.Progress"}
Progress.__index = Progress

--- A node begins.
---@param node moonsand.build.Node
function Progress:start(node)
  self.running[node], self.begun[node] = core.clock(), true
end

--- A node is done, or will never be.
---@param node moonsand.build.Node
function Progress:done(node)
  self.running[node], self.begun[node] = nil, true
  self.sum = self.sum - node.seconds
end

--- About how many seconds are left; nil while too little is known to say.
---@return number?
function Progress:left()
  if self.unknown * 2 > self.count then return nil end
  while self[self.next] and self.begun[self[self.next]] do self.next = self.next + 1 end
  local now, sum, longest = core.clock(), self.sum, self[self.next] and self[self.next].weight or 0
  for node, since in pairs(self.running) do
    sum = sum - math.min(now - since, node.seconds)
    longest = math.max(longest, node.weight - math.min(now - since, node.seconds))
  end
  return math.max(longest, sum / self.jobs)
end

--- What is left of these nodes while they run.
---@param nodes moonsand.build.Node[]   weighed
---@param jobs integer
---@return moonsand.build.Progress
function M.progress(nodes, jobs)
  local self = setmetatable({jobs = jobs, running = {}, begun = {}, next = 1, sum = 0, unknown = 0,
    count = #nodes}, Progress)
  table.move(nodes, 1, #nodes, 1, self)
  table.sort(self, heavier)
  for _, node in ipairs(nodes) do
    self.sum = self.sum + node.seconds
    if not node.timed then self.unknown = self.unknown + 1 end
  end
  return self
end

return M
