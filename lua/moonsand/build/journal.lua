--- The events of the last builds, in the build directory: `moonsand report` draws them. One line of
--- JSON for each; what tasks print is in their logs, and not here.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local json = require "dkjson"

local M = {}

local KEPT <const> = 20 -- builds

---@class moonsand.build.Journal
---@field name string   "20251120-140203"
---@field path string
local Journal = {__name = "moonsand.build.Journal"}
Journal.__index = Journal

--- The journals of a build directory, the newest first.
---@param directory string
---@return string[] names   of builds: the time at which they began
function M.list(directory)
  local names = {}
  for _, name in ipairs(core.readdir(directory .. "/history") or {}) do
    names[#names + 1] = name:match "^([%d.-]+)%.jsonl$"
  end
  table.sort(names, function(a, b) return a > b end)
  return names
end

--- The file of a build's journal.
---@param directory string
---@param name string
---@return string
function M.path(directory, name)
  return ("%s/history/%s.jsonl"):format(directory, name)
end

local function drop_old(directory)
  local names = M.list(directory)
  for i = KEPT, #names do core.unlink(M.path(directory, names[i])) end
end

--- A journal for a build that begins now.
---@param directory string
---@return moonsand.build.Journal
function M.open(directory)
  fault.unless("fs", core.mkdirs(directory .. "/history"))
  drop_old(directory)
  local stamp = os.date("!%Y%m%d-%H%M%S")
  local name, count = stamp, 1
  while core.stat(M.path(directory, name)) do
    count = count + 1
    name = ("%s.%02d"):format(stamp, count)
  end
  local path = M.path(directory, name)
  return setmetatable({name = name, path = path, file = fault.unless("fs", io.open(path, "w"))},
    Journal)
end

--- Write one event. The file is whole up to the last event at any moment.
---@param event moonsand.build.Event
function Journal:event(event)
  if event.event == "task_log" then return end
  self.file:write(json.encode(event), "\n")
  if event.event ~= "task_ended" or event.outcome == "ok" or event.outcome == "failed" then
    self.file:flush()
  end
end

--- Close the file.
function Journal:close()
  self.file:close()
end

--- The events of a build; those of one that was killed end early.
---@param path string
---@return moonsand.build.Event[]?
function M.read(path)
  local file <close> = io.open(path, "r")
  if not file then return nil end
  local events = {}
  for line in file:lines() do events[#events + 1] = json.decode(line) end
  return events
end

return M
