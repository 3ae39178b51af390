--- `moonsand graph TARGET...`: what a target needs, and what makes it need something.
local core = require "moonsand.core"
local draw = require "moonsand.cli.show.graph"
local fault = require "moonsand.fault"
local format = require "moonsand.cli.show.format"
local graph = require "moonsand.build.graph"
local multiconfig = require "moonsand.recipe.multiconfig"
local project = require "moonsand.cli.project"
local survey = require "moonsand.cli.survey"
local up_to = require "moonsand.build.up_to"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Show the tasks that targets need. Nothing is built."
  parser:argument("target"):args("+"):description(
    "a recipe or one of its tasks: zlib, zlib:compile; or world")
  parser:option("--why"):argname("TASK"):description(
    "the shortest way from the targets to a task, or to a recipe, and what makes each step")
  parser:option("--until"):argname("TASK"):description("of each recipe only the tasks up to TASK")
  parser:option("--depth"):argname("N"):description("so many levels of the tree")
  parser:flag("--dot"):description("as bitbake -g writes task-depends.dot")
  parser:flag("--json"):description("as JSON")
  parser:option("-j --jobs"):argname("N"):description("how many processes read recipes")
  parser:option("--color"):argname("WHEN"):choices({"auto", "always", "never"}):description(
    "colours: auto, always or never")
end

local function depth_of(args)
  if not args.depth then return nil end
  local depth = math.tointeger(tonumber(args.depth))
  if not depth or depth < 0 then
    fault.throw("usage", ("'--depth %s': it is not a number from 0 on"):format(args.depth))
  end
  return depth
end

-- How a step is said in a recipe.
local function statement(edge)
  if edge.kind == "after" then return "addtask" end
  return ("[%s]"):format(edge.kind)
end

local function not_needed(args, ui, nodes)
  local names, seen = {}, {}
  local task = select(2, graph.target(args.why))
  for _, node in ipairs(nodes) do
    local name = task and node.name or multiconfig.name(node.recipe)
    if not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  local near = fault.nearest(args.why, names)
  ui:say(("moonsand: '%s' is not needed by %s%s\n"):format(args.why, table.concat(args.target, " "),
    near and (" (did you mean '%s'?)"):format(near) or ""))
  return 1
end

local function show_why(args, ui, nodes, wanted)
  local name, task = graph.target(args.why)
  local first, steps = draw.path(wanted, function(node)
    return multiconfig.name(node.recipe) == name and (not task or node.task == task)
  end)
  if not first then return not_needed(args, ui, nodes) end
  local here, lines = core.realpath("."), {{first.name, "", ""}}
  for i, step in ipairs(steps) do
    local where = step.from.graph:where(step.from, step.edge)
    local file, line = where:match("^(.*):(%d+)$")
    lines[i + 1] = {("  "):rep(i) .. step.edge.node.name, statement(step.edge),
      file and ("%s:%s"):format(format.below(file, here), line) or format.below(where, here)}
  end
  local widths = {0, 0}
  for _, line in ipairs(lines) do
    for i in ipairs(widths) do widths[i] = math.max(widths[i], #line[i]) end
  end
  for _, line in ipairs(lines) do
    ui:print((("%s  %s  %s"):format(format.pad(line[1], widths[1]), format.pad(line[2], widths[2]),
      line[3]):gsub("%s+$", "")), "\n")
  end
  return 0
end

local function check(args)
  local count = 0
  for _, name in ipairs {"why", "dot", "json", "depth"} do
    if args[name] then count = count + 1 end
  end
  if count > 1 then
    fault.throw("usage", "one of --why, --dot, --json and --depth at a time")
  end
end

local function coloured(args, ui)
  if args.color == "always" then return true end
  return core.isatty(1) and ui:coloured(args.color)
end

-- Tasks that would run; nil where there is no store that could have their results. A recipe that
-- cannot be built yet can be looked at all the same.
local function to_run(args, ui, config)
  local place = not project.build_directory(ui) and project.place(ui)
  if not place or not core.stat(place .. "/store", "follow") then return nil end
  local builder <close> = project.builder(ui, {config = config, until_task = args["until"]})
  local ok, steps = pcall(builder.plan, builder, args.target)
  if not ok then return nil end
  local run = {}
  for _, step in ipairs(steps) do run[step.task] = step.state == "run" end
  return run
end

-- The graph of the targets, and what is to be said of choices that were made.
local function planned(args, ui, config)
  local tasks, said = graph.of(config), #config.warnings
  local nodes, wanted
  if args["until"] then
    nodes, wanted = up_to.plan(tasks, args.target, args["until"])
  else
    nodes, wanted = tasks:plan(args.target)
  end
  for i = said + 1, #config.warnings do ui:say("moonsand: ", config.warnings[i], "\n") end
  return nodes, wanted
end

-- What has a result in the store is dimmed.
local function show_tree(args, ui, config, depth)
  local _, wanted = planned(args, ui, config)
  local run = coloured(args, ui) and to_run(args, ui, config)
  ui:print(draw.tree(wanted, {depth = depth,
    dim = run and function(node) return not run[node.name] end or nil}))
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  check(args)
  local depth = depth_of(args)
  local config <close> = project.configure(ui)
  if not survey.read_for(config, ui, args, args.target) then return 2 end
  if not (args.why or args.dot or args.json) then
    show_tree(args, ui, config, depth)
    return 0
  end
  local nodes, wanted = planned(args, ui, config)
  if args.why then return show_why(args, ui, nodes, wanted) end
  ui:print(args.dot and draw.dot(nodes) or draw.json(nodes, wanted))
  return 0
end

return M
