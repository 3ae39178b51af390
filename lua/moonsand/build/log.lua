--- What each task says is in a file: where that is, whether it is still written, and reading along.
local core = require "moonsand.core"
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local loop = require "moonsand.loop"
local multiconfig = require "moonsand.recipe.multiconfig"

local M = {}

local EAGAIN <const> = 11
local PAUSE <const> = 0.1 -- seconds between two looks at a log that grows

--- The log of a task's last run in a build directory; nil when there is none. No recipe is read.
---@param directory string   of logs and run scripts
---@param target string      "zlib:compile"
---@return string? path
function M.find(directory, target)
  local name, task = graph.target(target)
  if not task then
    fault.throw("usage", ("'%s' is a recipe; each of its tasks has a log"):format(target),
      {hint = ("moonsand log %s:compile; 'moonsand tasks %s' lists them"):format(target, target)})
  end
  local path = execute.path(directory, {recipe = {name = name}, task = task}, "log")
  return core.stat(path) and path or nil
end

--- The log of a resolved node: of its last run here, else of the run that made its result.
---@param build table   the builder
---@param node moonsand.build.Node
---@return string path
function M.of(build, node)
  local own = execute.path(build.directory, node, "log")
  if core.stat(own) then return own end
  local path = node.record and build.store:record_path("log", node.record.action)
  if path and core.stat(path) then return path end
  if node.kind == "noexec" or node.kind == "collect" then
    fault.throw("usage", ("'%s' runs no script and so has no log"):format(node.name),
      {hint = ("moonsand tasks %s"):format(multiconfig.name(node.recipe))})
  end
  fault.throw("usage", ("'%s' has not run yet"):format(node.name),
    {hint = "moonsand build " .. node.name})
end

--- Is the task of this log running? Who runs it holds the log (execute.lua), and lets go of it also
--- by being killed.
---@param path string
---@return boolean
function M.running(path)
  local lock <close>, _, errno = core.lock(path, "shared", "try")
  return not lock and errno == EAGAIN
end

--- Give a log's text to `write`, and what is added until the task has ended. One that begins anew
--- is read from its start.
---@param path string
---@param write fun(text: string)
function M.follow(path, write)
  local file <close> = fault.unless("fs", io.open(path, "rb"))
  local at = 0
  repeat
    local running = M.running(path) -- before reading: what comes after the end is read, too
    if file:seek "end" < at then at = 0 end
    file:seek("set", at)
    local text = file:read "a"
    at = at + #text
    if #text > 0 then write(text) end
    if running then loop.wait({}, PAUSE) end
  until not running
end

return M
