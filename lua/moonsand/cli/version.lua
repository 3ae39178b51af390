--- `moonsand version`, `moonsand --version`.
local M = {}

---@param parser table
function M.define(parser)
  parser:description "Print the version."
end

---@param _ table
---@param ui moonsand.Interface
---@return integer code
function M.run(_, ui)
  ui:print(require "moonsand"._VERSION, " (", _VERSION, ")\n")
  return 0
end

return M
