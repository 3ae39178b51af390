--- Hooks: what no single layer of a root or sysroot can own, because it is merged of all of them
--- (ld.so.cache, caches of mime types, the directory of info pages, alternatives). A recipe says in
--- ROOT_HOOKS and SYSROOT_HOOKS which functions make such things, each with the paths that call for
--- it. It is run over exactly these layers, and what it writes is a layer on top of them: made once
--- for one stack.
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

-- A task as the hook sees itself: the same recipe, another function. `hook` is what it writes to.
local function node_of(node, name, stack)
  return setmetatable({task = name, hook = stack, data = variables.of(node),
    name = ("%s:%s"):format(multiconfig.name(node.recipe), name)}, {__index = node})
end

local function check(node, d, variable, name)
  if not d:raw(name) then
    fault.throw("recipe", ("%s names '%s', and there is no such function"):format(variable, name), {
      where = place.of(node.recipe, variable, name),
      hint = ("write '%s() { ... }', or take the name out"):format(name),
    })
  end
  if #words(d:flag(name, "paths")) == 0 then
    fault.throw("recipe", ("the hook '%s' of %s has no flag [paths]"):format(name, variable), {
      where = place.of(node.recipe, name),
      hint = ("say which paths call for it: %s[paths] = \"usr/sbin/...\""):format(name),
    })
  end
end

local sysroots = {target = true, native = true}

-- Which sysroot the hook is for.
local function sysroot_of(node, d, name)
  local kind = d:flag(name, "sysroot") or "target"
  if sysroots[kind] then return kind end
  fault.throw("recipe", ("[sysroot] of the hook '%s' is '%s'"):format(name, kind), {
    where = place.of(node.recipe, name), hint = "it may be \"target\" or \"native\""})
end

--- The hooks of a task's root and sysroots, in their order; those of the target's sysroot come
--- last, since they may run what the others have made ready.
---@param node moonsand.build.Node
---@return moonsand.build.Node[]
function M.nodes(node)
  local list, last, d = {}, {}, variables.of(node)
  for _, name in ipairs(node.roots and words(d:get "ROOT_HOOKS") or {}) do
    check(node, d, "ROOT_HOOKS", name)
    list[#list + 1] = node_of(node, name, "root")
  end
  for _, name in ipairs(node.sysroots[1] and words(d:get "SYSROOT_HOOKS") or {}) do
    check(node, d, "SYSROOT_HOOKS", name)
    local kind = sysroot_of(node, d, name)
    table.insert(kind == "native" and list or last, node_of(node, name, kind))
  end
  return table.move(last, 1, #last, #list + 1, list)
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
  for _, one in ipairs(setting.trees[hook.hook]) do
    local tree = store:tree(one.digest)
    for _, path in ipairs(tree and words(variables.of(hook):flag(hook.task, "paths")) or {}) do
      if has(tree:node(), path) then return true end
    end
  end
  return false
end

--- What a hook sees: the root, and of the sysroots its own, and the native one.
---@param setting moonsand.build.Setting
---@param stack "root"|"target"|"native"
---@return moonsand.build.Setting
function M.bare(setting, stack)
  local made, trees = setting.sysroot_hooks, setting.trees
  return {over = {}, hooks = setting.hooks,
    sysroot_hooks = {native = stack ~= "root" and made.native or {},
      target = stack == "target" and made.target or {}},
    trees = {root = trees.root, native = stack ~= "root" and trees.native or {},
      target = stack == "target" and trees.target or {}}}
end

local function key_of(workshop, hook, setting)
  local seen, digests = M.bare(setting, hook.hook), {}
  local function add(made, trees)
    table.move(made, 1, #made, #digests + 1, digests)
    for _, one in ipairs(trees or {}) do digests[#digests + 1] = one.digest end
  end
  add(seen.hooks, seen.trees.root)
  for _, kind in ipairs {"native", "target"} do
    if #seen.trees[kind] > 0 then digests[#digests + 1] = kind end
    add(seen.sysroot_hooks[kind], seen.trees[kind])
  end
  return PREFIX .. signature.hook(hook,
    workshop.signatures[hook.recipe.configuration or ""], digests)
end

local function known(store, key)
  local digest = (store:record("intent", key) or ""):match "^(%x+)\n$"
  return digest and store:layer(digest)
end

local function begin(setting)
  setting.hooks, setting.sysroot_hooks = {}, {target = {}, native = {}}
end

local function add_made(setting, hook, made)
  local list = hook.hook == "root" and setting.hooks or setting.sysroot_hooks[hook.hook]
  table.insert(list, 1, made.digest)
end

---@class moonsand.build.Hooked          what one hook is to one stack
---@field name string                     the function
---@field digest? string                  of the layer that it made; nil: it would run
---@field key string                      of the record that finds the layer

--- The hooks that the layers call for, in their order; the layers of those that ran over it before
--- are added to `setting`. What comes after one that did not run is not known.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param setting moonsand.build.Setting
---@return moonsand.build.Hooked[]
function M.find(workshop, node, setting)
  local list = {}
  begin(setting)
  for _, hook in ipairs(M.nodes(node)) do
    if is_called_for(workshop.store, hook, setting) then
      local key = key_of(workshop, hook, setting)
      local found = known(workshop.store, key)
      list[#list + 1] = {name = hook.task, key = key, digest = found and found.digest}
      if not found then break end
      add_made(setting, hook, found)
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
    failure.message = ("the hook '%s' of its %s failed: %s"):format(hook.task,
      hook.hook == "root" and "root" or "sysroot", failure.message or tostring(result))
    tell "failed"
    return nil, failure
  end
  if hook.hook == "root" then clear(scratch, result) end
  local made = store:freeze(scratch, {name = hook.name, threads = 1})
  store:put_record("intent", key, made.digest .. "\n")
  tell "ok"
  return made
end

--- Make the layers of the hooks, or find them: `setting.hooks` and `setting.sysroot_hooks`, the
--- newest first, and `node.hooked`, in their order.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node
---@param setting moonsand.build.Setting
---@param attempt fun(hook: moonsand.build.Node, scratch: moonsand.Scratch,
---  setting: moonsand.build.Setting): moonsand.Result, table?   runs it
---@return table? failure   of the first one that failed
function M.run(workshop, node, setting, attempt)
  begin(setting)
  setting.task, node.hooked = node.name, {}
  for _, hook in ipairs(M.nodes(node)) do
    if is_called_for(workshop.store, hook, setting) then
      local key = key_of(workshop, hook, setting)
      local made, failure = run(workshop, hook, setting, key, attempt)
      if not made then return failure end
      add_made(setting, hook, made)
      table.insert(node.hooked, {name = hook.task, key = key, digest = made.digest})
    end
  end
end

return M
