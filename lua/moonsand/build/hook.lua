--- Hooks: what no single layer of a root can own, because it is merged of all of them (ld.so.cache,
--- caches of mime types, the directory of info pages, alternatives). A recipe says in ROOT_HOOKS
--- which functions make such things, each with the paths that call for it. It is run over exactly
--- the layers of the root, and what it writes is a layer on top of these: made once for one stack.
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local fault = require "moonsand.fault"
local multiconfig = require "moonsand.recipe.multiconfig"
local place = require "moonsand.build.place"
local script = require "moonsand.build.script"
local signature = require "moonsand.build.signature"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

local PREFIX <const> = "hook."

-- A task as the hook sees itself: the same recipe, another function.
local function node_of(node, name)
  return setmetatable({task = name, hook = true, data = variables.of(node),
    name = ("%s:%s"):format(multiconfig.name(node.recipe), name)}, {__index = node})
end

--- The hooks of a task's root, in their order.
---@param node moonsand.build.Node
---@return moonsand.build.Node[]
function M.nodes(node)
  local list, d = {}, variables.of(node)
  for i, name in ipairs(node.roots and words(d:get "ROOT_HOOKS") or {}) do
    if not d:raw(name) then
      fault.throw("recipe", ("ROOT_HOOKS names '%s', and there is no such function"):format(name), {
        where = place.of(node.recipe, "ROOT_HOOKS", name),
        hint = ("write '%s() { ... }', or take the name out"):format(name),
      })
    end
    if #words(d:flag(name, "paths")) == 0 then
      fault.throw("recipe", ("the hook '%s' of ROOT_HOOKS has no flag [paths]"):format(name), {
        where = place.of(node.recipe, name),
        hint = ("say which paths of a root call for it: %s[paths] = \"usr/sbin/...\""):format(name),
      })
    end
    list[i] = node_of(node, name)
  end
  return list
end

-- "usr/lib/lib*.so": a star stands for any part of the last name.
local function has(root, path)
  local parent, last = path:match "^/*(.-)/*([^/]+)$"
  local found = directory.find(root, parent)
  local pattern = "^" .. last:gsub("%p", "%%%0"):gsub("%%%*", ".*") .. "$"
  for _, kind in ipairs(found and {"files", "symlinks", "directories"} or {}) do
    for _, entry in ipairs(found[kind]) do
      if entry.name:find(pattern) then return true end
    end
  end
  return false
end

local function is_called_for(store, hook, setting)
  for _, one in ipairs(setting.trees.root) do
    local tree = store:tree(one.digest)
    for _, path in ipairs(tree and words(variables.of(hook):flag(hook.task, "paths")) or {}) do
      if has(tree:node(), path) then return true end
    end
  end
  return false
end

local function key_of(workshop, hook, setting)
  local digests = table.move(setting.hooks, 1, #setting.hooks, 1, {})
  for _, one in ipairs(setting.trees.root) do digests[#digests + 1] = one.digest end
  return PREFIX .. signature.hook(hook,
    workshop.signatures[hook.recipe.configuration or ""], digests)
end

local function known(store, key)
  local digest = (store:record("intent", key) or ""):match "^(%x+)\n$"
  return digest and store:layer(digest)
end

---@class moonsand.build.Hooked          what one hook is to one root
---@field name string                     the function
---@field digest? string                  of the layer that it made; nil: it would run
---@field key string                      of the record that finds the layer

--- The hooks that a root calls for, in their order; the layers of those that ran over it before
--- are added to `setting.hooks`. What comes after one that did not run is not known.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param setting moonsand.build.Setting
---@return moonsand.build.Hooked[]
function M.find(workshop, node, setting)
  local list = {}
  setting.hooks = {}
  for _, hook in ipairs(M.nodes(node)) do
    if is_called_for(workshop.store, hook, setting) then
      local key = key_of(workshop, hook, setting)
      local found = known(workshop.store, key)
      list[#list + 1] = {name = hook.task, key = key, digest = found and found.digest}
      if not found then break end
      table.insert(setting.hooks, 1, found.digest)
    end
  end
  return list
end

-- What the sandbox itself has made in the upper, to mount and to write there.
local function clear(scratch, result)
  local own = script.DIRECTORY
  fault.unless("fs", core.remove_tree(scratch.upper .. own))
  core.rmdir(scratch.upper .. own:match "^(.*)/")
  for i = #result.mount_points, 1, -1 do
    local path = scratch.upper .. result.mount_points[i]
    local st = core.stat(path)
    if st and st.type == "directory" then core.rmdir(path) end -- unless something is in it
    if st and st.type == "file" and st.size == 0 then core.unlink(path) end
  end
end

-- Run it, unless somebody else has done so meanwhile.
local function run(workshop, hook, setting, key, attempt)
  local store, began = workshop.store, core.clock()
  local function tell(outcome)
    workshop.events:send("task_hook", {task = setting.task, hook = hook.task, outcome = outcome,
      seconds = core.clock() - began})
  end
  local lock <close> = store:lock(key:sub(1, #PREFIX + 3)) -- luacheck: ignore 211
  local found = known(store, key)
  if found then
    tell "cached"
    return found
  end
  local scratch <close> = store:scratch()
  local result, failure = attempt(hook, scratch, setting)
  if failure then
    failure.message = ("the hook '%s' of its root failed: %s"):format(hook.task,
      failure.message or tostring(result))
    tell "failed"
    return nil, failure
  end
  clear(scratch, result)
  local made = store:freeze(scratch, {name = hook.name, threads = 1})
  store:put_record("intent", key, made.digest .. "\n")
  tell "ok"
  return made
end

--- Make the layers of a root's hooks, or find them: `setting.hooks`, the newest first, and
--- `node.hooked`, in their order.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param setting moonsand.build.Setting
---@param attempt fun(hook: moonsand.build.Node, scratch: moonsand.Scratch,
---  setting: moonsand.build.Setting): moonsand.Result, table?   runs it
---@return table? failure   of the first one that failed
function M.run(workshop, node, setting, attempt)
  setting.hooks, setting.task, node.hooked = {}, node.name, {}
  for _, hook in ipairs(M.nodes(node)) do
    if is_called_for(workshop.store, hook, setting) then
      local key = key_of(workshop, hook, setting)
      local made, failure = run(workshop, hook, setting, key, attempt)
      if not made then return failure end
      table.insert(setting.hooks, 1, made.digest)
      table.insert(node.hooked, {name = hook.task, key = key, digest = made.digest})
    end
  end
end

return M
