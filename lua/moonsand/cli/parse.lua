--- `moonsand parse [FILE...]`: read all recipes, and say everything that is wrong with them.
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"
local survey = require "moonsand.cli.survey"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Read all recipes, or some files, and say what is wrong with them."
  parser:argument("file"):args("*"):description("recipe files; all when none is given")
  parser:option("-j --jobs"):argname("N"):description("how many processes read recipes")
  parser:flag("--json"):description("as JSON")
end

-- The files that were asked for; each must be one of the recipes.
local function chosen(config, files)
  if #files == 0 then return nil end
  local known, wanted = {}, {}
  for _, file in ipairs(config:recipes()) do known[file] = true end
  for i, file in ipairs(files) do
    wanted[i] = project.absolute(file)
    if not known[wanted[i]] then
      local places = config.data:get("BBFILES") or "(not set)"
      fault.throw("usage", ("'%s' is not among the recipes"):format(file), {
        hint = "recipes are looked for in BBFILES: " .. places})
    end
  end
  return wanted
end

local function as_json(all, files, skipped)
  local json = require "dkjson"
  local errors = {}
  for i, failure in ipairs(all.failures) do
    errors[i] = {file = failure.file, message = failure.problem.message,
      where = failure.problem.where, hint = failure.problem.hint}
  end
  return json.encode({files = files, recipes = #all.recipes, skipped = skipped,
    errors = setmetatable(errors, {__jsontype = "array"})}, {indent = true,
    keyorder = {"files", "recipes", "skipped", "errors", "file", "where", "message", "hint"}})
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local config <close> = project.configure(ui)
  local files = chosen(config, args.file) or config:recipes()
  local all = survey.read(config, ui, args, files)
  local skipped = 0
  for _, recipe in ipairs(all.recipes) do
    if recipe.skipped then skipped = skipped + 1 end
  end
  if args.json then
    ui:print(as_json(all, #files, skipped), "\n")
  else
    survey.complain(all, ui)
    ui:print(("%d files: %d recipes, %d skipped, %d failed\n"):format(#files, #all.recipes,
      skipped, #all.failures))
  end
  return #all.failures > 0 and 2 or 0
end

return M
