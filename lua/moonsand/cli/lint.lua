--- `moonsand lint FILE...`: slips that BitBake takes without a word.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local format = require "moonsand.cli.show.format"
local project = require "moonsand.cli.project"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Look for slips in metadata that are taken without a word."
  parser:argument("file"):args("+"):description("recipes, appends, includes, classes, .conf files")
  parser:flag("--json"):description("as JSON")
end

local endings = {bb = true, bbappend = true, bbclass = true, inc = true, conf = true}

local function checked(path)
  local file = project.absolute(path)
  local stat = core.stat(file, "follow")
  if not stat or stat.type ~= "file" then
    fault.throw("usage", ("there is no file '%s'"):format(path))
  end
  if not endings[file:match("%.(%w+)$") or ""] then
    fault.throw("usage", ("'%s' is not called like a file of metadata"):format(path),
      {hint = "their names end in .bb, .bbappend, .bbclass, .inc or .conf"})
  end
  return file
end

local function as_json(findings)
  local json = require "dkjson"
  return json.encode(setmetatable(findings, {__jsontype = "array"}), {indent = true,
    keyorder = {"file", "line", "rule", "message", "fix"}})
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local files, findings = {}, {}
  for i, path in ipairs(args.file) do files[i] = checked(path) end
  local config <close> = project.configure(ui)
  local lint, here = require "moonsand.recipe.lint".new(config), core.realpath(".")
  for _, file in ipairs(files) do
    for _, each in ipairs(lint:check(file)) do
      findings[#findings + 1] = each
      if not args.json then
        ui:print(("%s:%d: %s [%s]\n  %s\n"):format(format.below(each.file, here), each.line,
          each.message, each.rule, each.fix))
      end
    end
  end
  if args.json then ui:print(as_json(findings), "\n") end
  return #findings > 0 and 1 or 0
end

return M
