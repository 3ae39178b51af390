--- `moonsand run [OPTION]... -- CMD [ARG]...`: a sandbox made by hand.
local lazy = require "moonsand.lazy"
local attach = require "moonsand.cli.attach"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local json = lazy "dkjson"
local options = lazy "moonsand.cli.options"
local policy = require "moonsand.cli.policy"
local result = require "moonsand.sandbox.result"
local sandbox = require "moonsand.sandbox"
local text = require "moonsand.text"
local wording = require "moonsand.cli.wording"

local M = {rest = true, lean = true, closes_all = true,
  hint = "moonsand run [OPTION]... -- CMD [ARG]...   (moonsand help run)"}

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

--- Where `--json` writes: opened before the run, so that a wrong name costs nothing. A descriptor
--- is the caller's own, wherever in its file it stands by then.
local function open_report(target)
  if not target then return nil end
  local number = target:find("^%d+$") and #target < 8 and math.tointeger(tonumber(target))
  local file, problem
  if not number then
    file, problem = core.open(target, "w")
  elseif core.inherited(number) ~= nil then
    file, problem = core.dup(number)
  else
    fault.throw("usage", ("'--json %s': the caller's descriptor %s is not open"):format(target,
      target), {hint = ("moonsand run --json %s -- CMD %s>FILE"):format(target, target)})
  end
  if not file then fault.throw("usage", ("'--json %s': %s"):format(target, problem)) end
  return file
end

--- docs/result.md. JSON is text: a byte that is none becomes U+FFFD.
local function add_output(record, own)
  for _, name in ipairs {"stdout", "stderr"} do
    record[name] = text.valid(own[name])
  end
end

local function write_report(file, own, keep)
  local record = own:record()
  if keep then add_output(record, own) end
  local words = json.encode(record, {indent = true, keyorder = result.key_order})
  local ok, problem, errno = text.write_all(file, words .. "\n")
  file:close()
  if not ok then fault.throw("fs", "the record of --json: " .. problem, {errno = errno}) end
end

--- Run to the end. What this host lacks is a result as any other.
local function run(spec, source)
  local ok, own = pcall(wording.of, attach.run, spec, source)
  if ok then return own end
  local lacks = fault.is(own) and (own.kind == "host" or own.kind == "sandbox")
  if not lacks then error(own, 0) end
  return result.refused(own)
end

--- Say why there was no program, or why it was stopped.
---@param own moonsand.sandbox.Result
---@param ui moonsand.Interface
function M.explain(own, ui)
  if own.outcome == "setup_failed" or own.outcome == "exec_failed" then
    ui:say("moonsand: ", tostring(own), "\n")
    if own.hint then ui:say("  ", own.hint, "\n") end
    for _, line in ipairs(require("moonsand.sandbox.doctor").explain(own)) do
      ui:say("  ", line, "\n")
    end
  elseif own.timed_out or own.outcome == "oom" then
    ui:say("moonsand: ", tostring(own), "\n")
  elseif own.hint then
    ui:say("moonsand: ", own.hint, "\n")
  end
  for _, unmet in ipairs(own.not_enforced) do
    ui:say("moonsand: not enforced: ", unmet.option, ": ", unmet.reason, "\n")
  end
  if #own.mount_points > 0 then
    ui:say("moonsand: made on the disk, to mount there: ", table.concat(own.mount_points, " "),
      "\n")
  end
end

--- Print the plan in one of its forms.
local function show(form, box, ui)
  if form == "steps" then
    ui:print(box:plan():describe())
    return 0
  end
  local line, missing = box:plan():bwrap(box.options)
  for _, what in ipairs(missing) do ui:print("# bubblewrap has no equal for: ", what, "\n") end
  ui:print(line or "")
  return line and 0 or 1
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
  if args.plan then return show(args.plan, wording.of(sandbox.new, spec), ui) end
  local _ <close>, source = attach.prepare(spec, args.capture)
  local report = open_report(args.json)
  local own = run(spec, source)
  if report then write_report(report, own, args.capture) end
  M.explain(own, ui)
  return own:code()
end

return M
