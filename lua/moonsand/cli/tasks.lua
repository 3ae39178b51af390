--- `moonsand tasks RECIPE`: the tasks of a recipe, and what they wait for.
local fault = require "moonsand.fault"
local format = require "moonsand.cli.show.format"
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"
local project = require "moonsand.cli.project"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "List the tasks of a recipe, in the order of addtask, and what they wait for."
  parser:argument("recipe"):description("its name, or its file")
  parser:flag("--flags"):description("with the flags that shape the graph")
  parser:option("--script"):argname("TASK"):description(
    "the exported variables and the functions of the run script of a shell task")
  parser:flag("--json"):description("as JSON")
end

local function full(name) return name:find("^do_") and name or "do_" .. name end

-- What a shell task runs with: its own store, as a build makes it.
local function script_of(recipe, task)
  local names = {}
  for i, each in ipairs(recipe.tasks) do names[i] = each.name end
  local name = full(task)
  if not recipe.data:flag(name, "task") then
    local near = fault.nearest(name, names)
    fault.throw("usage", ("recipe '%s' has no task '%s'"):format(multiconfig.name(recipe),
      task), {hint = near and ("did you mean '%s'?"):format(near)
        or "moonsand tasks " .. multiconfig.name(recipe)})
  end
  local library = require "moonsand.recipe"
  return library.shell.emit(library.task_data(recipe.data, name), name)
end

local function as_json(tasks)
  local json = require "dkjson"
  local list = {}
  for i, task in ipairs(tasks) do
    list[i] = {name = task.name, after = setmetatable(task.after, {__jsontype = "array"}),
      flags = next(task.flags) and task.flags or nil}
  end
  return json.encode(list, {indent = true, keyorder = {"name", "after", "flags"}})
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local config <close> = project.configure(ui)
  local recipe = project.recipe(config, args.recipe)
  if args.script then
    ui:print(script_of(recipe, args.script))
    return 0
  end
  local tasks = recipe.tasks
  if args.json then
    ui:print(as_json(tasks), "\n")
    return 0
  end
  local width = 0
  for _, task in ipairs(tasks) do width = math.max(width, #task.name) end
  for _, task in ipairs(tasks) do
    local after = #task.after > 0 and "after " .. table.concat(task.after, " ") or ""
    local line = (format.pad(task.name, width) .. "  " .. after):gsub("%s+$", "")
    ui:print(line, "\n")
    for flag, value in order.sorted(args.flags and task.flags or {}) do
      if value ~= "" then ui:print("    [", flag, "] ", tostring(value), "\n") end
    end
  end
  return 0
end

return M
