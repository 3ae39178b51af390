--- `moonsand vars RECIPE [NAME]`: the variables of a recipe, and where their values come from.
local compact = require "moonsand.cli.show.compact"
local core = require "moonsand.core"
local dump = require "moonsand.recipe.dump"
local fault = require "moonsand.fault"
local format = require "moonsand.cli.show.format"
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"
local project = require "moonsand.cli.project"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Show the variables of a recipe, or the value of one."
  parser:argument("recipe"):args("?"):description(
    "its name, or its file; mc:NAME: in front: of that multiconfig")
  parser:argument("name"):args("*"):description(
    "a variable, or VARIABLE[flag]; with --all, more recipes")
  parser:flag("--raw"):description("the text before its references are replaced")
  parser:flag("--where"):description("every place that had a part in it, the last one first")
  parser:flag("--flags"):description("its flags")
  parser:flag("--json"):description("as JSON")
  parser:flag("--all"):description(
    "with --json: every variable with text, value and flags, a line for each recipe")
  parser:flag("--config"):description("of the configuration: there is no RECIPE, only NAME")
  parser:flag("--bare"):description("with --all: read each file alone, without a configuration")
end

--- One entry: what there is to say of a variable.
local function entry(data, name, args)
  local variable, flag = name:match("^([^%[]+)%[([^%]]+)%]$")
  local value
  if flag then
    value = data:flag(variable, flag)
  elseif args.raw then
    value = data:raw(name)
  else
    value = data:get(name)
  end
  return {name = name, value = value, where = args.where and data:where(variable or name) or nil,
    flags = args.flags and data:flags(name) or nil}
end

local function unknown(data, name, recipe)
  local near = fault.nearest(name, data:names())
  local whose = recipe and ("recipe '%s'"):format(multiconfig.name(recipe)) or "the configuration"
  fault.throw("usage", ("%s has no variable '%s'"):format(whose, name), {
    hint = near and ("did you mean '%s'?"):format(near) or
      "moonsand vars " .. (recipe and multiconfig.name(recipe) or "--config"),
  })
end

--- One entry as it was written: `CFLAGS += "-pipe"`, `S[dirs] = "x"`, `export CFLAGS`.
local function statement(step)
  local name = step.name or ""
  if step.flag then name = ("%s[%s]"):format(name, step.flag) end
  local operator = step.operator or "="
  if operator:find("^%a") then return operator .. " " .. name end
  return ('%s %s "%s"'):format(name, operator, (tostring(step.text or ""):gsub("\n", "\\n")))
end

--- `recipes/zlib.bb:12  CFLAGS += "-pipe"`, the last one first, the statements in one column.
local function history(where)
  local here = core.realpath(".")
  local places, width = {}, 0
  for i, step in ipairs(where) do
    places[i] = step.line and ("%s:%d"):format(format.below(step.file, here), step.line)
      or format.below(step.file, here) or "-"
    width = math.max(width, #places[i])
  end
  local lines = {}
  for i = #where, 1, -1 do
    lines[#lines + 1] = format.pad(places[i], width) .. "  " .. statement(where[i]) .. "\n"
  end
  return table.concat(lines)
end

local function show_json(ui, value)
  local json = require "dkjson"
  ui:print(json.encode(value, {
    indent = true, keyorder = {"name", "value", "where", "operator", "text", "file", "line"},
  }), "\n")
end

local function show_flags(ui, flags)
  for flag, value in order.sorted(flags) do
    if type(value) == "table" then value = table.concat(value, " ") end
    ui:print(("%s=\"%s\"\n"):format(flag, tostring(value or "")))
  end
end

local function show_one(ui, item, args)
  if args.json then return show_json(ui, item) end
  if args.flags then return show_flags(ui, item.flags) end
  if not args.where then return ui:print(item.value, "\n") end
  ui:print(history(item.where))
end

local function show_all(ui, items, args)
  if args.json then return show_json(ui, items) end
  for _, item in ipairs(items) do
    ui:print(("%s=\"%s\"\n"):format(item.name, (item.value:gsub('["\\]', "\\%0"))))
    if args.where then ui:print((history(item.where):gsub("[^\n]+", "  %0"))) end
  end
end

-- One line of JSON for each recipe.
local function dump_all(args, ui)
  local null = {}
  local encoder = compact.new(null)
  local names = table.move(args.name, 1, #args.name, 2, {args.recipe})
  local config = not args.bare and project.configure(ui)
  if args.config then
    ui:print(encoder:encode(dump.configuration(config.data, null)), "\n")
    return 0
  end
  local python = args.bare and project.python(ui)
  for _, name in ipairs(names) do
    local record
    if args.bare then
      record = dump.bare(project.absolute(name), null, python)
    else
      local variants, of = project.variants(config, name)
      record = dump.recipe(variants, null)
      of.loaded[record.file] = nil -- there may be many more
    end
    ui:print(encoder:encode(record), "\n")
  end
  return 0
end

local function check(args)
  if args.bare and not args.all then
    fault.throw("usage", "--bare goes with --all", {
      hint = "moonsand vars --bare --all --json FILE"})
  elseif args.all and not args.json then
    fault.throw("usage", "--all is there as JSON only", {hint = "add --json"})
  elseif args.config and args.bare then
    fault.throw("usage", "--bare is without a configuration, --config is nothing but that")
  elseif args.config and args.all and args.recipe then
    fault.throw("usage", "--config --all shows all variables of the configuration", {
      hint = "moonsand vars --config " .. args.recipe})
  elseif not args.config and not args.recipe then
    fault.throw("usage", "no recipe is named", {
      hint = "moonsand vars RECIPE, or moonsand vars --config for the configuration alone"})
  elseif not args.all and #args.name > (args.config and 0 or 1) then
    fault.throw("usage", "one variable at a time", {hint = "moonsand vars RECIPE shows them all"})
  end
end

-- --config: "mc:small" is another configuration, "mc:small:MACHINE" a variable of it.
local function of_configuration(config, text)
  local name, rest = (text or ""):match("^mc:([^:]*):?(.*)$")
  if not name then return config.data, text end
  return config:multiconfig(name).data, rest ~= "" and rest or nil
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  check(args)
  if args.all then return dump_all(args, ui) end
  local config, recipe = project.configure(ui), nil
  local data, name = of_configuration(config, args.config and args.recipe)
  if not args.config then
    recipe = project.recipe(config, args.recipe)
    data, name = recipe.data, args.name[1]
  end
  if name then
    local item = entry(data, name, args)
    if item.value == nil and not (args.flags and next(item.flags)) then
      unknown(data, name, recipe)
    end
    show_one(ui, item, args)
    return 0
  end
  local items = {}
  for _, each in ipairs(data:names()) do
    if not data:flag(each, "func") then
      local item = entry(data, each, args)
      if item.value ~= nil then items[#items + 1] = item end
    end
  end
  show_all(ui, items, args)
  return 0
end

return M
