--- What the command line and the environment say of recipes, and of where results are kept.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

--- An absolute path; one that does not exist yet stays below the current directory.
local function absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return core.realpath(path) or assert(core.realpath(".")) .. "/" .. path
end

--- The directories that are searched: BBPATH, then what ships with moonsand.
---@param ui moonsand.Interface
---@return string[]
function M.path(ui)
  local path = {}
  for directory in (ui.env "BBPATH" or ""):gmatch("[^:]+") do
    path[#path + 1] = absolute(directory)
  end
  path[#path + 1] = absolute(ui.home.recipes)
  return path
end

--- The configuration that the recipes are read with.
---@param ui moonsand.Interface
---@return moonsand.recipe.Configuration
function M.configure(ui)
  local home = ui.home.python and core.realpath(ui.home.python)
  local config = require "moonsand.recipe".configure {
    path = M.path(ui), python = home and require "moonsand.build.python".new(home),
  }
  for _, warning in ipairs(config.warnings or {}) do ui:say("moonsand: ", warning, "\n") end
  return config
end

--- A recipe by its file, or by what it provides.
---@param config moonsand.recipe.Configuration
---@param name string   "zlib", "recipes/zlib/zlib_1.2.13.bb"
---@return moonsand.recipe.Recipe
function M.recipe(config, name)
  if name:find("%.bb$") then return config:load(absolute(name)) end
  return config:find(name)
end

--- Where store, downloads and logs are: `--state`, MOONSAND_DIR, or among the user's caches.
---@param ui moonsand.Interface
---@param choice? string   the value of `--state`
---@return string directory
function M.place(ui, choice)
  local named = choice or ui.env "MOONSAND_DIR"
  if named and named ~= "" then return absolute(named) end
  local caches = ui.env "XDG_CACHE_HOME"
  if caches and caches:sub(1, 1) == "/" then return caches .. "/moonsand" end
  local home = ui.env "HOME"
  if home and home:sub(1, 1) == "/" then return home .. "/.cache/moonsand" end
  fault.throw("usage", "nothing says where results are to be kept: HOME is not set", {
    hint = "moonsand build --state DIR ..., or set MOONSAND_DIR",
  })
end

local proxies = {
  "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
  "ALL_PROXY",
}

--- A builder over the recipes, the store and the downloads of this project. Close it.
---@param ui moonsand.Interface
---@param options {state?: string}   and what `moonsand.build`.new takes besides
---@return moonsand.build.Builder
function M.builder(ui, options)
  local config = M.configure(ui)
  local place = M.place(ui, options.state)
  local environment = {}
  for _, name in ipairs(proxies) do environment[name] = ui.env(name) end
  local fields = {
    config = config, store = place .. "/store", directory = place .. "/build",
    downloads = config.data:get "DL_DIR" or place .. "/downloads", environment = environment,
  }
  for name, value in pairs(options) do
    if name ~= "state" then fields[name] = value end
  end
  return require "moonsand.build".new(fields)
end

return M
