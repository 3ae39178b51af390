--- What a task builds upon: the work layers of the tasks before it in its recipe, and the sysroots
--- of what the recipe depends on. Known from the graph alone; digests come later.
local fault = require "moonsand.fault"
local place = require "moonsand.build.place"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

---@class moonsand.build.Inputs
---@field index integer                   its place in the plan
---@field kind "task"|"fetch"|"collect"|"noexec"
---@field before moonsand.build.Node[]    tasks of the recipe that leave a layer, the oldest first
---@field sysroots moonsand.build.Node[]  nodes whose tree it sees, by name
---@field offers? "target"|"native"       its tree is part of the sysroots of others
---@field installs boolean                it leaves what its recipe installed
---@field roots? moonsand.build.Node[]    [root]: nodes whose outputs are its root, the upper first
---@field across {node: moonsand.build.Node, tree: string, place: string}[]   [mcdepends]: trees of
---  tasks of other configurations, by their places
---@field alone? boolean                  [root] = "outputs": it sees nothing else, nobody its layer

--- Where the trees of other configurations are.
M.ACROSS = "/work/mc"

local builtins = {fetch = "fetch", collect = "collect"}

-- What is mostly empty, or the same as for the task before, is one table for all.
local none <const> = setmetatable({}, {__newindex = function() error "nobody may change it" end})

-- What a node does when its turn comes.
local function kind_of(node)
  local d = variables.of(node)
  local builtin = d:flag(node.task, "builtin")
  if builtin then return assert(builtins[builtin], "unknown builtin") end
  local noexec = d:flag(node.task, "noexec")
  if noexec and noexec ~= "" and noexec ~= "0" then return "noexec" end
  return "task"
end

local function offer_of(node)
  local d = variables.of(node)
  if d:flag(node.task, "collect") ~= "sysroot" then return nil end
  return d:get "SYSROOT_KIND" == "native" and "native" or "target"
end

-- The tasks of the same recipe that come before and leave a layer, in the plan's order.
local function before(node)
  local seen, list = {}, {}
  local function put(other)
    if other.kind == "task" and not other.alone and not seen[other] then
      seen[other] = true
      list[#list + 1] = other
    end
  end
  for _, edge in ipairs(node.needs) do
    if edge.node.recipe == node.recipe then
      for _, other in ipairs(edge.node.before) do put(other) end
      put(edge.node)
    end
  end
  table.sort(list, function(a, b) return a.index < b.index end)
  return list
end

-- What another configuration makes is for another machine: it is in no sysroot, and in no root.
local function is_ours(node, other)
  return node.recipe.configuration == other.recipe.configuration
end

-- A dependency brings its own dependencies along: a static library is linked with what it needs.
-- But the tools that built a target's library are of no use to those who link against it.
local function reach(node)
  local seen = {}
  for _, edge in ipairs(node.needs) do
    local other = edge.node
    if other.recipe == node.recipe then
      for _, offer in ipairs(other.sysroots) do seen[offer] = true end
    elseif other.offers and is_ours(node, other) then
      seen[other] = true
      for _, offer in ipairs(other.sysroots) do
        if other.offers == "native" or offer.offers == "target" then seen[offer] = true end
      end
    end
  end
  local list = {}
  for offer in pairs(seen) do list[#list + 1] = offer end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function installs(node)
  for _, name in ipairs(words(variables.of(node):flag(node.task, "collect"))) do
    if name == "outputs" then return true end
  end
  return false
end

-- [root]: the host is not there, but what the recipes of [depends] installed; "outputs": what this
-- one installed lies over it.
local function roots(node, earlier)
  local root, list = variables.of(node):flag(node.task, "root") or "", {}
  if root == "" then return nil end
  for i = root == "outputs" and #earlier or 0, 1, -1 do
    if earlier[i].installs then
      list[1] = earlier[i]
      break
    end
  end
  for _, edge in ipairs(node.needs) do
    local other = edge.node
    if other.recipe ~= node.recipe and other.installs and is_ours(node, other) then
      list[#list + 1] = other
    end
  end
  return list
end

-- What tasks of other configurations leave, side by side: two of them make the same files.
local function across(node)
  local list, seen = {}, {}
  for _, edge in ipairs(node.needs) do
    local other = edge.node
    for tree, there in pairs {outputs = other.installs, sysroot = other.offers} do
      if there and edge.kind == "mcdepends" and not is_ours(node, other) then
        local name = other.recipe.configuration or "default"
        local at = ("%s/%s/%s"):format(name, other.recipe.name, tree)
        if seen[at] then
          fault.throw("graph", ("%s and %s would both be at %s/%s of '%s'"):format(seen[at].name,
            other.name, M.ACROSS, at, node.name), {
            where = place.of(node.recipe, node.task, nil, "mcdepends"),
            hint = "the main configuration is called 'default' there: call yours otherwise"})
        end
        seen[at] = other
        list[#list + 1] = {node = other, tree = tree, place = at}
      end
    end
  end
  table.sort(list, function(a, b) return a.place < b.place end)
  return list[1] and list or none
end

local function refuse_bare(node)
  fault.throw("recipe", ("task '%s' has a root of layers only, and no layer"):format(node.name), {
    where = place.of(node.recipe, node.task, nil, "root"),
    hint = "name recipes that install its programs: in [depends], or in ROOT_LAYERS with strict",
  })
end

-- The tasks of a recipe mostly see the same sysroots.
local function shared(node, list)
  if #list == 0 then return none end
  for _, edge in ipairs(node.needs) do
    local other = edge.node.recipe == node.recipe and edge.node.sysroots or none
    local same = #other == #list
    for i = 1, same and #list or 0 do same = same and other[i] == list[i] end
    if same then return other end
  end
  return list
end

--- Fill in the inputs of a node; those of what it needs are known.
---@param node moonsand.build.Node
---@param index integer   its place in the plan
function M.attach(node, index)
  node.index = index
  node.kind = kind_of(node)
  node.installs = installs(node)
  node.offers = offer_of(node)
  local earlier = before(node)
  node.roots = node.kind == "task" and roots(node, earlier) or nil
  node.alone = node.roots and variables.of(node):flag(node.task, "root") == "outputs"
  if node.roots and #node.roots == 0 then refuse_bare(node) end
  node.before = (node.alone or #earlier == 0) and none or earlier
  node.across = node.kind == "task" and across(node) or none
  node.sysroots = node.alone and none or shared(node, reach(node))
end

--- The sysroots of one kind: what is mounted at recipe-sysroot ("target") or
--- recipe-sysroot-native ("native").
---@param node moonsand.build.Node
---@param kind "target"|"native"
---@return moonsand.build.Node[]
function M.sysroots(node, kind)
  local list = {}
  for _, offer in ipairs(node.sysroots) do
    if offer.offers == kind then list[#list + 1] = offer end
  end
  return list
end

---@class moonsand.build.Mounted
---@field place string                where it will be mounted
---@field digest string
---@field node moonsand.build.Node    whose result it is

--- Every layer that will be mounted, and where: the results of what the node needs are known.
---@param node moonsand.build.Node
---@return moonsand.build.Mounted[]
function M.mounted(node)
  local list = {}
  local function add(where, digest, other)
    list[#list + 1] = {place = where, digest = digest, node = other}
  end
  for i, other in ipairs(node.before) do
    add(("/work %02d %s"):format(i, other.task), other.record.layer, other)
  end
  for i, other in ipairs(node.roots or {}) do
    add(("/ %02d %s"):format(i, other.recipe.name), other.record.trees.outputs, other)
  end
  for _, one in ipairs(node.across) do
    add(("%s/%s"):format(M.ACROSS, one.place), one.node.record.trees[one.tree], one.node)
  end
  for _, kind in ipairs {"target", "native"} do
    for _, offer in ipairs(M.sysroots(node, kind)) do
      add(("%s sysroot %s"):format(kind, offer.recipe.name), offer.record.trees.sysroot, offer)
    end
  end
  return list
end

return M
