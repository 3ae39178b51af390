--- `moonsand build TARGET[:TASK]...`: build recipes, or single tasks of them.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local jobs = require "moonsand.cli.jobs"
local project = require "moonsand.cli.project"
local read = require("moonsand.text").read
local scope = require "moonsand.scope"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Build recipes, or single tasks of them; see also moonsand-build(1)."
  parser:argument("target"):args("+"):description("RECIPE or RECIPE:TASK")
  parser:option("-j --jobs"):argname("N")
    :description("how many tasks, and jobs inside of them, run at a time")
  parser:flag("-k --keep-going")
    :description("after a failure, go on with what does not depend on it")
  parser:option("-f --force"):argname("TASK"):count("*")
    :description("run TASK although its result is known")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("-n --dry-run"):description("show what would run, and why; run nothing")
  parser:option("--progress"):argname("HOW"):choices({"auto", "tty", "plain", "json", "none"})
    :default("auto"):description("auto, tty, plain, json or none")
  parser:option("--color"):argname("WHEN"):choices({"auto", "always", "never"})
    :default("auto"):description("auto, always or never")
  parser:flag("-q --quiet"):description("show failures only")
  parser:flag("-v --verbose"):description("show the output of the tasks, too")
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
      ui:say(text)
      ui.err:flush()
    end,
    clock = ui.clock, size = ui.size, read = read, colour = ui:coloured(args.color),
    quiet = args.quiet, verbose = args.verbose, here = here, state = args.state,
  }
end

local function show_plan(steps, ui)
  for _, step in ipairs(steps) do
    local line = ("%-28s %s"):format(step.task, step.state)
    if step.why then line = line .. (" "):rep(9 - #step.state) .. step.why end
    ui:print(line, "\n")
  end
end

--- While it builds, ctrl-C and its like arrive between two steps: every sandbox is closed then.
local function watch(listener)
  local signals = assert(core.signals("INT", "TERM", "HUP"))
  return function()
    local name = core.read_signal(signals)
    if name then fault.throw("interrupted", ("interrupted by signal %s"):format(name)) end
    listener:tick()
  end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local listener = M.listener(args, ui)
  local drawn <close> = scope.new()
  drawn:defer(function() listener:close() end)
  local builder <close> = project.builder(ui, {
    state = args.state, jobs = jobs.number(args.jobs), keep_going = args.keep_going,
    force = args.force,
    emit = function(event) listener:event(event) end, tick = watch(listener),
  })
  if args.dry_run then
    show_plan(builder:plan(args.target), ui)
    return 0
  end
  return builder:run(args.target).ok and 0 or 1
end

return M
