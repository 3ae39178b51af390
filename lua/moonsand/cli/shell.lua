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

--- Signals that are the terminal's business: the window changed, or moonsand is to end.
local function on_signal(signals, running)
  local name = core.read_signal(signals)
  if name == "WINCH" then
    running:resize(0)
  elseif name then
    running:kill(name)
  end
end

--- Run a program at the caller's terminal, on a terminal of its own: it can push no keys into ours.
local function at_terminal(spec, ui)
  spec.pty, spec.stdin, spec.stdout, spec.stderr = true, "inherit", nil, nil
  spec.on_output = function(_, bytes)
    ui.out:write(bytes)
    ui.out:flush()
  end
  local signals <close> = assert(core.signals("WINCH", "TERM", "HUP"))
  local running <close>, failure = sandbox.new(spec):start()
  if not running then return failure end
  running:resize(0)
  local raw <close> = assert(core.raw(0))
  return running:wait {{fd = signals, ready = function() on_signal(signals, running) end}}, raw
end

--- Run a program as this process's own, at the terminal when there is one.
---@param spec table   options of a sandbox, without streams
---@param ui moonsand.Interface
---@return moonsand.sandbox.Result
function M.attached(spec, ui)
  if core.isatty(0) and core.isatty(1) then return (at_terminal(spec, ui)) end
  spec.stdin, spec.stdout, spec.stderr = "inherit", "inherit", "inherit"
  return run.attached(sandbox.new(spec))
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
  local result = M.attached(spec, ui)
  run.explain(result, ui)
  return result:code()
end

return M
