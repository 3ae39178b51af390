--- `moonsand doctor`: what this host can do, and what to do about what it cannot.
local doctor = require "moonsand.sandbox.doctor"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Try what sandboxes need of this host, and say how to get what is missing."
  parser:flag("--json"):description("print the findings as JSON")
end

local function show(ui, finding)
  if finding.ok then
    ui:print("ok  ", finding.what, "\n")
    return
  end
  ui:print("no  ", finding.what, "\n")
  if finding.fix then ui:print("      -> ", finding.fix, "\n") end
  if finding.lasts then ui:print("         holds ", finding.lasts, "\n") end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code   0: everything is there; 3: something is missing
function M.run(args, ui)
  local findings = doctor.check()
  local ok = true
  for _, finding in ipairs(findings) do ok = ok and finding.ok end
  if args.json then
    ui:print(require "dkjson".encode(findings, {indent = true}), "\n")
  else
    for _, finding in ipairs(findings) do show(ui, finding) end
  end
  return ok and 0 or 3
end

return M
