--- `moonsand doctor`: what this host can do, and what to do about what it cannot.
local doctor = require "moonsand.sandbox.doctor"
local project = require "moonsand.cli.project"
local store = require "moonsand.layer.doctor"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Try what sandboxes need of this host, and say how to get what is missing."
  parser:flag("--fix"):description("remove what killed callers of moonsand left behind")
  parser:flag("--json"):description("print the findings as JSON")
  parser:option("--state"):argname("DIR"):description("where builds keep what they made")
end

local function show(ui, finding)
  if finding.ok then return ui:print("ok  ", finding.what, "\n") end
  ui:print("no  ", finding.what, "\n")
  if finding.cost then ui:print("      costs  ", finding.cost, "\n") end
  if finding.fix then ui:print("      ->     ", finding.fix, "\n") end
  if finding.lasts then ui:print("      holds  ", finding.lasts, "\n") end
end

local function print_all(ui, report)
  for _, path in ipairs(report.removed) do ui:print("removed ", path, "\n") end
  for _, reason in ipairs(report.stuck) do ui:print("not removed: ", reason, "\n") end
  for _, finding in ipairs(report.findings) do show(ui, finding) end
end

--- Where the store is; nil when nothing says so, which only builds mind.
local function store_of(args, ui)
  local ok, place = pcall(project.place, ui, args.state)
  return ok and place .. "/store" or nil
end

--- Remove leftovers, of sandboxes and of builds.
local function fix(report, place)
  for _, fixer in ipairs {doctor, place and store} do
    local removed, stuck = fixer.fix(place)
    table.move(removed, 1, #removed, #report.removed + 1, report.removed)
    table.move(stuck, 1, #stuck, #report.stuck + 1, report.stuck)
  end
end

local order = {"removed", "stuck", "findings", "name", "ok", "needed", "what", "cost", "fix",
  "lasts"}

---@param args table
---@param ui moonsand.Interface
---@return integer code   0: there can be sandboxes; 3: something that all of them need is missing
function M.run(args, ui)
  local place = store_of(args, ui)
  local report = {removed = {}, stuck = {}}
  if args.fix then fix(report, place) end
  report.findings = doctor.check(ui.env "PATH")
  local more = place and store.check(place) or {}
  table.move(more, 1, #more, #report.findings + 1, report.findings)
  if args.json then
    ui:print(require "dkjson".encode(report, {indent = true, keyorder = order}), "\n")
  else
    print_all(ui, report)
  end
  for _, finding in ipairs(report.findings) do
    if finding.needed and not finding.ok then return 3 end
  end
  return 0
end

return M
