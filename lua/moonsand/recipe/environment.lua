--- The environment of whoever reads recipes: which of it becomes variables.
local words = require("moonsand.text").words

local M = {}

-- Those that functions see, too, while recipes are read.
local exported = {"BB_TASKHASH", "HOME", "LOGNAME", "PATH", "PWD", "SHELL", "USER", "LC_ALL",
  "BBSERVER"}
local kept = {"BBPATH", "BB_PRESERVE_ENV", "BB_ENV_PASSTHROUGH_ADDITIONS"}

-- The names that pass; nil: all do.
local function passing(env)
  if env.BB_PRESERVE_ENV then return nil end
  local names = {}
  local function add(list)
    for _, name in ipairs(list) do names[name] = true end
  end
  if env.BB_ENV_PASSTHROUGH then
    add(words(env.BB_ENV_PASSTHROUGH))
    names.BB_ENV_PASSTHROUGH = true
  else
    add(exported)
    add(kept)
  end
  add(words(env.BB_ENV_PASSTHROUGH_ADDITIONS))
  return names
end

--- Make variables of the environment; all of it stays reachable as BB_ORIGENV.
---@param d moonsand.recipe.Data
---@param env table<string, string>
function M.take(d, env)
  local names = passing(env)
  for name, value in pairs(env) do
    if not names or names[name] then
      d:put(name, value, {operator = "environment", name = name, text = value})
    end
  end
  for _, name in ipairs(exported) do
    if env[name] and (not names or names[name]) then d:set_flag(name, "export", true, false) end
  end
  d.state.environment = env
end

--- What only the caller's environment says is not for tasks: his name and his directories differ
--- from those of who takes the result.
---@param d moonsand.recipe.Data   the task's own
function M.hide(d)
  local env = d.state.environment or {}
  for _, name in ipairs(exported) do
    if env[name] and d:raw(name) == env[name] then d:delete_flag(name, "export", false) end
  end
end

return M
