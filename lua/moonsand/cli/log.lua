--- `moonsand log RECIPE:TASK`: what a task said when it last ran.
local log = require "moonsand.build.log"
local project = require "moonsand.cli.project"
local read = require("moonsand.text").read

local M = {}

---@param parser table
function M.define(parser)
  parser:description "The whole log of the last run of a task."
  parser:argument("task"):argname("RECIPE:TASK")
  parser:flag("-f --follow"):description("while the task runs, show what it says")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("as JSON, with the path and whether the task is running")
end

-- Recipes are read only when the build directory does not have it under this name.
local function find(args, ui)
  local path = log.find(project.place(ui, args.state) .. "/build", args.task)
  if path then return path end
  local builder <close> = project.builder(ui, {state = args.state})
  return builder:log(args.task)
end

local function show_json(args, path, ui)
  local json = require "dkjson"
  ui:print(json.encode({
    task = args.task, path = path, running = log.running(path), text = read(path) or "",
  }, {indent = true, keyorder = {"task", "path", "running", "text"}}), "\n")
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local path = find(args, ui)
  if args.json then
    show_json(args, path, ui)
  elseif args.follow then
    log.follow(path, function(text)
      ui:print(text)
      ui.out:flush()
    end)
  else
    ui:print(read(path) or "")
  end
  return 0
end

return M
