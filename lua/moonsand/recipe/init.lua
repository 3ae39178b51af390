--- Recipes: a reader of BitBake's language. `recipe.configure` reads the configuration; the object
-- that it gives finds and loads recipes.
local configuration = require "moonsand.recipe.configuration"
local data = require "moonsand.recipe.data"
local environment = require "moonsand.recipe.environment"
local lua = require "moonsand.recipe.lua"
local provider = require "moonsand.recipe.provider"
local reference = require "moonsand.recipe.reference"
local shell = require "moonsand.recipe.shell"
local task = require "moonsand.recipe.task"

local M = {data = data, lua = lua, provider = provider, shell = shell, task = task}

M.configure = configuration.read
M.references = reference.references
M.dependencies = reference.dependencies

--- Give a recipe one more task, as `addtask` and a shell function in its file would.
---@param found moonsand.recipe.Recipe
---@param given {name: string, script: string, after?: string, before?: string, dirs?: string}
---  after, before: names of tasks, with blanks between them; it starts in the last one of dirs
function M.add_task(found, given)
  local d, name = found.data, given.name:find "^do_" and given.name or "do_" .. given.name
  local caller = debug.getinfo(2, "Sl")
  local file, line = caller.source:gsub("^[@=]", ""), math.max(1, caller.currentline)
  d:set(name, given.script, {operator = "=", name = name, text = given.script, file = file,
    line = line})
  d:set_flag(name, "func", 1, false)
  if given.dirs then d:set_flag(name, "dirs", given.dirs, false) end
  task.add(d, {name = name, after = given.after or "", before = given.before or "",
    file = file, line = line})
  found.tasks = task.collect(d)
end

--- The store that a task runs with: `task-NAME` is its first override, and nothing is exported that
--- only the caller's environment says.
---@param d moonsand.recipe.Data
---@param name string
---@return moonsand.recipe.Data
function M.task_data(d, name)
  local copy = d:copy()
  local override = "task-" .. name:gsub("^do_", ""):gsub("_", "-")
  copy:set("OVERRIDES", override .. ":" .. (d:raw("OVERRIDES") or ""))
  copy:expand_keys()
  environment.hide(copy)
  return copy
end

return M
