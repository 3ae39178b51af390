--- The task graph: which tasks a request needs, and in which order they can run.
local fault = require "moonsand.fault"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.build.Edge
---@field node moonsand.build.Node    the task that must be done first
---@field kind "after"|"deptask"|"depends"
---@field where string               "file:line" of the statement that says so

---@class moonsand.build.Node
---@field name string                 "zlib:compile"
---@field task string                 "do_compile"
---@field recipe table                the recipe that the task belongs to
---@field needs moonsand.build.Edge[] what must be done before, each task once
---@field needed_by moonsand.build.Node[]

---@class moonsand.build.Graph
local Graph = {__name = "moonsand.build.Graph"}
Graph.__index = Graph

--- The word that a person reads: "do_compile" is "compile".
---@param task string
---@return string
function M.short(task)
  return (task:gsub("^do_", ""))
end

local function long(task)
  return task:find("^do_") and task or "do_" .. task
end

-- Where a variable or a flag got the text that matters: the last statement that mentions `text`.
local function place(recipe, variable, text, flag)
  local found
  for _, entry in ipairs(recipe.data:where(variable) or {}) do
    local mentions = not text or (entry.text or ""):find(text, 1, true)
    if entry.file and entry.line and entry.flag == flag and (mentions or not found) then
      found = ("%s:%d"):format(entry.file, entry.line)
    end
  end
  return found or recipe.file
end

--- Where a recipe says something: "file:line" of the last statement on a variable, or on its flag,
--- that mentions the text; or the recipe's file.
M.place = place

local function task_of(recipe, name)
  for _, task in ipairs(recipe.tasks) do
    if task.name == name then return task end
  end
end

local function task_names(recipe)
  local names = {}
  for _, task in ipairs(recipe.tasks) do names[#names + 1] = task.name end
  return names
end

local function unknown_task(recipe, task, where)
  local near = fault.nearest(task, task_names(recipe))
  local known = {}
  for _, name in ipairs(task_names(recipe)) do known[#known + 1] = M.short(name) end
  fault.throw("graph", ("'%s' has no task '%s'"):format(recipe.name, task), {
    where = where,
    hint = near and ("did you mean '%s:%s'?"):format(recipe.name, M.short(near))
      or ("its tasks are: %s"):format(table.concat(known, " ")),
  })
end

-- The recipe that provides a name; the fault says who asked for it, and where.
function Graph:provider(name, where, asked_by)
  local ok, recipe = pcall(self.find, name)
  if ok and recipe then return recipe end
  if not ok and not (fault.is(recipe) and recipe.kind == "graph") then error(recipe, 0) end
  local message = ("nothing provides '%s'"):format(name)
  if asked_by then message = ("%s, which '%s' depends on"):format(message, asked_by) end
  local near = fault.nearest(name, self.names and self.names() or {})
  fault.throw("graph", message, {
    where = not ok and recipe.where or where,
    hint = near and ("did you mean '%s'?"):format(near) or not ok and recipe.hint
      or "add a recipe that provides it, or take the name out",
  })
end

function Graph:node(recipe, task)
  local name = recipe.name .. ":" .. M.short(task)
  local node = self.nodes[name]
  if not node then
    node = {name = name, task = task, recipe = recipe, needs = {}, needed_by = {}}
    self.nodes[name] = node
    self.fresh[#self.fresh + 1] = node
  end
  return node
end

function Graph:connect(node, recipe, task, kind, where)
  local other = self:node(recipe, task)
  for _, edge in ipairs(node.needs) do
    if edge.node == other then return end
  end
  node.needs[#node.needs + 1] = {node = other, kind = kind, where = where}
  other.needed_by[#other.needed_by + 1] = node
end

local function refuse_flags(node)
  local d = node.recipe.data
  for _, flag in ipairs {"rdeptask", "recrdeptask", "rdepends", "mcdepends"} do
    if #words(d:flag(node.task, flag)) > 0 then
      fault.throw("graph", ("'%s' has the flag [%s], which moonsand does not follow yet")
        :format(node.name, flag),
        {where = place(node.recipe, node.task, nil, flag), hint = "use [depends] or [deptask]"})
    end
  end
end

function Graph:edges_within(node)
  local recipe = node.recipe
  for _, before in ipairs(task_of(recipe, node.task).after or {}) do
    local name = long(before)
    if task_of(recipe, name) then
      self:connect(node, recipe, name, "after", place(recipe, node.task, nil, "task"))
    end
  end
end

-- [deptask]: do_x of everything in DEPENDS; a provider without that task has nothing to wait for.
function Graph:edges_deptask(node)
  local recipe = node.recipe
  for _, task in ipairs(words(recipe.data:flag(node.task, "deptask"))) do
    for _, name in ipairs(recipe.depends or {}) do
      if not self.provided[name] then
        local where = place(recipe, "DEPENDS", name)
        local other = self:provider(name, where, recipe.name)
        if task_of(other, task) then self:connect(node, other, task, "deptask", where) end
      end
    end
  end
end

-- [depends]: "recipe:do_x" words; here a missing task is an error.
function Graph:edges_depends(node)
  local recipe = node.recipe
  for _, word in ipairs(words(recipe.data:flag(node.task, "depends"))) do
    local name, task = word:match "^(.+):([^:]+)$"
    local where = place(recipe, node.task, word, "depends")
    if not name then
      fault.throw("graph", ("'%s' in the flag [depends] of '%s' names no task")
        :format(word, node.name), {where = where, hint = "write it as 'recipe:do_task'"})
    end
    if not self.provided[name] then
      local other = self:provider(name, where, node.name)
      if not task_of(other, long(task)) then unknown_task(other, task, where) end
      self:connect(node, other, long(task), "depends", where)
    end
  end
end

--- Split "zlib", "zlib:compile" or "zlib:do_compile"; the task is nil when only a name was given.
---@param target string
---@return string name
---@return string? task
function M.target(target)
  local name, task = target:match "^(.+):([%w_%-]+)$"
  if not name then return target end
  return name, long(task)
end

local function start(self, target)
  local name, task = M.target(target)
  local recipe = self:provider(name)
  task = task or recipe.data:get "BB_DEFAULT_TASK" or "do_build"
  if not task_of(recipe, long(task)) then unknown_task(recipe, task, recipe.file) end
  return self:node(recipe, long(task))
end

-- The place is that of a recipe's own wish, not of a class that orders the tasks of every recipe.
local function loop_fault(path, from)
  local lines, names, where = {}, {}, nil
  for i = from, #path do
    local edge = path[i]
    if edge.kind ~= "after" then where = where or edge.where end
    names[#names + 1] = edge.from.name
    lines[#lines + 1] = ("%s needs %s (%s)"):format(edge.from.name, edge.node.name, edge.where)
  end
  names[#names + 1] = names[1]
  fault.throw("graph", "these tasks wait for each other: " .. table.concat(names, " -> "), {
    where = where or path[from].where,
    hint = table.concat(lines, "\n  ") .. "\n  take one of these dependencies out",
  })
end

-- Depth first, dependencies before their users; a node met again while still open closes a loop.
local function visit(node, state, order, path)
  state[node] = "open"
  for _, edge in ipairs(node.needs) do
    path[#path + 1] = {from = node, node = edge.node, kind = edge.kind, where = edge.where}
    if state[edge.node] == "open" then
      local from = #path
      while path[from].from ~= edge.node do from = from - 1 end
      loop_fault(path, from)
    elseif not state[edge.node] then
      visit(edge.node, state, order, path)
    end
    path[#path] = nil
  end
  state[node] = "done"
  order[#order + 1] = node
end

-- 8.6: ten for a task that nothing waits for, else one; plus everything that waits for it.
local function weigh(order)
  for i = #order, 1, -1 do
    local node = order[i]
    node.weight = #node.needed_by == 0 and 10 or 1
    for _, user in ipairs(node.needed_by) do node.weight = node.weight + user.weight end
  end
end

--- Everything that the targets need, dependencies first.
---@param targets string[]
---@return moonsand.build.Node[] order   topological; the field `weight` is set
---@return moonsand.build.Node[] wanted  the nodes of the targets, in the order given
function Graph:plan(targets)
  self.nodes, self.fresh = {}, {}
  local wanted, order, state = {}, {}, {}
  for i, target in ipairs(targets) do wanted[i] = start(self, target) end
  while #self.fresh > 0 do
    local node = table.remove(self.fresh)
    refuse_flags(node)
    self:edges_within(node)
    self:edges_deptask(node)
    self:edges_depends(node)
  end
  for _, node in ipairs(wanted) do
    if not state[node] then visit(node, state, order, {}) end
  end
  weigh(order)
  return order, wanted
end

---@class moonsand.build.GraphOptions
---@field find fun(name: string): table?   the recipe that provides a name; nil or a fault: none
---@field names? fun(): string[]           every name that is provided, for "did you mean"
---@field provided? string[]               names that the host provides (ASSUME_PROVIDED)

--- A graph over recipes; nothing is read before `plan`.
---@param options moonsand.build.GraphOptions
---@return moonsand.build.Graph
function M.new(options)
  local provided = {}
  for _, name in ipairs(options.provided or {}) do provided[name] = true end
  return setmetatable({find = options.find, names = options.names, provided = provided}, Graph)
end

return M
