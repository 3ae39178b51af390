--- `moonsand shell`: a shell in a sandbox, at the caller's terminal.
local attach = require "moonsand.cli.attach"
local core = require "moonsand.core"
local options = require "moonsand.cli.options"
local policy = require "moonsand.cli.policy"
local project = require "moonsand.cli.project"
local run = require "moonsand.cli.run"

local M = {rest = true}

---@param parser table
function M.define(parser)
  parser:usage "Usage: moonsand shell [RECIPE:TASK | OPTION...] [-- CMD [ARG]...]"
  parser:description("A shell in the sandbox of a task, as it stopped when it failed; without\n" ..
    "a task, in a sandbox that has the options of `moonsand run`.")
  parser:argument("task"):argname("RECIPE:TASK"):args("?")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  options.define(parser)
end

--- The best shell that the sandbox has, with a prompt that tells where one is.
local script = [[
if command -v bash >/dev/null; then exec bash --norc --noprofile -i; fi
exec sh -i
]]

--- Put the words of the command line, or a shell, into the options of a sandbox.
local function set_program(spec, rest, name)
  if rest and #rest > 0 then
    spec.command = rest
  else
    spec.script = script
    spec.env.PS1 = spec.env.PS1 or ("(%s) \\w $ "):format(name)
  end
end

--- Run a program as this process's own, at the terminal when there is one.
---@param spec table   options of a sandbox, without streams
---@return moonsand.sandbox.Result
function M.attached(spec)
  spec.stdin = "inherit"
  if core.isatty(0) and core.isatty(1) then
    spec.pty, spec.stdout, spec.stderr = true, nil, nil
  else
    spec.stdout, spec.stderr = "inherit", "inherit"
  end
  local _ <close>, source = attach.prepare(spec)
  return attach.run(spec, source)
end

local function finish(result, ui)
  run.explain(result, ui)
  return result:code()
end

--- A command in place of the interactive shell: it has what the first lines of that shell set.
local function with_variables(shell, words)
  local rc
  for i, word in ipairs(shell) do
    if word == "--rcfile" then rc = shell[i + 1] end
  end
  local command = {"/bin/bash", "--noprofile", "--norc", "-c", '. "$0" >/dev/null; exec "$@"', rc}
  return table.move(words, 1, #words, #command + 1, command)
end

local states = {
  failed = "as it stopped; what you change is there the next time",
  ended = "as it ended; what you change is forgotten",
  start = "as it would start; what you change is forgotten",
}

--- Enter the sandbox of a task: see `Builder:enter`.
---@param args {task: string, state?: string, rest?: string[]}
---@param ui moonsand.Interface
---@return integer code
function M.enter(args, ui)
  local builder <close> = project.builder(ui, {state = args.state})
  local spec, entry = builder:enter(args.task)
  spec.env.TERM = ui.env "TERM" or "dumb"
  local rest = args.rest or {}
  if #rest == 0 and core.isatty(0) then
    ui:say(("%s %s\n"):format(args.task, states[entry.state]))
  else
    spec.command = with_variables(spec.command, #rest > 0 and rest or {"/bin/bash"})
  end
  return finish(M.attached(spec), ui)
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  if args.task then return M.enter(args, ui) end
  local spec = policy.spec(args, ui.env)
  set_program(spec, args.rest, "moonsand")
  return finish(M.attached(spec), ui)
end

return M
