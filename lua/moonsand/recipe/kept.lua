--- The configuration is kept in the parse cache, too: as long as all is the same that this reader
--- and the Python of metadata read or looked for, the next start reads none of it.
---
--- What it depends on is in the name of its file (BBPATH, the environment, the host) or in the file
--- (what was looked at, see seen.lua). What depends on anything else is not kept: on the clock, on
--- files of /proc, on values that only that Python understands.
local base = require "moonsand.recipe.base"
local cache = require "moonsand.recipe.cache"
local core = require "moonsand.core"
local find = require "moonsand.recipe.find"
local frozen = require "moonsand.recipe.frozen"
local listed = require "moonsand.recipe.listed"
local moving = require "moonsand.recipe.moving"
local order = require "moonsand.order"
local parse = require "moonsand.recipe.parse"
local read = require("moonsand.text").read
local sealed = require "moonsand.recipe.sealed"
local seen = require "moonsand.recipe.seen"

local M = {}

local pack, unpack = string.pack, string.unpack

-- Changes with what is kept, and with how it comes to be.
local format = "moonsand configuration 2"

-- What Python may ask of the host without opening a file.
local host = {"/proc/sys/kernel/ostype", "/proc/sys/kernel/hostname", "/proc/sys/kernel/osrelease",
  "/proc/sys/kernel/version", "/proc/self/personality"}

local function host_lines(list)
  for _, path in ipairs(host) do list[#list + 1] = read(path) or "-" end
  list[#list + 1] = (read "/proc/self/status" or ""):match "Cpus_allowed_list:[^\n]*" or "-"
  list[#list + 1] = ("%d %d"):format(core.uid(), core.gid())
end

-- The file of a configuration: all that is known of it before it is read.
local function path_of(options, name)
  local list = {format, name, table.concat(options.path, ":")}
  for _, part in ipairs {"environment", "variables"} do
    for key, value in order.sorted(options[part] or {}) do
      list[#list + 1] = ("%s %s\0%s"):format(part, key, value)
    end
  end
  for _, file in ipairs(options.files or {}) do list[#list + 1] = "file " .. file end
  local python = options.python or {}
  list[#list + 1] = ("python %s\0%s"):format(python.home, python.bitbake)
  host_lines(list)
  return ("%s/%s"):format(options.cache, core.sha256(table.concat(list, "\0\0")))
end

-- What Python looked at is added; false when that is not all, or is another thing each time.
local function add_sights(paths, python)
  if not python then return true end
  local sights = python:watched_files()
  if not sights or python.looks > 0 then return false end
  for _, sight in ipairs(sights) do
    local path = sight.path
    if path:find "^/proc/" and sight.opened and not path:find "^/proc/self/" then return false end
    if not path:find "^/proc/" and not path:find "^/dev/" then
      local part = sight.state == "directory" and not sight.opened and "place" or "all"
      if paths[path] ~= "all" and paths[path] ~= "absent" then paths[path] = part end
    end
  end
  return true
end

-- Keep what was read since a moment. What it is known by, when it could be kept.
local function keep(path, d, paths, moment, more)
  if not add_sights(paths, d.python) then return nil end
  local state = seen.state(paths, moment)
  local bytes = state and frozen.of(d, more)
  return bytes and sealed.write(path, format, pack("<s4", state) .. bytes)
end

local function restored(options, path)
  local bytes, digest = sealed.read(path, format)
  if not bytes then return nil end
  local state, at = unpack("<s4", bytes)
  if not seen.same(state) then return nil end
  local d, more = frozen.restore(bytes, at)
  local reader = parse.reader()
  if options.python then
    parse.attach(reader, d, options.python)
    d.python:resume(more.python)
  end
  reader.known = d.files
  return reader, d, more.key, digest
end

-- The key of what is known of recipes: what the configuration was made from.
local function key_of(d, disk, options, name)
  local paths, more = {}, {path = table.concat(options.path, ":"), multiconfig = name}
  for path in pairs(d.files) do paths[path] = true end
  for variable, value in pairs(options.environment or {}) do
    if variable ~= "PWD" and variable ~= "BBSERVER" then more["env " .. variable] = value end
  end
  for variable, value in pairs(options.variables or {}) do more["var " .. variable] = value end
  local directories = d.python and d.python:libraries_read() or {}
  directories[#directories + 1] = options.python and options.python.bitbake
  for _, directory in ipairs(directories) do
    for _, path in ipairs(find.walk(disk, directory, ".py")) do paths[path] = true end
  end
  return cache.key(paths, more)
end

-- What choosing among recipes asks of a configuration is asked while its Python is there: what can
-- be kept of the answers is kept with it (memo.lua), which is nothing that the clock has a part in.
-- What goes wrong is told when it is needed.
local function foresee(d)
  if not d.python then return end
  local one, looks = d:copy(), d.python.looks
  one.log = {}
  pcall(one.expand_keys, one)
  for name in next, d.vars do
    if name:find "^PREFERRED_" then pcall(one.get, one, name) end
  end
  d.python.looks = looks
end

-- Read it, and keep it when that can be.
local function read_and_keep(options, name, path)
  local paths, moment = {}, core.time_ns() - seen.tick
  local disk = listed.noting(find.disk, paths)
  local reader, d, times = base.read(options, name, disk)
  local key, digest = key_of(d, disk, options, name), nil
  if times == 1 then
    foresee(d)
    digest = keep(path, d, paths, moment, {key = key, python = d.python and d.python:state()})
  elseif d.python then
    d.python:watched_files()
  end
  moving.settle(d)
  reader.disk = find.disk
  return reader, d, key, digest
end

--- The configuration, from the parse cache when there is one that has it.
---@param options moonsand.recipe.Options
---@param name string   of a multiconfig; "" for the main one
---@return moonsand.recipe.Reader reader, moonsand.recipe.Data d
---@return string? key   of the parse cache
---@return moonsand.recipe.Place? place   what is found by it may be kept, too
function M.read(options, name)
  if not options.cache or options.disk then
    local reader, d = base.read(options, name)
    return reader, d, options.cache and key_of(d, options.disk, options, name)
  end
  local path = path_of(options, name)
  local reader, d, key, digest = restored(options, path)
  if not reader then reader, d, key, digest = read_and_keep(options, name, path) end
  return reader, d, key, digest and {path = path, digest = digest} or nil
end

return M
