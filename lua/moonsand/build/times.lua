--- How long tasks took, from build to build: a file in the build directory, one line for each run,
--- to which is only added. What a task will take is the mean of its last runs; a task that never
--- ran takes what tasks of its name take.
local core = require "moonsand.core"
local graph = require "moonsand.build.graph"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

---@class moonsand.build.Times
---@field known table<string, number>   "zlib:compile" -> seconds
local Times = {__name = "moonsand.build.Times"}
Times.__index = Times

local UNKNOWN <const> = 1 -- seconds of a task of which nothing like it is known
local COLLECT <const> = 0.05
local SPARE <const> = 500 -- lines that may be there more than tasks

local function middle(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- Task name ("compile") -> the middle one of what these took.
local function by_name(known)
  local lists, found = {}, {}
  for task, seconds in order.sorted(known) do
    local name = task:match ":([^:]+)$" or task
    lists[name] = lists[name] or {}
    table.insert(lists[name], seconds)
  end
  for name, list in pairs(lists) do found[name] = middle(list) end
  return found
end

-- Write it anew when most lines are of runs that later ones have replaced.
local function compact(self, lines)
  local list = {}
  for task, seconds in order.sorted(self.known) do
    list[#list + 1] = ("%s %.3f\n"):format(task, seconds)
  end
  if lines < #list + SPARE then return end
  local new = ("%s.%d"):format(self.path, core.getpid())
  local file = io.open(new, "w")
  if not file then return end
  file:write(table.concat(list))
  file:close()
  core.rename(new, self.path)
end

--- The times of a build directory.
---@param directory string
---@return moonsand.build.Times
function M.open(directory)
  local self = setmetatable({path = directory .. "/times", known = {}}, Times)
  local lines = 0
  for task, seconds in (read(self.path) or ""):gmatch "([^ \n]+) ([%d.]+)\n" do
    self.known[task], lines = tonumber(seconds), lines + 1
  end
  compact(self, lines)
  self.names = by_name(self.known)
  return self
end

--- What a task is going to take.
---@param node moonsand.build.Node
---@return number seconds
---@return boolean known   it ran before
function Times:of(node)
  if node.kind == "noexec" or node.twin then return 0, true end
  local seconds = self.known[node.name]
  if seconds then return seconds, true end
  if node.kind == "collect" then return COLLECT, true end
  return self.names[graph.short(node.task)] or UNKNOWN, false
end

--- Remember what a task took.
---@param node moonsand.build.Node
---@param seconds number
function Times:took(node, seconds)
  local before = self.known[node.name]
  local mean = before and (before + seconds) / 2 or seconds
  self.known[node.name] = mean
  local file <close> = io.open(self.path, "a")
  if file then file:write(("%s %.3f\n"):format(node.name, mean)) end
end

return M
