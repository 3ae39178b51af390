--- What sandboxes of killed callers left on this host: control groups, and scratch directories.
--- Whoever ends in any other way takes it away itself.
local caller = require "moonsand.sandbox.caller"
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local order = require "moonsand.order"
local sweep = require "moonsand.sandbox.sweep"

local M = {}

local SCRATCH <const> = "/tmp/moonsand-box-"

--- The beginning of the name of a scratch directory: whose it is can be told from it.
---@return string
function M.scratch()
  return ("%s%s."):format(SCRATCH, caller.mark())
end

--- Where this process's groups are made.
local function group_directories()
  local layout, set = cgroup.host(cgroup.world()), {}
  for _, hierarchy in pairs(layout.v1) do
    if hierarchy.dir then set[hierarchy.dir] = true end
  end
  if layout.v2 and layout.v2.dir then set[cgroup.without_leaf(layout.v2.dir)] = true end
  return order.keys(set)
end

---@class moonsand.sandbox.Leftover
---@field path string
---@field kind "group"|"scratch"

--- Look for them. Only what is ours to remove, and of callers that this process could see.
---@return moonsand.sandbox.Leftover[]
function M.find()
  local list = {}
  for _, dir in ipairs(group_directories()) do
    for _, name in ipairs(sweep.stale(dir)) do
      local path = dir .. "/" .. name
      local st = core.stat(path)
      if st and st.uid == core.uid() then list[#list + 1] = {path = path, kind = "group"} end
    end
  end
  local parent, prefix = SCRATCH:match("^(.*)/([^/]*)$")
  for _, name in ipairs(core.readdir(parent) or {}) do
    local pid, start, ns = name:sub(#prefix + 1):match("^(%d+)%-(%d+)%-(%d+)%.")
    if name:sub(1, #prefix) == prefix and pid and caller.is_gone(pid, start, ns) then
      local st = core.stat(parent .. "/" .. name)
      if st and st.uid == core.uid() and st.type == "directory" then
        list[#list + 1] = {path = parent .. "/" .. name, kind = "scratch"}
      end
    end
  end
  return list
end

--- Remove them.
---@return string[] removed   paths
---@return string[] stuck     what could not be removed, and why
function M.remove()
  local removed, stuck = {}, {}
  for _, one in ipairs(M.find()) do
    local ok, err
    if one.kind == "group" then
      ok, err = sweep.remove_stale(one.path)
    else
      ok, err = core.remove_tree(one.path)
    end
    if ok then removed[#removed + 1] = one.path else stuck[#stuck + 1] = err end
  end
  return removed, stuck
end

return M
