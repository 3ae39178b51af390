--- `moonsand why RECIPE:TASK`: what made a task run the last time it did, to the root of it.
local core = require "moonsand.core"
local explain = require "moonsand.build.explain"
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"
local show = require "moonsand.cli.show.why"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "What made a task run the last time it did."
  parser:argument("task"):argname("RECIPE:TASK")
  parser:flag("-v --verbose"):description("values and functions that changed, in full")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("as JSON")
end

-- The answer was written down when it was decided: recipes are read only for a task that has not
-- run in this directory.
local function find(args, ui)
  local place = project.place(ui, args.state)
  local decision = explain.find(place .. "/build", args.task)
  if decision then
    local opened
    local explained = explain.follow({directory = place .. "/build", store = function()
      opened = opened or require "moonsand.layer".open(place .. "/store")
      return opened
    end}, decision)
    if opened then opened:close() end
    return explained
  end
  local builder <close> = project.builder(ui, {state = args.state})
  return builder:why(args.task)
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local explained = find(args, ui)
  if not explained then
    fault.throw("usage", ("'%s' has not run yet"):format(args.task),
      {hint = ("moonsand plan %s   says why it would"):format(args.task)})
  end
  if args.json then
    ui:print(require "dkjson".encode(explained, {indent = true, keyorder = {
      "task", "time", "cause", "old", "old_time", "new", "changes", "links", "same", "kind", "name",
      "where", "old_where", "because",
    }, exception = function() return "null" end}), "\n")
    return 0
  end
  ui:print(ui:drawn(show.text(explained, {here = core.realpath("."), all = args.verbose})))
  return 0
end

return M
