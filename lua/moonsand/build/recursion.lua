--- [recrdeptask]: a task that waits for a task of everything below it. What that is grows by what
--- it waits for, so it is gone through until nothing is added.
--
-- Recipes have numbers, and a set of recipes is a list of integers with a bit for each.
local flags = require "moonsand.build.flags"

local M = {}

-- Where a lone bit stands.
local place_of_bit = {}
for i = 0, 63 do place_of_bit[1 << i] = i end

local function add_bit(set, number)
  local at = (number >> 6) + 1
  for i = #set + 1, at do set[i] = 0 end
  set[at] = set[at] | (1 << (number & 63))
end

local function add_set(set, more)
  for i = #set + 1, #more do set[i] = 0 end
  for i = 1, #more do set[i] = set[i] | more[i] end
end

-- Call `each` with the numbers that are in `set` and not in `without`.
local function difference(set, without, each)
  for i = 1, #set do
    local bits = set[i] & ~(without[i] or 0)
    while bits ~= 0 do
      local low = bits & -bits
      each((i - 1) << 6 | place_of_bit[low])
      bits = bits ~ low
    end
  end
end

---@class moonsand.build.Recursion
local Recursion = {__name = "moonsand.build.Recursion"}
Recursion.__index = Recursion

---@class moonsand.build.RecursionOptions
---@field node fun(recipe: table, task: string): moonsand.build.Node?   if the recipe has the task
---@field connect fun(node: moonsand.build.Node, other: moonsand.build.Node, kind: string)
---@field grow fun()   find what the nodes made since need by their other flags

---@param options moonsand.build.RecursionOptions
---@return moonsand.build.Recursion
function M.new(options)
  return setmetatable({options = options, numbers = {}, recipes = {}, list = {}, of = {},
    below = {}}, Recursion)
end

local function number(self, recipe)
  local found = self.numbers[recipe]
  if not found then
    found = #self.recipes
    self.recipes[found + 1] = recipe
    self.numbers[recipe] = found
  end
  return found
end

--- Take note of a task with the flag.
---@param node moonsand.build.Node
function Recursion:add(node)
  local found = flags.of(node.recipe, node.definition)
  local entry = {
    node = node, tasks = found.recrdeptask, inner = {}, above = {}, seen = 0, reach = {},
    tried = {}, named = {}, version = 0, versions = {}, recursive = {},
  }
  for _, task in ipairs(entry.tasks) do
    entry.self_reference = entry.self_reference or task == node.task
  end
  for _, task in ipairs(found.recideptask) do
    local inner = self.options.node(node.recipe, task)
    if inner then entry.inner[#entry.inner + 1] = {node = inner, seen = 0} end
  end
  self.list[#self.list + 1] = entry
  self.of[node] = entry
end

-- The recipes of everything that a task waits for by its other flags, and that those wait for. The
-- path is walked without recursion: it may be long.
local function below(self, start)
  local sets, path, open = self.below, {{node = start, at = 0}}, {}
  if sets[start] then return sets[start] end
  while #path > 0 do
    local step = path[#path]
    local node = step.node
    open[node] = true
    step.at = step.at + 1
    local other = step.at <= node.plain and node.needs[step.at].node
    if other and not sets[other] and not open[other] then
      path[#path + 1] = {node = other, at = 0}
    elseif not other then
      local set = {}
      for i = 1, node.plain do
        local each = node.needs[i].node
        add_bit(set, number(self, each.recipe))
        if sets[each] then add_set(set, sets[each]) end
      end
      sets[node] = set
      path[#path] = nil
    end
  end
  return sets[start]
end

-- The recipes whose task of this name an entry waits for.
local function named(self, entry, task)
  local set = entry.named[task]
  if not set then
    set = {}
    for _, edge in ipairs(entry.node.needs) do
      if edge.node.task == task then add_bit(set, number(self, edge.node.recipe)) end
    end
    entry.named[task] = set
  end
  return set
end

local function take(self, entry, index, task)
  local set = named(self, entry, task)
  if (set[(index >> 6) + 1] or 0) & (1 << (index & 63)) ~= 0 then return end
  local node = self.options.node(self.recipes[index + 1], task)
  if not node or node == entry.node then return end
  self.options.connect(entry.node, node, "recrdeptask")
  add_bit(set, index)
  entry.version = entry.version + 1
end

-- Add what is below the tasks that came to a list since it was last looked at.
local function look_below(self, entry, list, seen)
  for i = seen + 1, #list do
    local node = list[i].node
    self.options.grow()
    add_set(entry.reach, below(self, node))
    if list == entry.node.needs and self.of[node] then
      entry.recursive[#entry.recursive + 1] = self.of[node]
    end
  end
  return #list
end

local function grow(self, entry)
  local before = entry.version
  entry.seen = look_below(self, entry, entry.node.needs, entry.seen)
  for _, inner in ipairs(entry.inner) do
    if inner.seen == 0 then look_below(self, entry, {inner}, 0) end
    inner.seen = look_below(self, entry, inner.node.needs, inner.seen)
  end
  local found = {}
  difference(entry.reach, entry.tried, function(index) found[#found + 1] = index end)
  add_set(entry.tried, entry.reach)
  for _, index in ipairs(found) do
    for _, task in ipairs(entry.tasks) do take(self, entry, index, task) end
  end
  for _, other in ipairs(entry.recursive) do
    if entry.versions[other] ~= other.version then
      entry.versions[other] = other.version
      for _, task in ipairs(entry.tasks) do
        difference(named(self, other, task), named(self, entry, task), function(index)
          take(self, entry, index, task)
        end)
      end
    end
  end
  return entry.version ~= before or entry.seen ~= #entry.node.needs
end

-- So that do_a[recrdeptask] = "do_a do_b" can be said by many recipes that need each other.
local function drop_self_references(self)
  local dropped = {}
  for _, entry in ipairs(self.list) do
    if entry.self_reference then dropped[entry.node] = true end
  end
  for node in pairs(dropped) do
    local kept = {}
    for _, edge in ipairs(node.needs) do
      if not dropped[edge.node] then kept[#kept + 1] = edge end
    end
    node.needs = kept
  end
end

--- Add the edges that the flag stands for.
function Recursion:resolve()
  local changed
  repeat
    self.options.grow()
    changed = false
    local i = 1
    while self.list[i] do -- it grows
      changed = grow(self, self.list[i]) or changed
      i = i + 1
    end
  until not changed
  drop_self_references(self)
end

return M
