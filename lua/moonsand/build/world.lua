--- The target `world`: every recipe, as BitBake has it (bb/cooker.py: buildWorldTargetList and
--- buildDependTree): without those that say EXCLUDE_FROM_WORLD, and with a task only those that
--- have it.
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local order = require "moonsand.order"

local M = {}

local function has_task(recipe, name)
  for _, task in ipairs(recipe.tasks) do
    if task.name == name then return true end
  end
  return false
end

local function belongs(recipe, task)
  local excluded = recipe.data:get "EXCLUDE_FROM_WORLD"
  if excluded and excluded ~= "" and excluded ~= "0" then return false end
  return not task or has_task(recipe, task)
end

-- Those that are preferred among what provides their own name.
local function recipes(config)
  local set = {}
  for _, name in ipairs(config:names()) do
    local ok, recipe = pcall(config.find, config, name)
    if ok and recipe.name == name then set[name] = recipe end
  end
  return set
end

--- Targets with `world` and `world:TASK` replaced by what they stand for.
---@param config moonsand.recipe.Configuration
---@param targets string[]
---@return string[]
function M.expand(config, targets)
  local list, all = {}, nil
  for _, target in ipairs(targets) do
    local name, task = graph.target(target)
    if name == "world" then
      all = all or recipes(config)
      local before = #list
      for other, recipe in order.sorted(all) do
        if belongs(recipe, task) then
          list[#list + 1] = task and other .. ":" .. graph.short(task) or other
        end
      end
      if #list == before then
        fault.throw("graph", task and ("no recipe has the task '%s'"):format(task)
          or "there is no recipe", {hint = "moonsand recipes shows what there is"})
      end
    else
      list[#list + 1] = target
    end
  end
  return list
end

return M
