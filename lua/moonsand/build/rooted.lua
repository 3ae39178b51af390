--- A root of layers only, which may lack what a task runs.
local directory = require "moonsand.layer.directory"
local fault = require "moonsand.fault"

local M = {}

--- What a shell ends with when it finds no such program.
M.NOT_FOUND = 127

local function has(root, parent, name)
  local node = directory.find(root, parent)
  for _, kind in ipairs(node and {"files", "symlinks"} or {}) do
    for _, entry in ipairs(node[kind]) do
      if entry.name == name then return true end
    end
  end
  return false
end

-- Also where /bin is a link to /usr/bin, of the same layer or of another one.
local function has_shell(trees)
  local linked, below_usr = false, false
  for _, one in ipairs(trees) do
    local root = one.tree:node()
    if has(root, "bin", "sh") then return true end
    linked = linked or has(root, "", "bin")
    below_usr = below_usr or has(root, "usr/bin", "sh")
  end
  return linked and below_usr
end

local function sentence(names)
  return ("its root is only what '%s' installed"):format(table.concat(names, "', '"))
end

--- What is in a root, for who did not find something there.
---@param nodes moonsand.build.Node[]
---@return string
function M.describe(nodes)
  local names = {}
  for i, node in ipairs(nodes) do names[i] = node.recipe.name end
  return sentence(names)
end

--- Refuse a root that has no shell, with what it has.
---@param task string
---@param trees {tree: moonsand.Layer, recipe: string}[]
function M.check(task, trees)
  if has_shell(trees) then return end
  local names = {}
  for i, one in ipairs(trees) do names[i] = one.recipe end
  fault.throw("recipe", ("task '%s' finds no '/bin/sh': %s"):format(task, sentence(names)),
    {hint = "add a recipe that installs a shell, such as busybox"})
end

return M
