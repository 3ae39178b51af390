--- `moonsand build TARGET[:TASK]...`: build recipes, or single tasks of them.
local ask = require "moonsand.cli.ask"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local jobs = require "moonsand.cli.jobs"
local plan = require "moonsand.cli.plan"
local project = require "moonsand.cli.project"
local read = require("moonsand.text").read
local scope = require "moonsand.scope"

local M = {closes_all = true}

-- KiB: while a build takes no more, looking for what it does not use any more is not worth it.
local CREDIT <const> = 16 << 10

---@param parser table
function M.define(parser)
  parser:description "Build recipes, or single tasks of them; see also moonsand-build(1)."
  parser:argument("target"):args("+"):description("RECIPE or RECIPE:TASK")
  parser:option("-j --jobs"):argname("N")
    :description("how many tasks, and jobs inside of them, run at a time")
  parser:flag("-k --keep-going")
    :description("after a failure, go on with what does not depend on it")
  parser:option("--on-failure"):argname("WHAT"):choices({"stop", "keep-going", "shell", "ask"})
    :description("stop, keep-going, shell or ask")
  parser:option("-f --force"):argname("TASK"):count("*")
    :description("run TASK although its result is known")
  parser:option("--until"):argname("TASK"):description("of each recipe only the tasks up to TASK")
  parser:option("--audit"):args("?"):argname("full"):choices({"", "full"})
    :action(function(args, _, value) args.audit = value[1] == "full" and "full" or true end)
    :description("say which dependencies are never used, and which are used without being declared;"
      .. " --audit=full: also what is used of the host, and looked for in vain")
  parser:flag("--check")
    :description("run each task of the targets' recipes once more; tell what differs")
  parser:option("-C --directory"):argname("DIR"):description("begin in DIR")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:option("--trace"):argname("FILE")
    :description("write what ran when, for Perfetto or Chrome's tools")
  parser:flag("-n --dry-run"):description("show what would run, and why; run nothing")
  parser:option("--progress"):argname("HOW"):choices({"auto", "tty", "plain", "json", "none"})
    :default("auto"):description("auto, tty, plain, json or none")
  parser:option("--color"):argname("WHEN"):choices({"auto", "always", "never"})
    :default("auto"):description("auto, always or never")
  parser:flag("-q --quiet"):description("show failures only")
  parser:flag("-v --verbose"):description("show the output of the tasks, too")
end

--- `--audit` takes its value behind "=" only: a word after it is a target. So without a value it
--- gets an empty one.
---@param words string[]   changed
function M.check_words(words)
  for i, word in ipairs(words) do
    local value = word:match "^%-%-audit=(.*)$"
    if word == "--audit" then
      words[i] = "--audit="
    elseif value and value ~= "full" then
      fault.throw("usage", ("'--audit=%s': there are --audit and --audit=full"):format(value))
    end
  end
end

local none = {event = function() end, tick = function() end, close = function() end}

--- The listener that draws events as the options say.
---@param args table
---@param ui moonsand.Interface
---@return table listener
function M.listener(args, ui)
  local how = args.progress
  if how == "auto" then how = ui:terminal() and not args.verbose and "tty" or "plain" end
  if how == "none" then return none end
  local here = core.realpath(".")
  return require("moonsand.cli.show." .. how).new {
    write = function(text)
      ui:say(how == "json" and text or ui:drawn(text))
      ui.err:flush()
    end,
    clock = ui.clock, size = ui.size, read = read, colour = ui:coloured(args.color),
    links = args.color ~= "never" and ui:links(),
    quiet = args.quiet, verbose = args.verbose, here = here, state = args.state,
  }
end

-- While it builds, ctrl-C and its like arrive between two steps: every sandbox is closed then, and
-- the next one ends this process at once. Before that nothing runs that had to be closed.
local function watch(listener)
  local signals
  local self = {}
  function self.tick()
    signals = signals or assert(core.signals("INT", "TERM", "HUP"))
    local name = core.read_signal(signals)
    if name then
      core.deliver("INT", "TERM", "HUP")
      fault.throw("interrupted", ("interrupted by signal %s"):format(name))
    end
    listener:tick()
  end
  function self.close()
    if signals then signals:close() end
  end
  return self
end

local function failure_policy(args, ui, listener)
  local policy = args.on_failure or args.keep_going and "keep-going" or "stop"
  if args.keep_going and policy ~= "keep-going" then
    fault.throw("usage", ("-k and --on-failure=%s contradict each other"):format(policy),
      {hint = "leave one of them out"})
  end
  if policy == "keep-going" or policy == "stop" then return policy end
  if not (core.isatty(0) and core.isatty(2)) then
    fault.throw("usage", ("--on-failure=%s needs a terminal"):format(policy),
      {hint = "without one: --on-failure=stop, then moonsand shell RECIPE:TASK"})
  end
  return policy, policy == "ask" and ask.new(args, ui, listener) or nil
end

-- The sandbox of the first task that failed, once everything else has ended.
local function shell(args, ui, summary)
  local failure = summary.failures[1]
  if failure and failure.kept then
    require "moonsand.cli.shell".enter({task = failure.task, state = args.state}, ui)
  end
end

local function build(args, ui)
  local listener = ask.held(M.listener(args, ui))
  local drawn <close> = scope.new()
  drawn:defer(function() listener:close() end)
  local watched = watch(listener)
  drawn:defer(watched.close)
  local policy, on_failure = failure_policy(args, ui, listener)
  local config <close> = project.configure(ui)
  local builder <close> = project.builder(ui, {
    state = args.state, config = config, jobs = jobs.number(args.jobs),
    keep_going = policy == "keep-going", force = args.force, check = args.check,
    until_task = args["until"], on_failure = on_failure,
    emit = function(event) listener:event(event) end, tick = watched.tick,
    audit = args.audit,
  })
  if args.dry_run then return plan.show(builder, args, ui) end
  return builder:run(args.target), policy
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  collectgarbage("step", -CREDIT)
  project.enter(args.directory)
  local summary, policy = build(args, ui)
  if not summary then return 0 end
  core.deliver("INT", "TERM", "HUP")
  if args.trace then
    local report = require "moonsand.cli.report"
    local trace = require "moonsand.cli.show.report".trace(report.of(summary.journal))
    report.write(args.trace, trace, ui)
  end
  if policy == "shell" then shell(args, ui, summary) end
  return summary.ok and 0 or 1
end

return M
