--- What a task failed at: the command, its place in the recipe, how it ended.
local graph = require "moonsand.build.graph"
local message = require "moonsand.build.message"
local recipe = require "moonsand.recipe"
local rooted = require "moonsand.build.rooted"
local script = require "moonsand.build.script"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

-- The trace knows the command as it ran, when a function of the recipe got as far as that.
local function failing_command(node, scripts, trace, marks)
  local last = script.last(trace)
  local where = last and script.place(last, scripts.scripts)
  if where then return {command = last.command, cwd = last.cwd, where = where} end
  local found
  for _, name in ipairs(scripts.names) do
    found = recipe.shell.failure(scripts.scripts[name], marks) or found
  end
  if not found then return {where = graph.place(node.recipe, node.task)} end
  return {
    command = found.exact and found.command or nil,
    where = ("%s:%s"):format(found.file, found.line),
  }
end

--- What a person needs to know of a run that did not end well.
---@param node moonsand.build.Node
---@param result moonsand.Result
---@param scripts moonsand.build.Scripts
---@param trace string
---@param marks {text: string, failed?: string}   the run script's report
---@return table failure   command, cwd, where, exit_code, signal, message, patterns, hint
function M.describe(node, result, scripts, trace, marks)
  local failure = marks.failed and message.decode_failure(marks.failed) or
    failing_command(node, scripts, trace, marks.text)
  failure.where = failure.where or graph.place(node.recipe, node.task)
  if node.roots and result.exit_code == rooted.NOT_FOUND then
    failure.message = rooted.describe(node.roots)
  end
  failure.exit_code, failure.signal = failure.exit_code or result.exit_code, result.signal
  local patterns = words(variables.of(node):get "MOONSAND_ERROR_LINES")
  failure.patterns = #patterns > 0 and patterns or nil
  if result.outcome ~= "exit" and result.outcome ~= "signal" then
    failure.message = result.message or tostring(result)
    if result.outcome == "setup_failed" then failure.hint = result.hint or "moonsand doctor" end
  end
  return failure
end

return M
