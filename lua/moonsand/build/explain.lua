--- The chain behind a decision: each task that came out anew is followed to what changed there,
--- down to what somebody wrote. Decisions of the same build are beside each other in its directory;
--- for older ones the store has what results were made from.
local decide = require "moonsand.build.decide"
local execute = require "moonsand.build.execute"
local graph = require "moonsand.build.graph"
local read = require("moonsand.text").read

local M = {}

---@class moonsand.build.Explanation : moonsand.build.Decision   without `inputs`
---@field links table[]   for each of `inputs`, beside its fields: `because`, the next explanation,
---  or `above`: it is explained already, or neither: what it was made from is not known any more

--- The last decision on a task in a build directory. No recipe is read.
---@param directory string
---@param target string   "zlib:compile"; "zlib" is its task `build`
---@return moonsand.build.Decision?
function M.find(directory, target)
  local name, task = graph.target(target)
  local node = {recipe = {name = name}, task = task or "do_build"}
  return decide.decode(read(execute.path(directory, node, "why")))
end

local function next_decision(place, link)
  if not link.old or not link.new then return nil end
  local planned = place.decided and place.decided[link.task]
  if planned then return planned end
  local found = M.find(place.directory, link.task)
  if found and found.old == link.old and found.new == link.new then return found end
  local store = link.old ~= link.new and place.store()
  return store and decide.between(store, link)
end

--- Follow a decision to its roots.
---@param place {directory: string, store: fun(): moonsand.Store?, decided?: table<string,
---  moonsand.build.Decision>}   `decided`: of a plan, by task
---@param decision moonsand.build.Decision
---@param seen? table<string, boolean>
---@return moonsand.build.Explanation
function M.follow(place, decision, seen)
  seen = seen or {}
  local explained = {links = {}}
  for name, value in pairs(decision) do explained[name] = value end
  explained.inputs = nil
  for i, link in ipairs(decision.inputs) do
    local one = {}
    for name, value in pairs(link) do one[name] = value end
    one.above = seen[link.task]
    if not one.above then
      seen[link.task] = true
      local found = next_decision(place, link)
      one.because = found and M.follow(place, found, seen)
    end
    explained.links[i] = one
  end
  return explained
end

return M
