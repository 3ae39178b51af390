--- Reading all recipes for a verb: a line of progress on a terminal, and every error, not just the
--- first.
local fault = require "moonsand.fault"

local M = {}

local interval = 0.1 -- seconds between two redraws

---@class moonsand.Survey
---@field recipes moonsand.recipe.Recipe[]   with their variants, in the order of the files
---@field files integer
---@field failures {file: string, problem: any}[]

local function progress(ui, total)
  if not ui:terminal() then return function() end end
  local drawn = ui.clock()
  return function(done, failed)
    local now = ui.clock()
    if done < total and now - drawn < interval then return end
    drawn = now
    if done == total then return ui:say("\r\27[K") end
    ui:say(("\r[%d/%d] reading recipes%s\27[K"):format(done, total,
      failed > 0 and (" · %d failed"):format(failed) or ""))
  end
end

--- Read the recipe files that a function chooses.
---@param config moonsand.recipe.Configuration
---@param ui moonsand.Interface
---@param chosen? fun(file: string): boolean
---@return moonsand.Survey
function M.read(config, ui, chosen)
  local files = {}
  for _, file in ipairs(config:recipes()) do
    if not chosen or chosen(file) then files[#files + 1] = file end
  end
  local survey = {recipes = {}, files = #files, failures = {}}
  local draw = progress(ui, #files)
  for i, file in ipairs(files) do
    local ok, problem, list = xpcall(config.load, fault.traced, config, file)
    if ok then
      table.move(list, 1, #list, #survey.recipes + 1, survey.recipes)
    elseif fault.is(problem) and problem.kind == "recipe" then
      table.insert(survey.failures, {file = file, problem = problem})
    else
      error(problem, 0)
    end
    draw(i, #survey.failures)
  end
  return survey
end

--- Say what went wrong, all of it.
---@param survey moonsand.Survey
---@param ui moonsand.Interface
function M.complain(survey, ui)
  for _, failure in ipairs(survey.failures) do
    if failure.problem.where then
      ui:say(tostring(failure.problem), "\n")
    else
      ui:say(failure.file, ": ", tostring(failure.problem), "\n")
    end
  end
end

return M
