--- Where a recipe says something, for messages and for drawings of the graph.
local M = {}

--- Where a recipe says something: "file:line" of the last statement on a variable, or on its flag,
--- that mentions the text; or the recipe's file.
---@param recipe moonsand.recipe.Recipe
---@param variable string
---@param text? string
---@param flag? string
---@return string
function M.of(recipe, variable, text, flag)
  local found
  for _, entry in ipairs(recipe.data:where(variable) or {}) do
    local mentions = not text or (entry.text or ""):find(text, 1, true)
    if entry.file and entry.line and entry.flag == flag and (mentions or not found) then
      found = ("%s:%d"):format(entry.file, entry.line)
    end
  end
  return found or recipe.file
end

local function lists(text, task)
  for word in (text or ""):gmatch("%S+") do
    if word == task or "do_" .. word == task then return true end
  end
  return false
end

--- Where `addtask` says that one task of a recipe comes after another.
---@param recipe moonsand.recipe.Recipe
---@param task string
---@param first string   the task that comes before it
---@return string
function M.of_order(recipe, task, first)
  for _, entry in ipairs(recipe.data:where(task) or {}) do
    if lists(entry.after, first) then return ("%s:%d"):format(entry.file, entry.line) end
  end
  for _, entry in ipairs(recipe.data:where(first) or {}) do
    if lists(entry.before, task) then return ("%s:%d"):format(entry.file, entry.line) end
  end
  return M.of(recipe, task, nil, "task")
end

--- Where a recipe asks for a package: in RDEPENDS or RRECOMMENDS, or those of one of its packages.
---@param recipe moonsand.recipe.Recipe
---@param name string
---@return string
function M.of_package(recipe, name)
  for _, variable in ipairs {"RDEPENDS", "RRECOMMENDS"} do
    for _, package in ipairs {"", table.unpack(recipe.packages)} do
      local full = package == "" and variable or variable .. ":" .. package
      for _, entry in ipairs(recipe.data:where(full) or {}) do
        if entry.file and entry.line and (entry.text or ""):find(name, 1, true) then
          return ("%s:%d"):format(entry.file, entry.line)
        end
      end
    end
  end
  return recipe.file
end

return M
