--- Where recipes are looked for, as the command line and the environment have it.
local M = {}

--- The directories that are searched: BBPATH, then what ships with moonsand.
---@param ui moonsand.Interface
---@return string[]
function M.path(ui)
  local path = {}
  for directory in (ui.env "BBPATH" or ""):gmatch("[^:]+") do path[#path + 1] = directory end
  path[#path + 1] = ui.home.recipes
  return path
end

--- The configuration that the recipes are read with.
---@param ui moonsand.Interface
---@return table config   see moonsand.recipe
function M.configure(ui)
  return require "moonsand.recipe".configure {path = M.path(ui)}
end

--- A recipe by its file, or by what it provides.
---@param config table
---@param name string   "zlib", "recipes/zlib.bb"
---@return table recipe
function M.recipe(config, name)
  if name:find("%.bb$") then return config:load(name) end
  return config:find(name)
end

return M
