--- Files beside a build as BitBake names them: NAME.PID, and NAME, a link to the newest.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"

local M = {}

local function check(ok, problem, errno)
  if not ok then fault.throw("fs", problem, {errno = errno}) end
  return ok
end

--- Where the files of a recipe's tasks are; another configuration has its own.
---@param directory string
---@param recipe moonsand.recipe.Recipe
---@return string
function M.place(directory, recipe)
  return ("%s/%s"):format(directory, multiconfig.name(recipe))
end

--- The file of this run, to be written; NAME leads to it from now on, and the one before is gone.
---@param directory string
---@param name string   "log.do_compile"
---@return string path
function M.fresh(directory, name)
  local own, link = ("%s.%d"):format(name, core.getpid()), directory .. "/" .. name
  local old = core.readlink(link)
  if old and old ~= own and not old:find("/", 1, true) then core.unlink(directory .. "/" .. old) end
  if old ~= own then
    core.unlink(link .. ".new")
    check(core.symlink(own, link .. ".new"))
    check(core.rename(link .. ".new", link))
  end
  return directory .. "/" .. own
end

--- One more line of log.task_order: when which task began, and where its log is.
---@param directory string
---@param task string   "do_compile"
function M.note_order(directory, task)
  local time = core.time_ns()
  local file = check(io.open(directory .. "/log.task_order", "a"))
  file:write(("%s.%06d %s (%d): log.%s.%d\n"):format(
    os.date("%Y%m%d-%H%M%S", time // 1000000000), time // 1000 % 1000000, task, core.getpid(),
    task, core.getpid()))
  file:close()
end

return M
