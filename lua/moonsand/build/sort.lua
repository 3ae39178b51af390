--- The order of a graph: what is needed first, and the loops that there must not be.
local fault = require "moonsand.fault"

local M = {}

-- The place is that of a recipe's own wish, not of a class that orders the tasks of every recipe.
local function loop_fault(graph, path, from)
  local lines, names, where = {}, {}, nil
  for i = from, #path do
    local node, edge = path[i].node, path[i].edge
    local place = graph:where(node, edge)
    if edge.kind ~= "after" then where = where or place end
    names[#names + 1] = node.name
    lines[#lines + 1] = ("%s needs %s (%s)"):format(node.name, edge.node.name, place)
  end
  names[#names + 1] = names[1]
  fault.throw("graph", "these tasks wait for each other: " .. table.concat(names, " -> "), {
    where = where or graph:where(path[from].node, path[from].edge),
    hint = table.concat(lines, "\n  ") .. "\n  take one of these dependencies out",
  })
end

-- Depth first, and without recursion: a chain of tasks may be long. A node that is met again while
-- it is still open closes a loop.
local function visit(graph, start, state, list)
  local path = {{node = start, at = 0}}
  state[start] = "open"
  while #path > 0 do
    local step = path[#path]
    step.at = step.at + 1
    step.edge = step.node.needs[step.at]
    local other = step.edge and step.edge.node
    if not other then
      state[step.node] = "done"
      list[#list + 1] = step.node
      path[#path] = nil
    elseif state[other] == "open" then
      local from = #path
      while path[from].node ~= other do from = from - 1 end
      loop_fault(graph, path, from)
    elseif not state[other] then
      state[other] = "open"
      path[#path + 1] = {node = other, at = 0}
    end
  end
end

--- All that some nodes need, dependencies first; `needed_by` is set.
---@param graph moonsand.build.Graph
---@param wanted moonsand.build.Node[]
---@return moonsand.build.Node[]
function M.order(graph, wanted)
  local list, state = {}, {}
  for _, node in ipairs(wanted) do
    if not state[node] then visit(graph, node, state, list) end
  end
  for _, node in ipairs(list) do
    for _, edge in ipairs(node.needs) do
      local users = edge.node.needed_by
      users[#users + 1] = node
    end
  end
  return list
end

return M
