--- `moonsand report [BUILD]`: a page about a build, in one file that needs no network.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local format = require "moonsand.cli.show.format"
local journal = require "moonsand.build.journal"
local project = require "moonsand.cli.project"
local read = require("moonsand.text").read
local report = require "moonsand.cli.show.report"

local M = {}

---@param parser table
function M.define(parser)
  parser:description "Write a page about a build: one HTML file that needs nothing else."
  parser:argument("build"):args("?"):description("of --list; the last one unless given")
  parser:option("-o --output"):argname("FILE"):description("moonsand-report.html unless given")
  parser:option("--trace"):argname("FILE")
    :description("write only the trace, for Perfetto or Chrome's tools")
  parser:flag("--list"):description("the builds that there is something to tell of")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
  parser:flag("--json"):description("what the page shows, as JSON")
end

--- Write a file, or to the output when it is called "-".
---@param path string
---@param text string
---@param ui moonsand.Interface
function M.write(path, text, ui)
  if path == "-" then return ui:print(text) end
  local file <close> = fault.unless("fs", io.open(path, "wb"))
  fault.unless("fs", file:write(text))
end

--- What there is to tell of a build.
---@param path string   of its journal
---@return moonsand.Report
function M.of(path)
  return report.of(journal.read(path), {read = read, here = core.realpath "."})
end

local function find(directory, name)
  local names = journal.list(directory)
  name = name or names[1]
  for _, known in ipairs(names) do
    if known == name then return journal.path(directory, name) end
  end
  fault.throw("usage", name and ("there is no build '%s'"):format(name)
    or "there is no build to tell of", {hint = name and "moonsand report --list"
    or "moonsand build TARGET, then moonsand report"})
end

local function list(directory, ui)
  for _, name in ipairs(journal.list(directory)) do
    local events = journal.read(journal.path(directory, name))
    local first, last = events[1] or {}, events[#events] or {}
    local how = last.event ~= "build_ended" and "not ended" or last.ok and "ok" or "failed"
    ui:print(("%-18s  %-9s  %8s  %s\n"):format(name, how,
      last.seconds and format.duration(last.seconds) or "",
      table.concat(first.targets or {}, " ")))
  end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local directory = project.place(ui, args.state) .. "/build"
  if args.list then
    list(directory, ui)
    return 0
  end
  local found = M.of(find(directory, args.build))
  if args.json then
    ui:print(require "dkjson".encode({title = found.title, date = found.date, build = found.build,
      trace = found.trace}), "\n")
  elseif args.trace then
    M.write(args.trace, report.trace(found), ui)
  else
    local path = args.output or "moonsand-report.html"
    M.write(path, report.page(found), ui)
    if path ~= "-" then ui:print(path, "\n") end
  end
  return 0
end

return M
