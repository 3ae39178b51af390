--- `moonsand shell`: a shell in a sandbox, at the caller's terminal.
local core = require "moonsand.core"
local options = require "moonsand.cli.options"
local run = require "moonsand.cli.run"
local sandbox = require "moonsand.sandbox"

local M = {rest = true}

---@param parser table
function M.define(parser)
  parser:usage "Usage: moonsand shell [OPTION]... [-- CMD [ARG]...]"
  parser:description "A shell in a sandbox that has the options of `moonsand run`."
  options.define(parser)
end

--- The best shell that the sandbox has, with a prompt that tells where one is.
local script = [[
if command -v bash >/dev/null; then exec bash --norc --noprofile -i; fi
exec sh -i
]]

--- Run a program at the terminal: in the caller's session, so that ctrl-C and job control work; the
--- terminal is taken back afterwards.
---@param spec table   options of a sandbox, without streams
---@return moonsand.sandbox.Result
function M.attached(spec)
  spec.stdin, spec.stdout, spec.stderr = "inherit", "inherit", "inherit"
  spec.session = false
  local result = run.attached(sandbox.new(spec))
  if core.isatty(0) then core.foreground(0) end
  return result
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local spec = options.from_arguments(args, ui.env)
  if args.rest and #args.rest > 0 then
    spec.command = args.rest
  else
    spec.script = script
    spec.env.PS1 = spec.env.PS1 or "(moonsand) \\w $ "
  end
  local result = M.attached(spec)
  run.explain(result, ui)
  return result:code()
end

return M
