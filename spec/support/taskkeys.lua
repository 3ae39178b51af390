-- The keys of tasks, without running them: each is said to have left what its key says.
--
--   lua5.4 spec/support/taskkeys.lua PROJECT TARGET...   prints them, as `text` gives them
local core = require "moonsand.core"
local inputs = require "moonsand.build.inputs"
local order = require "moonsand.order"
local project = require "spec.support.project"
local request = require "moonsand.build.request"
local signature = require "moonsand.build.signature"

local M = {}

-- What the nodes come to; in `left`, by name, is what some of them left instead.
local function make_up(nodes, left)
  for _, node in ipairs(nodes) do
    if node.kind ~= "noexec" then
      node.action = signature.action(node, inputs.mounted(node))
      local digest = left[node.name] or core.sha256(node.action)
      node.record = {layer = digest, trees = {outputs = digest, sysroot = digest}, over = {}}
    end
  end
end

--- Intent and action key, and the made-up result, of every task of a plan.
function M.of(here, targets, options, left)
  local builder <close> = here:builder(options)
  local nodes = request.prepare(builder, targets)
  make_up(nodes, left or {})
  local found = {intent = {}, action = {}, layer = {}}
  for _, node in ipairs(nodes) do
    found.intent[node.name], found.action[node.name] = node.intent, node.action
    found.layer[node.name] = node.record and node.record.layer
  end
  return found
end

--- One line a task.
function M.text(found)
  local lines = {}
  for name, key in order.sorted(found.intent) do
    lines[#lines + 1] = ("%s %s %s\n"):format(name, key, found.action[name] or "-")
  end
  return table.concat(lines)
end

if arg and (arg[0] or ""):find "taskkeys%.lua$" then
  io.write(M.text(M.of(project.at(arg[1]), table.move(arg, 2, #arg, 1, {}))))
end

return M
