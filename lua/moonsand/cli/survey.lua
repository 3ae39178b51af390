--- Reading all recipes for a verb: a line of progress on a terminal, and every error, not just the
--- first.
local jobs = require "moonsand.cli.jobs"
local survey = require "moonsand.recipe.survey"

local M = {}

local interval = 0.1 -- seconds between two redraws

local function progress(ui)
  if not ui:terminal() then return nil end
  local drawn = ui.clock()
  return function(done, total, failed)
    local now = ui.clock()
    if done < total and now - drawn < interval then return end
    drawn = now
    if done == total then return ui:say("\r\27[K") end
    ui:say(("\r[%d/%d] reading recipes%s\27[K"):format(done, total,
      failed > 0 and (" · %d failed"):format(failed) or ""))
  end
end

--- Read recipe files, or all.
---@param config moonsand.recipe.Configuration
---@param ui moonsand.Interface
---@param args {jobs?: string}
---@param files? string[]
---@return moonsand.recipe.Survey
function M.read(config, ui, args, files)
  return survey.read(config, {
    files = files, jobs = jobs.number(args.jobs), progress = progress(ui),
  })
end

--- Say what went wrong, all of it.
---@param all moonsand.recipe.Survey
---@param ui moonsand.Interface
function M.complain(all, ui)
  for _, failure in ipairs(all.failures) do
    if failure.problem.where then
      ui:say(tostring(failure.problem), "\n")
    else
      ui:say(failure.file, ": ", tostring(failure.problem), "\n")
    end
  end
end

return M
