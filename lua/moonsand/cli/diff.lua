--- `moonsand diff RECIPE:TASK`: what a task changed, and how its last result differs from the one
--- before.
local core = require "moonsand.core"
local diff = require "moonsand.build.diff"
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"
local show = require "moonsand.cli.show.why"

local M = {}

---@param parser table
function M.define(parser)
  parser:description("The files that a task changed in /work: A added, M modified, D deleted.")
  parser:argument("task"):argname("RECIPE:TASK")
  parser:flag("-r --results"):description("its last result against the one before")
  parser:flag("-s --signatures"):description("what these two were made from, in full")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("as JSON")
end

local units = {"KB", "MB", "GB", "TB"}

--- "16 KB"
---@param bytes integer
---@return string
function M.size(bytes)
  if bytes < 1000 then return ("%d B"):format(bytes) end
  local unit, value = 0, bytes
  repeat unit, value = unit + 1, value / 1000 until value < 999.5 or unit == #units
  return (value < 9.95 and "%.1f %s" or "%.0f %s"):format(value, units[unit])
end

local function size_of(change)
  if change.old_size and change.size and change.old_size ~= change.size then
    return ("%s, was %s"):format(M.size(change.size), M.size(change.old_size))
  end
  return change.size and M.size(change.size) or change.type ~= "file" and change.type or ""
end

local function show_files(list, ui)
  local width, counts = 20, {A = 0, M = 0, D = 0}
  for _, change in ipairs(list) do width = math.max(width, math.min(60, #change.path)) end
  for _, change in ipairs(list) do
    counts[change.mark] = counts[change.mark] + 1
    local line = ("%s  %-" .. width .. "s  %s"):format(change.mark, change.path, size_of(change))
    ui:print((line:gsub("%s+$", "")), "\n")
  end
  ui:print(("%d added, %d modified, %d deleted\n"):format(counts.A, counts.M, counts.D))
end

local function show_json(value, ui)
  ui:print(require "dkjson".encode(value, {indent = true,
    keyorder = {"mark", "path", "type", "size", "old_size", "kind", "name", "old", "new"}}), "\n")
end

local function signatures(build, node, args, ui)
  local decision = diff.signatures(build, node)
  if not decision then
    fault.throw("usage", ("there are no two results of '%s' to compare"):format(node.name),
      {hint = "moonsand why " .. node.name})
  end
  if args.json then return show_json(decision, ui) end
  ui:print(ui:drawn(show.signatures(decision, {here = core.realpath "."})))
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  if args.results and args.signatures then
    fault.throw("usage", "--results and --signatures are two questions", {hint = "ask one"})
  end
  local builder <close> = project.builder(ui, {state = args.state})
  local node = builder:node(args.task)
  if args.signatures then
    signatures(builder, node, args, ui)
    return 0
  end
  local list = args.results and diff.results(builder, node) or diff.changed(builder, node)
  if args.json then
    show_json(setmetatable(list, {__jsontype = "array"}), ui)
  else
    show_files(list, ui)
  end
  return 0
end

return M
