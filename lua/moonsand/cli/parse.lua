--- `moonsand parse [FILE...]`: read all recipes, and say everything that is wrong with them.
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"
local project = require "moonsand.cli.project"
local survey = require "moonsand.cli.survey"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Read all recipes, or some files, and say what is wrong with them."
  parser:argument("file"):args("*"):description(
    "recipe files; all, of each multiconfig, when none is given")
  parser:option("-j --jobs"):argname("N"):description("how many processes read recipes")
  parser:flag("--json"):description("as JSON")
end

-- The files that were asked for; each must be one of the recipes.
local function chosen(config, files)
  local known, wanted = {}, {}
  for _, file in ipairs(config:recipes()) do known[file] = true end
  for i, file in ipairs(files) do
    wanted[i] = project.absolute(file)
    if not known[wanted[i]] then
      local places = config.data:get("BBFILES") or "(not set)"
      fault.throw("usage", ("'%s' is not among the recipes"):format(
        multiconfig.join(config.name, file)), {hint = "recipes are looked for in BBFILES: " ..
        places})
    end
  end
  return wanted
end

-- What is read with which configuration: all with each of them, or files with the one they name.
local function asked(config, files)
  local list, by = {}, {}
  for _, name in ipairs(#files == 0 and config:names_of_all() or {}) do
    local one = config:multiconfig(name)
    list[#list + 1] = {config = one, files = one:recipes()}
  end
  for _, file in ipairs(files) do
    local name, rest = multiconfig.split(file)
    if not by[name] then
      by[name] = {}
      list[#list + 1] = {config = config:multiconfig(name), files = by[name]}
    end
    table.insert(by[name], rest)
  end
  for _, one in pairs(#files > 0 and list or {}) do one.files = chosen(one.config, one.files) end
  return list
end

local function skipped_of(all)
  local count = 0
  for _, recipe in ipairs(all.recipes) do
    if recipe.skipped then count = count + 1 end
  end
  return count
end

-- One configuration's are as they ever were; with several, each error says whose it is.
local function as_json(list)
  local json = require "dkjson"
  local sums, errors = {files = 0, recipes = 0, skipped = 0}, {}
  for _, one in ipairs(list) do
    sums.files = sums.files + #one.files
    sums.recipes = sums.recipes + #one.all.recipes
    sums.skipped = sums.skipped + skipped_of(one.all)
    for _, failure in ipairs(one.all.failures) do
      errors[#errors + 1] = {file = failure.file, message = failure.problem.message,
        where = failure.problem.where, hint = failure.problem.hint,
        multiconfig = one.config.name ~= "" and one.config.name or nil}
    end
  end
  sums.errors = setmetatable(errors, {__jsontype = "array"})
  return json.encode(sums, {indent = true, keyorder = {"files", "recipes", "skipped", "errors",
    "file", "where", "message", "hint", "multiconfig"}})
end

local function show(list, ui)
  for _, one in ipairs(list) do
    survey.complain(one.all, ui, one.config)
    ui:print(("%s%d files: %d recipes, %d skipped, %d failed\n"):format(
      one.config.name == "" and "" or ("mc:%s: "):format(one.config.name), #one.files,
      #one.all.recipes, skipped_of(one.all), #one.all.failures))
  end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local config <close> = project.configure(ui)
  local list, failed = asked(config, args.file), false
  for _, one in ipairs(list) do
    one.all = survey.read(one.config, ui, args, one.files)
    failed = failed or #one.all.failures > 0
  end
  if args.json then ui:print(as_json(list), "\n") else show(list, ui) end
  return failed and 2 or 0
end

return M
