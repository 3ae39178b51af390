--- The task graph: which tasks a request needs, and in which order they can run.
local fault = require "moonsand.fault"
local flags = require "moonsand.build.flags"
local multiconfig = require "moonsand.recipe.multiconfig"
local parts = require "moonsand.build.parts"
local place = require "moonsand.build.place"
local recursion = require "moonsand.build.recursion"
local sort = require "moonsand.build.sort"
local target_of = require "moonsand.build.target"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.build.Edge
---@field node moonsand.build.Node    the task that must be done first
---@field kind "after"|"deptask"|"rdeptask"|"depends"|"rdepends"|"recrdeptask"|"mcdepends"   what
---  says so

---@class moonsand.build.Node
---@field name string                 "zlib:compile", "mc:small:zlib:compile"
---@field task string                 "do_compile"
---@field recipe table                the recipe that the task belongs to
---@field definition moonsand.recipe.Task
---@field graph moonsand.build.Graph
---@field needs moonsand.build.Edge[] what must be done before, each task once
---@field needed_by moonsand.build.Node[]

---@class moonsand.build.Graph
local Graph = {__name = "moonsand.build.Graph"}
Graph.__index = Graph

M.short, M.target = target_of.short, target_of.parse
local full_name <const> = multiconfig.name

M.place = place.of

-- The tasks of a recipe by their names.
local function tasks_of(self, recipe)
  local by = self.tasks[recipe]
  if not by then
    by = {}
    for _, task in ipairs(recipe.tasks) do by[task.name] = task end
    self.tasks[recipe] = by
  end
  return by
end

local function unknown_task(recipe, task, where)
  local names, known = {}, {}
  for i, each in ipairs(recipe.tasks) do names[i], known[i] = each.name, M.short(each.name) end
  local near, name = fault.nearest(task, names), full_name(recipe)
  fault.throw("graph", ("'%s' has no task '%s'"):format(name, task), {
    where = where,
    hint = near and ("did you mean '%s:%s'?"):format(name, M.short(near))
      or ("its tasks are: %s"):format(table.concat(known, " ")),
  })
end

-- The node of a task; nil when the recipe has no such task.
local function node_of(self, recipe, task)
  local by = self.nodes[recipe]
  if not by then
    by = {}
    self.nodes[recipe] = by
  end
  local node = by[task]
  if node == nil then
    local definition = tasks_of(self, recipe)[task]
    node = definition and {
      name = full_name(recipe) .. ":" .. M.short(task), task = task, recipe = recipe, graph = self,
      definition = definition, needs = {}, needed_by = {}, edges = {},
    } or false
    by[task] = node
    if node then self.fresh[#self.fresh + 1] = node end
  end
  return node or nil
end

-- Say that one task needs another. An edge is the same table for all that need a task alike.
local function connect(node, other, kind)
  if node == other then return end
  local edge = other.edges[kind]
  if not edge then
    edge = {node = other, kind = kind}
    other.edges[kind] = edge
  end
  node.needs[#node.needs + 1] = edge
end

-- While a task's own flags are followed, `mark` tells what it needs already.
local function join(node, other, kind)
  if not other or other.mark == node then return end
  other.mark = node
  connect(node, other, kind)
end

local function edges_named(self, node, list, tasks, answer, kind)
  local needs = self:needs_of(node.recipe)
  for _, name in ipairs(#tasks > 0 and list or {}) do
    local recipe = answer(needs, name)
    for _, task in ipairs(recipe and tasks or {}) do
      join(node, node_of(self, recipe, task), kind)
    end
  end
end

-- [depends] and [rdepends]: "recipe:do_x" words; here a missing task is an error.
local function edges_paired(self, node, list, answer, kind)
  local needs = self:needs_of(node.recipe)
  for _, pair in ipairs(list) do
    local recipe = answer(needs, pair[1])
    if recipe then
      local other = node_of(self, recipe, pair[2])
      if not other then
        unknown_task(recipe, pair[2], place.of(node.recipe, node.task, pair[3], kind))
      end
      join(node, other, kind)
    end
  end
end

-- [mcdepends]: an entry says of which configuration the task that needs another is.
local function edges_across(self, node, list)
  for _, entry in ipairs(list) do
    local ours = entry.from == (node.recipe.configuration or "")
    local recipe = ours and self.parts:of(entry.to).needs:build(entry.name)
    if recipe then
      local other = node_of(self, recipe, entry.task)
      if not other then
        unknown_task(recipe, entry.task, place.of(node.recipe, node.task, entry.word, "mcdepends"))
      end
      join(node, other, "mcdepends")
    end
  end
end

local function expand(self, node)
  local recipe, needs = node.recipe, self:needs_of(node.recipe)
  local found, depends = flags.of(recipe, node.definition), needs:depends(recipe)
  for _, before in ipairs(node.definition.after or {}) do
    join(node, node_of(self, recipe, before), "after")
  end
  edges_named(self, node, depends, found.deptask, needs.build, "deptask")
  edges_named(self, node, recipe.rdepends, found.rdeptask, needs.runtime, "rdeptask")
  edges_paired(self, node, found.depends, needs.build, "depends")
  edges_paired(self, node, found.rdepends, needs.runtime, "rdepends")
  edges_across(self, node, found.mcdepends)
  edges_named(self, node, depends, found.recrdeptask, needs.build, "recrdeptask")
  edges_named(self, node, recipe.rdepends, found.recrdeptask, needs.runtime, "recrdeptask")
  node.plain = #node.needs
  if #found.recrdeptask > 0 then self.recursion:add(node) end
end

local function expand_fresh(self)
  while #self.fresh > 0 do expand(self, table.remove(self.fresh)) end
end

local function mention(list, answer, needs, other)
  for _, name in ipairs(list) do
    if answer(needs, name) == other then return name end
  end
end

-- Where [mcdepends] names a task.
local function place_across(self, node, other)
  for _, entry in ipairs(flags.of(node.recipe, node.definition).mcdepends) do
    if entry.task == other.task and entry.to == (other.recipe.configuration or "")
      and self.parts:of(entry.to).needs:build(entry.name) == other.recipe then
      return place.of(node.recipe, node.task, entry.word, "mcdepends")
    end
  end
  return place.of(node.recipe, node.task, nil, "mcdepends")
end

--- Where the statement is that makes one task need another: "file:line".
---@param node moonsand.build.Node
---@param edge moonsand.build.Edge
---@return string
function Graph:where(node, edge)
  local recipe, needs, other = node.recipe, self:needs_of(node.recipe), edge.node.recipe
  if edge.kind == "mcdepends" then return place_across(self, node, edge.node) end
  if edge.kind == "after" then return place.of_order(recipe, node.task, edge.node.task) end
  if edge.kind == "depends" or edge.kind == "rdepends" then
    local answer = edge.kind == "depends" and needs.build or needs.runtime
    for _, pair in ipairs(flags.of(recipe, node.definition)[edge.kind]) do
      if pair[2] == edge.node.task and answer(needs, pair[1]) == other then
        return place.of(recipe, node.task, pair[3], edge.kind)
      end
    end
  end
  local name = mention(needs:depends(recipe), needs.build, needs, other)
  if name and edge.kind ~= "rdeptask" then return place.of(recipe, "DEPENDS", name) end
  name = mention(recipe.rdepends, needs.runtime, needs, other)
  if name and edge.kind ~= "deptask" then return place.of_package(recipe, name) end
  return place.of(recipe, node.task, nil, edge.kind)
end

-- "zlib:compile-" wants only what do_compile needs.
local function start(self, request, wanted)
  local recipe = request.recipe or self.parts:of(request.configuration).needs:build(request.name)
  if not recipe then return end
  local task = request.task:gsub("%-$", "")
  local node = node_of(self, recipe, task)
  if not node then unknown_task(recipe, task, recipe.file) end
  if task == request.task then
    wanted[#wanted + 1] = node
    return
  end
  wanted.only_needs = wanted.only_needs or {}
  table.insert(wanted.only_needs, node)
end

-- "b.bb, for a:compile": a recipe, and a task of another one that needs it.
local function with_user(list, recipe, shown)
  for _, node in ipairs(list) do
    for _, user in ipairs(node.recipe == recipe and node.needed_by or {}) do
      if user.recipe ~= recipe then return ("%s (for %s)"):format(shown, user.name) end
    end
  end
  return shown
end

local function twice(list, name, one, other)
  if one.name == other.name then
    fault.throw("graph", ("two versions of '%s' are to be built: %s and %s"):format(full_name(one),
      with_user(list, one, one.file), with_user(list, other, other.file)),
      {where = other.file, hint = ("set PREFERRED_VERSION_%s"):format(one.name)})
  end
  fault.throw("graph", ("two recipes that are to be built provide '%s': %s and %s"):format(name,
    with_user(list, one, one.name), with_user(list, other, other.name)), {where = other.file,
    hint = ("set PREFERRED_PROVIDER_%s, or name it in BB_MULTI_PROVIDER_ALLOWED"):format(name)})
end

-- What is built must not come in two kinds, within a configuration.
local function check_providers(self, list)
  local provided, seen = {}, {}
  for _, node in ipairs(list) do
    local recipe = node.recipe
    if not seen[recipe] then
      seen[recipe] = true
      local part = self.parts:of(recipe.configuration)
      local by = provided[part] or {}
      provided[part] = by
      for _, name in ipairs(recipe.provides) do
        if by[name] and not part.allowed[name] then twice(list, name, by[name], recipe) end
        by[name] = by[name] or recipe
      end
    end
  end
end

--- What answers to the names that a recipe says.
---@param recipe moonsand.recipe.Recipe
---@return moonsand.build.Needs
function Graph:needs_of(recipe)
  return self.parts:of(recipe.configuration).needs
end

-- What only planning needs; nodes stay for as long as the build.
local function forget(self, order)
  self.nodes, self.tasks, self.fresh, self.recursion = nil, nil, nil, nil
  for _, node in ipairs(order) do node.edges, node.mark = nil, nil end
end

--- Everything that the targets need, dependencies first.
---@param targets string[]
---@param instead? {recipe: moonsand.recipe.Recipe, task: string}[]   tasks of recipes that the
---  targets need, which are wanted instead of them
---@return moonsand.build.Node[] order   topological
---@return moonsand.build.Node[] wanted  the nodes of the targets, in the order given
function Graph:plan(targets, instead)
  self.nodes, self.tasks, self.fresh = {}, {}, {}
  self.parts = parts.new(self.configurations)
  self.recursion = recursion.new {
    node = function(recipe, task) return node_of(self, recipe, task) end,
    grow = function() expand_fresh(self) end, connect = connect,
  }
  local wanted, list = {}, self.parts:requests(targets, target_of.long(self.default))
  for _, request in ipairs(list) do
    self.parts:ask(request.configuration, {name = request.name})
  end
  self.parts:resolve()
  for _, request in ipairs(instead or list) do start(self, request, wanted) end
  self.recursion:resolve()
  for _, node in ipairs(wanted.only_needs or {}) do
    for _, edge in ipairs(node.needs) do wanted[#wanted + 1] = edge.node end
  end
  wanted.only_needs = nil
  local order = sort.order(self, wanted)
  check_providers(self, order)
  forget(self, order)
  return order, wanted
end

---@class moonsand.build.GraphOptions
---@field catalogue? moonsand.recipe.Catalogue   of the only configuration
---@field allowed? string[]        names that several recipes of a build may provide
---@field configurations? moonsand.build.Configurations   instead, when there may be several
---@field default? string          the task of a target that names none; "build" unless given

-- The only one.
local function alone(options)
  return {
    names = function() return {""} end, of = function() return options end,
    check = function(name, where)
      if name == "" then return end
      fault.throw("graph", ("there is no multiconfig '%s'"):format(name),
        {where = where and where()})
    end,
  }
end

--- A graph over recipes; nothing is read before `plan`.
---@param options moonsand.build.GraphOptions
---@return moonsand.build.Graph
function M.new(options)
  return setmetatable({configurations = options.configurations or alone(options),
    default = options.default or "build"}, Graph)
end

--- The graph over the recipes of a configuration, and of the others of its BBMULTICONFIG.
---@param config moonsand.recipe.Configuration
---@return moonsand.build.Graph
function M.of(config)
  return M.new {default = config.data:get "BB_DEFAULT_TASK", configurations = {
    names = function() return config:names_of_all() end,
    check = function(name, where) config:check_name(name, where) end,
    of = function(name)
      local one = config:multiconfig(name)
      return {catalogue = one:catalogue(),
        allowed = words(one.data:get "BB_MULTI_PROVIDER_ALLOWED")}
    end,
  }}
end

return M
