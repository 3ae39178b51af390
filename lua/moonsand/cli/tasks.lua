--- `moonsand tasks RECIPE`: the tasks of a recipe, and what they wait for.
local format = require "moonsand.cli.show.format"
local order = require "moonsand.order"
local project = require "moonsand.cli.project"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "List the tasks of a recipe, in the order of addtask, and what they wait for."
  parser:argument("recipe"):description("its name, or its file")
  parser:flag("--flags"):description("with the flags that shape the graph")
  parser:flag("--json"):description("as JSON")
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
  local tasks = project.recipe(config, args.recipe).tasks
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
