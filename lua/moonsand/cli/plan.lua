--- `moonsand plan TARGET...`: what a build would run and why, what it would take from the store,
--- and how long it would take. Nothing is run.
local core = require "moonsand.core"
local explain = require "moonsand.build.explain"
local format = require "moonsand.cli.show.format"
local jobs = require "moonsand.cli.jobs"
local project = require "moonsand.cli.project"
local show = require "moonsand.cli.show.why"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "What a build of TARGET would run, and why. Nothing is run."
  parser:argument("target"):args("+"):description("RECIPE or RECIPE:TASK")
  parser:option("-j --jobs"):argname("N")
    :description("how many tasks run at a time, for the time that it takes")
  parser:option("-f --force"):argname("TASK"):count("*")
    :description("as if TASK had to run although its result is known")
  parser:option("--until"):argname("TASK"):description("of each recipe only the tasks up to TASK")
  parser:option("-C --directory"):argname("DIR"):description("begin in DIR")
  parser:flag("-a --all"):description("also what is in the store, and what nobody needs")
  parser:flag("-v --verbose"):description("every reason in full, followed to its root")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("as JSON")
end

local function counted(steps)
  local counts = {run = 0, cached = 0, skipped = 0}
  for _, step in ipairs(steps) do counts[step.state] = counts[step.state] + 1 end
  return counts
end

local function summary(steps, seconds, number)
  local counts, guessed = counted(steps), false
  for _, step in ipairs(steps) do guessed = guessed or step.known == false end
  local text = ("%d task%s: %d to run, %d cached, %d not needed"):format(#steps,
    #steps == 1 and "" or "s", counts.run, counts.cached, counts.skipped)
  if counts.run == 0 then return text .. "\n" end
  return ("%s · about %s with %d job%s%s\n"):format(text, format.duration(seconds), number,
    number == 1 and "" or "s", guessed and ", some of them never ran" or "")
end

local function line(step, width)
  local text = ("%s  %-7s"):format(format.pad(step.task, width), step.state)
  if step.state == "run" then
    text = ("%s %7s  %s"):format(text, step.known == false and "?"
      or format.duration(step.seconds), step.why or "")
  end
  return (text:gsub("%s+$", "")) .. "\n"
end

-- The hooks of a task's root and sysroots, as far as they are known.
local function hooks(step)
  local lines = {}
  for i, one in ipairs(step.hooks or {}) do
    lines[i] = ("  hook %s: %s\n"):format(one.name,
      one.state == "cached" and "cached" or "would run")
  end
  return table.concat(lines)
end

-- What runs, in the order of the graph; a task without work only stands for others.
local function draw(steps, args, builder, ui)
  local width = 18
  for _, step in ipairs(steps) do width = math.max(width, format.width(step.task)) end
  local place = {
    directory = builder.directory, store = function() return builder.store end, decided = {},
  }
  for _, step in ipairs(steps) do place.decided[step.task] = step.decision end
  for _, step in ipairs(steps) do
    if args.verbose and step.decision then
      ui:print(ui:drawn(show.text(explain.follow(place, step.decision),
        {here = core.realpath("."), all = true, verb = "would run"}) .. hooks(step)))
    elseif args.all or step.state == "run" and step.decision then
      ui:print(ui:drawn(line(step, width)))
    end
  end
end

--- Show the plan of a builder.
---@param builder moonsand.build.Builder
---@param args table
---@param ui moonsand.Interface
function M.show(builder, args, ui)
  local steps, seconds = builder:plan(args.target)
  local number = builder.options.jobs
  if args.json then
    ui:print(require "dkjson".encode({seconds = seconds, jobs = number, counts = counted(steps),
      tasks = setmetatable(steps, {__jsontype = "array"})}, {indent = true, keyorder = {
        "seconds", "jobs", "counts", "tasks", "task", "name", "state", "why", "known", "hooks",
        "decision"}}), "\n")
    return
  end
  draw(steps, args, builder, ui)
  ui:print(ui:drawn(summary(steps, seconds, number)))
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  project.enter(args.directory)
  local builder <close> = project.builder(ui, {
    state = args.state, jobs = jobs.number(args.jobs), force = args.force,
    until_task = args["until"],
  })
  M.show(builder, args, ui)
  return 0
end

return M
