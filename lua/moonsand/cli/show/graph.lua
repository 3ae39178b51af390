--- The task graph as text: a tree, a path, Graphviz's language, JSON.
local multiconfig = require "moonsand.recipe.multiconfig"
local version = require "moonsand.recipe.version"

local M = {}

-- Each task once, below the nearest of those that need it, so that the tree is as flat as can be.
local function spread(wanted)
  local seen, children, queue = {}, {}, {}
  for _, node in ipairs(wanted) do
    if not seen[node] then
      seen[node] = true
      queue[#queue + 1] = node
    end
  end
  local roots, at = table.move(queue, 1, #queue, 1, {}), 1
  while queue[at] do
    local node, list = queue[at], {}
    for _, edge in ipairs(node.needs) do
      if not seen[edge.node] then
        seen[edge.node] = true
        list[#list + 1] = edge.node
        queue[#queue + 1] = edge.node
      end
    end
    children[node] = list
    at = at + 1
  end
  return roots, children
end

---@class moonsand.TreeOptions
---@field depth? integer                        how many levels
---@field dim? fun(node: moonsand.build.Node): boolean   shown dimmed

local function line_of(node, level, shown, dim)
  local name = dim and dim(node) and ("\27[2m%s\27[0m"):format(node.name) or node.name
  local rest = #node.needs - shown
  return ("%s%s%s\n"):format(("  "):rep(level), name, rest > 0 and ("  …+%d"):format(rest) or "")
end

--- An indented tree. `…+3`: so many tasks that it needs stand elsewhere, or are folded.
---@param wanted moonsand.build.Node[]
---@param options? moonsand.TreeOptions
---@return string
function M.tree(wanted, options)
  options = options or {}
  local roots, children = spread(wanted)
  local lines, stack = {}, {}
  for i = #roots, 1, -1 do stack[#stack + 1] = {roots[i], 0} end
  while #stack > 0 do
    local node, level = table.unpack(table.remove(stack))
    local below = level < (options.depth or math.huge) and children[node] or {}
    lines[#lines + 1] = line_of(node, level, #below, options.dim)
    for i = #below, 1, -1 do stack[#stack + 1] = {below[i], level + 1} end
  end
  return table.concat(lines)
end

--- The shortest way from one of some tasks to one that `found` is true of: edges, each with the
--- task that needs it; nil when there is none.
---@param wanted moonsand.build.Node[]
---@param found fun(node: moonsand.build.Node): boolean
---@return moonsand.build.Node? start
---@return {from: moonsand.build.Node, edge: moonsand.build.Edge}[]? steps
function M.path(wanted, found)
  local came, queue, at = {}, {}, 1
  for i, node in ipairs(wanted) do came[node], queue[i] = came[node] or {}, node end
  while queue[at] do
    local node = queue[at]
    if found(node) then
      local steps = {}
      while came[node].edge do
        table.insert(steps, 1, came[node])
        node = came[node].from
      end
      return node, steps
    end
    for _, edge in ipairs(node.needs) do
      if not came[edge.node] then
        came[edge.node] = {from = node, edge = edge}
        queue[#queue + 1] = edge.node
      end
    end
    at = at + 1
  end
end

local function dotted(node)
  return multiconfig.name(node.recipe) .. "." .. node.task
end

--- What `bitbake -g` writes as task-depends.dot.
---@param nodes moonsand.build.Node[]
---@return string
function M.dot(nodes)
  local lines, names, by = {"digraph depends {\n"}, {}, {}
  for i, node in ipairs(nodes) do
    names[i] = dotted(node)
    by[names[i]] = node
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local node, needs = by[name], {}
    local recipe = node.recipe
    lines[#lines + 1] = ('"%s" [label="%s %s\\n%s:%s-%s\\n%s"]\n'):format(name,
      multiconfig.name(recipe), node.task, recipe.epoch or "", recipe.version,
      recipe.revision or "", multiconfig.join(recipe.configuration, version.file(recipe)))
    for i, edge in ipairs(node.needs) do needs[i] = dotted(edge.node) end
    table.sort(needs)
    for _, other in ipairs(needs) do lines[#lines + 1] = ('"%s" -> "%s"\n'):format(name, other) end
  end
  lines[#lines + 1] = "}\n"
  return table.concat(lines)
end

local switches = {"noexec", "nostamp", "fakeroot"}

local function task_json(node, quote, is_set)
  local parts, needs = {"    {\"name\": " .. quote(node.name)}, {}
  local recipe = node.recipe
  for _, pair in ipairs {
    {"recipe", recipe.name}, {"task", node.task}, {"version", recipe.version},
    {"file", recipe.file}, {"variant", recipe.variant ~= "" and recipe.variant or nil},
    {"multiconfig", recipe.configuration},
  } do
    if pair[2] then parts[#parts + 1] = ("\"%s\": %s"):format(pair[1], quote(pair[2])) end
  end
  for _, name in ipairs(switches) do
    if is_set(node.definition.flags[name]) then
      parts[#parts + 1] = ("\"%s\": true"):format(name)
    end
  end
  for i, edge in ipairs(node.needs) do
    needs[i] = ("{\"task\": %s, \"kind\": %s}"):format(quote(edge.node.name), quote(edge.kind))
  end
  table.sort(needs)
  parts[#parts + 1] = ("\"needs\": [%s]}"):format(table.concat(needs, ", "))
  return table.concat(parts, ", ")
end

--- A JSON object: the targets, and the tasks in an order in which they can run.
---@param nodes moonsand.build.Node[]
---@param wanted moonsand.build.Node[]
---@return string
function M.json(nodes, wanted)
  local quote = require "dkjson".quotestring
  local is_set = require "moonsand.build.flags".is_set
  local targets, tasks = {}, {}
  for i, node in ipairs(wanted) do targets[i] = quote(node.name) end
  for i, node in ipairs(nodes) do tasks[i] = task_json(node, quote, is_set) end
  return ("{\n  \"targets\": [%s],\n  \"tasks\": [\n%s\n  ]\n}\n"):format(
    table.concat(targets, ", "), table.concat(tasks, ",\n"))
end

return M
