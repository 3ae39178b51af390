--- The base configuration: what is read before any recipe, in BitBake's order (bitbake.md 1.2).
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local environment = require "moonsand.recipe.environment"
local event = require "moonsand.recipe.event"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local layers = require "moonsand.recipe.layers"
local order = require "moonsand.order"
local parse = require "moonsand.recipe.parse"
local renamed = require "moonsand.recipe.renamed"

local M = {}

local function read_main(reader, d)
  local directories = find.split(d:get("BBPATH"))
  local path = parse.locate(reader, d, directories, "conf/moonsand.conf") or
    parse.locate(reader, d, directories, "conf/bitbake.conf")
  if not path then
    fault.throw("recipe", "there is no conf/moonsand.conf along BBPATH: " .. d:get("BBPATH"), {
      reason = "missing", hint = "name the directory that holds conf/moonsand.conf",
    })
  end
  parse.read(reader, d, path)
end

-- Classes of the configuration: base, when there is one, and INHERIT.
local function read_classes(reader, d)
  d.state.class_type = "global"
  local main = {file = d:plain("FILE") or "configuration", line = 0}
  local base = false
  local directories = find.split(d:get("BBPATH"))
  for _, directory in ipairs {"classes-global/", "classes/"} do
    base = base or parse.locate(reader, d, directories, directory .. "base.bbclass")
  end
  if base then parse.inherit(reader, d, "base", main, true) end
  local file, line = (d:place("INHERIT") or ""):match("^(.*):(%d+)$")
  local asker = file and {file = file, line = math.tointeger(tonumber(line))} or main
  parse.inherit(reader, d, d:get("INHERIT") or "", asker, true)
  d.state.class_type = "recipe"
end

local function take_environment(d, env)
  environment.take(d, env)
  if not d.python then return end
  for _, directory in ipairs(find.split(env.PATH)) do
    if directory:find("^/") and not directory:find("^/usr/") then d.python:see(directory) end
  end
end

local function read_once(options, name, disk)
  local reader, d = parse.reader(disk or options.disk), data.new()
  if options.python then
    parse.attach(reader, d, options.python)
    if disk then d.python:watch() end
    for _, directory in ipairs(options.path) do d.python:see(directory) end
  end
  if options.environment then take_environment(d, options.environment) end
  d:put("BBPATH", table.concat(options.path, ":"))
  d:put("BB_CURRENT_MC", name)
  for variable, value in pairs(options.variables or {}) do
    d:put(variable, value, {operator = "set", name = variable, text = value})
  end
  layers.read(reader, d)
  if not d:plain("BB_CACHEDIR") then d:put("BB_CACHEDIR", "${TOPDIR}/cache") end
  read_main(reader, d)
  for _, path in ipairs(options.files or {}) do
    local found = parse.locate(reader, d, find.split(d:get("BBPATH")), path) or path
    parse.read(reader, d, found)
  end
  read_classes(reader, d)
  event.register(d)
  event.fire(d, "bb.event.ConfigParsed")
  return reader, d
end

-- What tells one state of the files that a configuration was made from another.
local function state_of(d)
  local lines = {}
  for path in order.sorted(d.files) do
    local stat = core.stat(path, "follow")
    lines[#lines + 1] = stat and ("%s %d %d"):format(path, stat.mtime_ns, stat.size) or path
  end
  return table.concat(lines, "\n")
end

--- Read the base configuration. A handler of ConfigParsed may ask for it to be read again, having
--- changed files of it (BB_INVALIDCONF).
---@param options moonsand.recipe.Options
---@param name string   of a multiconfig; "" for the main one
---@param disk? moonsand.recipe.Disk   notes what is read; then Python is watched, too
---@return moonsand.recipe.Reader reader, moonsand.recipe.Data d
---@return integer times   how often it was read
function M.read(options, name, disk)
  local reader, d = read_once(options, name, disk)
  local before, times = nil, 1
  while d:plain("BB_INVALIDCONF") == true do
    local now = state_of(d)
    if now == before then
      fault.throw("recipe", "an event handler says that the configuration is out of date, and " ..
        "reading it again did not help (BB_INVALIDCONF)", {where = d:place("BB_INVALIDCONF"),
        reason = "syntax", hint = "handlers cannot write to conf/ here: bring local.conf and " ..
        "bblayers.conf up to date by hand"})
    end
    before = now
    d.python:close()
    reader, d = read_once(options, name, disk)
    times = times + 1
  end
  renamed.check(d)
  return reader, d, times
end

return M
