--- Reading all recipes for a verb: a line of progress on a terminal, and every error, not just the
--- first.
local jobs = require "moonsand.cli.jobs"
local multiconfig = require "moonsand.recipe.multiconfig"
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
---@param config moonsand.recipe.Configuration   what it was read with
function M.complain(all, ui, config)
  local name = config.name == "" and "" or ("mc:%s: "):format(config.name)
  for _, failure in ipairs(all.failures) do
    if failure.problem.where then
      ui:say(name, tostring(failure.problem), "\n")
    else
      ui:say(name, failure.file, ": ", tostring(failure.problem), "\n")
    end
  end
end

-- The names of the configurations that targets are of, the main one first.
local function named(config, targets)
  local wanted, names = {}, {}
  for _, target in ipairs(targets) do
    local name, rest = multiconfig.split(target)
    local world = rest == target and (target:find "^world%f[:%z]" or target:find "^universe%f[:%z]")
    wanted[world and "*" or name] = true
  end
  for _, name in ipairs(config:names_of_all()) do
    if wanted["*"] or wanted[name] then names[#names + 1] = name end
  end
  return names
end

--- Read the recipes of the configurations that targets are of, and say what went wrong.
---@param config moonsand.recipe.Configuration
---@param ui moonsand.Interface
---@param args {jobs?: string}
---@param targets string[]
---@return boolean ok
function M.read_for(config, ui, args, targets)
  local ok = true
  for _, name in ipairs(named(config, targets)) do
    local one = config:multiconfig(name)
    local all = M.read(one, ui, args)
    M.complain(all, ui, one)
    ok = ok and #all.failures == 0
    if ok then one:catalogue(all) end
  end
  return ok
end

return M
