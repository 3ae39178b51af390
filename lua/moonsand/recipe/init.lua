--- Recipes: a reader of BitBake's language. `recipe.configure` reads the configuration; the object
-- that it gives finds and loads recipes.
local configuration = require "moonsand.recipe.configuration"
local data = require "moonsand.recipe.data"
local lua = require "moonsand.recipe.lua"
local provider = require "moonsand.recipe.provider"
local reference = require "moonsand.recipe.reference"
local shell = require "moonsand.recipe.shell"
local task = require "moonsand.recipe.task"

local M = {data = data, lua = lua, provider = provider, shell = shell, task = task}

M.configure = configuration.read
M.references = reference.references
M.dependencies = reference.dependencies

--- The store that a task runs with: `task-NAME` is its first override.
---@param d moonsand.recipe.Data
---@param name string
---@return moonsand.recipe.Data
function M.task_data(d, name)
  local copy = d:copy()
  local override = "task-" .. name:gsub("^do_", ""):gsub("_", "-")
  copy:set("OVERRIDES", override .. ":" .. (d:raw("OVERRIDES") or ""))
  copy:expand_keys()
  return copy
end

return M
