--- `moonsand run [OPTION]... -- CMD [ARG]...`: a sandbox made by hand.
local attach = require "moonsand.cli.attach"
local fault = require "moonsand.fault"
local options = require "moonsand.cli.options"
local policy = require "moonsand.cli.policy"
local sandbox = require "moonsand.sandbox"

local M = {rest = true, hint = "moonsand run [OPTION]... -- CMD [ARG]...   (moonsand help run)"}

---@param parser table
function M.define(parser)
  parser:usage "Usage: moonsand run [OPTION]... -- CMD [ARG]..."
  parser:description "Run a command in a sandbox made by hand; see also moonsand-run(1)."
  options.define(parser)
  parser:option("--plan"):argname("steps|bwrap"):args("?"):choices({"steps", "bwrap"})
    :description("print the steps that make the sandbox, or the equal command line of bubblewrap,"
      .. " and run nothing")
    :action(function(args, _, value)
      args.plan = type(value) == "table" and (value[1] or "steps") or value
    end)
  parser:option("--json"):argname("FILE|FD"):description("write how the run ended as JSON")
end

--- Where `--json` writes: opened before the run, so that a wrong name costs nothing.
local function open_report(target)
  if not target then return nil end
  local fd = target:find("^%d+$") -- "a": whoever opened it may have written to it before
  local file, problem = io.open(fd and "/dev/fd/" .. target or target, fd and "a" or "w")
  if not file then fault.throw("usage", ("'--json %s': %s"):format(target, problem)) end
  return file
end

local fields = {
  "ok", "outcome", "exit_code", "signal", "timed_out", "timed_out_by", "limits_hit", "not_enforced",
  "mount_points",
  "message", "hint", "step", "verb", "path", "errno", "log", "wall", "usage", "leftovers",
}

--- docs/result.md. The record without the streams, which went elsewhere.
local function write_report(file, result)
  local record = {}
  for _, name in ipairs(fields) do record[name] = result[name] end
  file:write(require "dkjson".encode(record, {indent = true, keyorder = fields}), "\n")
  file:close()
end

--- Say why there was no program, or why it was stopped.
---@param result moonsand.sandbox.Result
---@param ui moonsand.Interface
function M.explain(result, ui)
  if result.outcome == "setup_failed" or result.outcome == "exec_failed" then
    ui:say("moonsand: ", tostring(result), "\n")
    if result.hint then ui:say("  ", result.hint, "\n") end
    for _, line in ipairs(require("moonsand.sandbox.doctor").explain(result)) do
      ui:say("  ", line, "\n")
    end
  elseif result.timed_out or result.outcome == "oom" then
    ui:say("moonsand: ", tostring(result), "\n")
  end
  for _, unmet in ipairs(result.not_enforced) do
    ui:say("moonsand: not enforced: ", unmet.option, ": ", unmet.reason, "\n")
  end
  if #result.mount_points > 0 then
    ui:say("moonsand: made on the disk, to mount there: ", table.concat(result.mount_points, " "),
      "\n")
  end
end

--- Print the plan in one of its forms.
local function show(form, box, ui)
  if form == "steps" then
    ui:print(box:plan():describe())
    return 0
  end
  local text, missing = box:plan():bwrap(box.options)
  for _, what in ipairs(missing) do ui:print("# bubblewrap has no equal for: ", what, "\n") end
  ui:print(text or "")
  return text and 0 or 1
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  if not args.rest or #args.rest == 0 then
    fault.throw("usage", "there is no command after --", {hint = M.hint})
  end
  local spec = policy.spec(args, ui.env)
  spec.command = args.rest
  if args.plan then return show(args.plan, sandbox.new(spec), ui) end
  local _ <close> = attach.prepare(spec)
  local report = open_report(args.json)
  local result = attach.run(spec)
  if report then write_report(report, result) end
  M.explain(result, ui)
  return result:code()
end

return M
