--- `calculate_extra_depends`: Python of a recipe that adds to what it depends on, once it is known
--- what else there is.
local fault = require "moonsand.fault"
local words = require("moonsand.text").words

local M = {}

local known = setmetatable({}, {__mode = "k"})

-- The function's text with the names that it is promised; what it leaves in `deps` is the answer.
local wrapper = [[
    def calculate(deps, world_target, pkg_pn, self_pn):
%s
        return
    pkg_pn = {}
    for line in d.getVar("_EXTRA_FILES").split("\n"):
        name, path = line.split("\t")
        pkg_pn.setdefault(name, []).append(path)
    deps = d.getVar("_EXTRA_DEPENDS").split()
    calculate(deps, set(d.getVar("_EXTRA_WORLD").split()), pkg_pn, d.getVar("PN"))
    d.setVar("_EXTRA_DEPENDS", " ".join(deps))
]]

local function calculated(catalogue, recipe)
  local where = recipe.data:place("calculate_extra_depends") or recipe.file
  if not recipe.data.python then
    fault.throw("graph", "calculate_extra_depends is a python function, and needs Python", {
      where = where, hint = "install python3"})
  end
  local d, files = recipe.data:copy(), {}
  for i, each in ipairs(catalogue.recipes) do files[i] = each.name .. "\t" .. each.file end
  d:set("_EXTRA_FILES", table.concat(files, "\n"))
  d:set("_EXTRA_DEPENDS", table.concat(recipe.depends, " "))
  d:set("_EXTRA_WORLD", table.concat(catalogue:all("world"), " "))
  local file, line = where:match("^(.*):(%d+)$")
  local body = recipe.extra:gsub("[^\n]+", "    %0"):gsub("%%", "%%%%")
  d.python:run(d, "calculate_extra_depends", file or where, math.tointeger(tonumber(line)) or 0,
    (wrapper:gsub("%%s\n", body, 1)))
  return words(d:get("_EXTRA_DEPENDS"))
end

--- What a recipe depends on, with what it adds itself.
---@param catalogue moonsand.recipe.Catalogue
---@param recipe moonsand.recipe.Recipe
---@return string[]
function M.depends(catalogue, recipe)
  if not recipe.extra then return recipe.depends end
  if not known[recipe] then known[recipe] = calculated(catalogue, recipe) end
  return known[recipe]
end

return M
