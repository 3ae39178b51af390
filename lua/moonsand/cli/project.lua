--- What the command line and the environment say of recipes, and of where results are kept.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local jobs = require "moonsand.cli.jobs"
local multiconfig = require "moonsand.recipe.multiconfig"

local M = {}

--- An absolute path; one that does not exist yet stays below the current directory.
---@param path string
---@return string
function M.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return core.realpath(path) or assert(core.realpath(".")) .. "/" .. path
end

local absolute = M.absolute

--- Go to the directory that `-C` names, if it does.
---@param directory? string
function M.enter(directory)
  if not directory then return end
  local ok, message, errno = core.chdir {target = directory}
  if not ok then fault.throw("usage", "-C " .. message, {errno = errno}) end
end

local function is_build_directory(directory)
  return core.stat(directory .. "/conf/bblayers.conf", "follow") ~= nil
end

--- The build directory that one is in, as oe-init-build-env makes it: it, or one of BBPATH, holds
--- conf/bblayers.conf.
---@param ui moonsand.Interface
---@return string?
function M.build_directory(ui)
  for directory in (ui.env "BBPATH" or ""):gmatch("[^:]+") do
    if is_build_directory(directory) then return absolute(directory) end
  end
  local directory = assert(core.realpath("."))
  while directory ~= "" do
    if is_build_directory(directory) then return directory end
    directory = directory:match("^(.*)/")
  end
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

--- How Python in recipes is run.
---@param ui moonsand.Interface
---@return moonsand.recipe.Python?
function M.python(ui)
  local home = ui.home.python and core.realpath(ui.home.python)
  local bitbake = ui.env "BITBAKE_LIB"
  if bitbake == "" then bitbake = nil end
  return home and require "moonsand.build.python".new(home, nil, bitbake) or nil
end

-- In a build directory the environment counts, as it does for BitBake.
local function environment(ui)
  local env = {}
  for _, list in ipairs {
    "HOME LOGNAME PATH PWD SHELL USER LC_ALL BBSERVER BB_ENV_PASSTHROUGH",
    "BB_ENV_PASSTHROUGH_ADDITIONS", ui.env "BB_ENV_PASSTHROUGH" or "",
    ui.env "BB_ENV_PASSTHROUGH_ADDITIONS" or "",
  } do
    for name in list:gmatch("%S+") do env[name] = ui.env(name) end
  end
  return env
end

-- MOONSAND_DIR, or a place among the user's caches.
local function state(ui)
  local named = ui.env "MOONSAND_DIR"
  if named and named ~= "" then return absolute(named) end
  local caches = ui.env "XDG_CACHE_HOME"
  if caches and caches:sub(1, 1) == "/" then return caches .. "/moonsand" end
  local home = ui.env "HOME"
  if home and home:sub(1, 1) == "/" then return home .. "/.cache/moonsand" end
end

-- What is known of recipes is kept for build directories, where there are many.
local function parse_cache(ui, directory)
  local place = directory and state(ui)
  return place and place .. "/parse" or nil
end

--- The configuration that the recipes are read with: the build directory's when one is in one, else
--- BBPATH and what ships with moonsand.
---@param ui moonsand.Interface
---@return moonsand.recipe.Configuration
function M.configure(ui)
  local directory = M.build_directory(ui)
  local config = require "moonsand.recipe".configure {
    path = directory and {directory} or M.path(ui), python = M.python(ui),
    environment = directory and environment(ui) or nil, cache = parse_cache(ui, directory),
    jobs = jobs.number(),
  }
  for _, warning in ipairs(config.warnings or {}) do ui:say("moonsand: ", warning, "\n") end
  return config
end

-- "mc:NAME:REST": the configuration of that name, and the rest.
local function split(config, text)
  local name, rest = multiconfig.split(text)
  return rest == text and config or config:multiconfig(name), rest
end

--- A recipe by its file, by its name, or by what it provides; `mc:NAME:` in front chooses a
--- multiconfig.
---@param config moonsand.recipe.Configuration
---@param name string   "zlib", "recipes/zlib/zlib_1.2.13.bb", "mc:small:zlib"
---@return moonsand.recipe.Recipe
function M.recipe(config, name)
  config, name = split(config, name)
  if name:find("%.bb$") then return (config:load(absolute(name))) end
  return config:named(name) or config:find(name)
end

--- A recipe with all its variants.
---@param config moonsand.recipe.Configuration
---@param name string
---@return moonsand.recipe.Recipe[]
---@return moonsand.recipe.Configuration   that they were read with
function M.variants(config, name)
  config, name = split(config, name)
  local _, list = config:load(M.recipe(config, name).file)
  return list, config
end

--- Where store, downloads and logs are: `--state`, MOONSAND_DIR, or among the user's caches.
---@param ui moonsand.Interface
---@param choice? string   the value of `--state`
---@return string directory
function M.place(ui, choice)
  local place = choice and absolute(choice) or state(ui)
  if place then return place end
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
---@param options {state?: string, config?: table}   and what `moonsand.build`.new takes besides
---@return moonsand.build.Builder
function M.builder(ui, options)
  local config = options.config or M.configure(ui)
  local place = M.place(ui, options.state)
  local proxy = {}
  for _, name in ipairs(proxies) do proxy[name] = ui.env(name) end
  local fields = {
    config = config, store = place .. "/store", directory = place .. "/build",
    downloads = config.data:get "DL_DIR" or place .. "/downloads", environment = proxy,
  }
  for name, value in pairs(options) do
    if name ~= "state" then fields[name] = value end
  end
  return require "moonsand.build".new(fields)
end

return M
