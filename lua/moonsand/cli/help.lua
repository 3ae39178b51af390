--- `moonsand help [VERB]`, `moonsand --help`.
local fault = require "moonsand.fault"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Show the verbs, or the options of one verb."
  parser:argument("verb"):args("?")
end

--- The first page: what the verbs are.
---@return string
function M.overview()
  local lines = {
    "Usage: moonsand VERB [OPTION]...      moonsand help VERB shows the options",
    "       moonsand SCRIPT.lua [ARG]...   runs a script with the toolkit at hand",
    "       moonsand --version",
    "",
  }
  for _, verb in ipairs(require "moonsand.cli.main".verbs) do
    lines[#lines + 1] = ("  %-10s  %s"):format(verb[1], verb[2])
  end
  return table.concat(lines, "\n") .. "\n"
end

---@param args {verb?: string}
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  if not args.verb then
    ui:print(M.overview())
    return 0
  end
  local main = require "moonsand.cli.main"
  local known = {}
  for _, verb in ipairs(main.verbs) do
    if verb[1] == args.verb then
      ui:print(main.parser(args.verb, require("moonsand.cli." .. args.verb)):get_help(), "\n")
      return 0
    end
    known[#known + 1] = verb[1]
  end
  local near = fault.nearest(args.verb, known)
  fault.throw("usage", ("unknown verb '%s'"):format(args.verb), {
    hint = near and ("did you mean '%s'?"):format(near) or "moonsand --help",
  })
end

return M
