--- A request: from the names of targets to the nodes of a graph, with what is known of each.
local core = require "moonsand.core"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local inputs = require "moonsand.build.inputs"
local order = require "moonsand.order"
local resolve = require "moonsand.build.resolve"
local signature = require "moonsand.build.signature"
local sources = require "moonsand.build.source"
local up_to = require "moonsand.build.up_to"
local variables = require "moonsand.build.variables"

local M = {}

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

local flags_with_words = {
  root = {outputs = true, layers = true,
    hint = [[write "outputs" or "layers", or leave it out for the host's root]]},
  host = {packages = true,
    hint = [[write "packages" for a task that reads the host's package database, or leave it out]]},
}

-- What a recipe may say, and moonsand cannot do yet, is refused before anything runs.
local function refuse(node)
  local d = variables.of(node)
  for flag, may in order.sorted(flags_with_words) do
    local value = d:flag(node.task, flag)
    if value and value ~= "" and not may[value] then
      fault.throw("recipe", ("the flag [%s] of task '%s' is '%s'"):format(flag, node.name, value), {
        where = graph.place(node.recipe, node.task, nil, flag), hint = may.hint,
      })
    end
  end
end

-- Sources are read once a recipe, and only of recipes whose tasks are in the plan.
local function attach_sources(node, lists)
  local d = variables.of(node)
  if d:flag(node.task, "sources") or d:flag(node.task, "builtin") == "fetch" then
    lists[node.recipe] = lists[node.recipe] or sources.list(node.recipe)
    node.sources = lists[node.recipe]
  end
end

-- What signatures are made with: a context for each configuration, which is made when it is asked
-- for, with its directories.
local function contexts_of(self)
  local common = {
    layout = execute.LAYOUT, host = self.host, exports = {}, lines = {},
    salt = ("%d.%d"):format(core.time_ns(), core.getpid()),
  }
  return setmetatable({}, {__index = function(contexts, name)
    local context = {made = {}, directories = directories_of(self.config:multiconfig(name))}
    for key, value in pairs(common) do context[key] = value end
    contexts[name] = context
    return context
  end})
end

-- Inputs and keys of all nodes. What is asked of a node's variables is asked here, in one go.
local function describe(self, nodes)
  local lists, contexts = {}, contexts_of(self)
  for i, node in ipairs(nodes) do
    refuse(node)
    attach_sources(node, lists)
    inputs.attach(node, i)
    node.base = signature.base(node, contexts[node.recipe.configuration or ""])
    node.intent = core.sha256(signature.intent(node))
    variables.release(node)
  end
  self.signatures = contexts_of(self) -- of hooks; what was made for these is let go of
end

local function have_sources(self, node)
  for _, source in ipairs(node.sources) do
    if not self.fetcher:find(source) then return false end
  end
  return true
end

-- What `check` runs once more: the tasks of the recipes that were asked for, not of what they need.
local function checked(nodes, wanted)
  local asked, list = {}, {}
  for _, node in ipairs(wanted) do asked[node.recipe] = true end
  for _, node in ipairs(nodes) do
    if asked[node.recipe] and node.kind == "task" then list[#list + 1] = node end
  end
  return list
end

--- The nodes of a request.
---@param self moonsand.build.Builder
---@param targets string[]
---@return moonsand.build.Node[] nodes
---@return moonsand.build.Node[] wanted
---@return moonsand.build.Node[] again   with `check`: what is run once more
function M.prepare(self, targets)
  local tasks, warnings = graph.of(self.config), self.config.warnings
  local said = #warnings
  local nodes, wanted
  if self.options.until_task then
    nodes, wanted = up_to.plan(tasks, targets, self.options.until_task)
  else
    nodes, wanted = tasks:plan(targets)
  end
  for i = said + 1, #warnings do self.events:send("note", {text = warnings[i]}) end
  self.forced = forced_names(self.options.force, nodes)
  describe(self, nodes)
  local again = self.options.check and checked(nodes, wanted) or {}
  resolve.resolve(nodes, wanted, {
    store = self.store, forced = self.forced,
    fetched = function(node) return have_sources(self, node) end,
  }, again)
  return nodes, wanted, again
end

--- What will become of a node.
---@param node moonsand.build.Node
---@return "run"|"cached"|"skipped"
function M.state(node)
  return node.run and "run" or node.record and "cached" or "skipped"
end

return M
