--- `moonsand recipes [PATTERN]`: the recipes that there are.
local core = require "moonsand.core"
local format = require "moonsand.cli.show.format"
local multiconfig = require "moonsand.recipe.multiconfig"
local project = require "moonsand.cli.project"
local survey = require "moonsand.cli.survey"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "List recipes: name, version, metadata layer and file."
  parser:argument("pattern"):args("?"):description(
    "a name; * and ? stand for other characters; mc:NAME:PATTERN is of that multiconfig")
  parser:option("-j --jobs"):argname("N"):description("how many processes read recipes")
  parser:flag("--json"):description("as JSON")
end

-- A shell pattern as a Lua pattern.
local function pattern_of(text)
  local out = text:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".")
  return "^" .. out .. "$"
end

-- "mc:small:z*"; "mc:small:" is all of that one.
local function multiconfig_of(text)
  local name = text:match "^mc:([^:]*):$"
  if name then return name, "" end
  return multiconfig.split(text)
end

local function item_of(recipe)
  return {name = multiconfig.name(recipe), version = recipe.version, layer = recipe.layer,
    file = recipe.file, skipped = recipe.skipped}
end

local function by_name(a, b)
  if a.name ~= b.name then return a.name < b.name end
  return a.file < b.file
end

local function show(ui, items)
  local here, widths = core.realpath("."), {name = 0, version = 0, layer = 0}
  for _, item in ipairs(items) do
    for field, width in pairs(widths) do
      widths[field] = math.max(width, #(item[field] or "-"))
    end
  end
  for _, item in ipairs(items) do
    ui:print(format.pad(item.name, widths.name), "  ", format.pad(item.version, widths.version),
      "  ", format.pad(item.layer or "-", widths.layer), "  ", format.below(item.file, here),
      item.skipped and "  (skipped: " .. item.skipped .. ")" or "", "\n")
  end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local config <close> = project.configure(ui)
  local name, text = multiconfig_of(args.pattern or "")
  local pattern, items, read = text ~= "" and pattern_of(text), {}, {}
  for _, each in ipairs(name == "*" and config:names_of_all() or {name}) do
    local one = config:multiconfig(each)
    local all = survey.read(one, ui, args)
    for _, recipe in ipairs(all.recipes) do
      if not pattern or recipe.name:find(pattern) then items[#items + 1] = item_of(recipe) end
    end
    read[#read + 1] = {config = one, all = all}
  end
  table.sort(items, by_name)
  if args.json then
    local json = require "dkjson"
    ui:print(json.encode(items, {indent = true,
      keyorder = {"name", "version", "layer", "file", "skipped"}}), "\n")
  else
    show(ui, items)
  end
  local failed = false
  for _, each in ipairs(read) do
    survey.complain(each.all, ui, each.config)
    failed = failed or #each.all.failures > 0
  end
  return failed and 2 or (pattern and #items == 0) and 1 or 0
end

return M
