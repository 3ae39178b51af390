--- What is asked for: "zlib", "zlib:compile", "mc:small:zlib:compile".
local multiconfig = require "moonsand.recipe.multiconfig"

local M = {}

--- The word that a person reads: "do_compile" is "compile".
---@param task string
---@return string
function M.short(task)
  return (task:gsub("^do_", ""))
end

--- The name that a recipe has for it.
---@param task string
---@return string
function M.long(task)
  return task:find("^do_") and task or "do_" .. task
end

--- Split "zlib", "zlib:compile" or "zlib:do_compile"; the task is nil when only a name was given.
--- What is of another configuration has it in its name.
---@param target string
---@return string name    "zlib", "mc:small:zlib"
---@return string? task
function M.parse(target)
  local configuration, rest = multiconfig.split(target)
  local name, task = rest:match "^(.+):([%w_%-]+)$"
  return multiconfig.join(configuration, name or rest), task and M.long(task)
end

return M
