--- From options to steps. Nothing here touches the system but for reading what the host's top looks
--- like.
local lazy = require "moonsand.lazy"
local capabilities = require "moonsand.sandbox.capabilities"
local defaults = require "moonsand.sandbox.defaults"
local hooks = lazy "moonsand.sandbox.hooks"
local ids = require "moonsand.sandbox.ids"
local kernel = require "moonsand.sandbox.kernel"
local limits = require "moonsand.sandbox.limits"
local namespaces = require "moonsand.sandbox.namespaces"
local network = require "moonsand.sandbox.network"
local observe = lazy "moonsand.sandbox.observe"
local overlay = lazy "moonsand.sandbox.overlay"
local owner = lazy "moonsand.sandbox.owner"
local plan = require "moonsand.sandbox.plan"
local redirect = require "moonsand.sandbox.redirect"
local watch = require "moonsand.sandbox.watch"

local M = {}

local function bind_step(entry)
  return {"bind", source = entry.source, target = entry.target,
    read_only = entry.read_only ~= false, devices = entry.devices, optional = entry.optional,
    idmap = entry.idmap and owner.text(entry.idmap), tree = entry.tree}
end

local makers = {
  {"overlays", function(e) return overlay.step(e) end},
  {"tmpfs", function(e) return {"tmpfs", target = e.target, size = e.size, mode = e.mode} end},
  {"binds", bind_step},
  {"dirs", function(e) return {"mkdir", target = e.target, mode = e.mode} end},
  {"files", function(e) return {"file", target = e.target, text = e.text, mode = e.mode} end},
  {"symlinks", function(e) return {"symlink", target = e.target, text = e.text} end},
}

--- The caller's mounts in their order: `order` first, then the kind, then the place in its list.
local function own_steps(options)
  local list = {}
  for rank, maker in ipairs(makers) do
    for i, entry in ipairs(options[maker[1]]) do
      list[#list + 1] = {step = maker[2](entry), key = {entry.order or 0, rank, i}}
    end
  end
  table.sort(list, function(a, b)
    for k = 1, 3 do
      if a.key[k] ~= b.key[k] then return a.key[k] < b.key[k] end
    end
    return false
  end)
  return list
end

--- What / starts from: an overlay that the caller puts there, a directory under a vanishing upper,
--- or an empty tmpfs.
local function root_step(options, own)
  for i, item in ipairs(own) do
    if item.step.target == "/" then
      table.remove(own, i)
      return item.step, true
    end
  end
  if options.root ~= "host" and options.root ~= "empty" then
    return overlay.step {target = "/", lower = {options.root}}, true
  end
  return {"tmpfs", target = "/", mode = 493}, false -- 0755
end

local function argv(options)
  if options.command then return options.command end
  return {"sh", "-e", "-c", options.script}
end

local function environment(options, term)
  local env = defaults.environment(term)
  if options.scratch then env.HOME, env.TMPDIR = options.scratch, options.scratch end
  for name, value in pairs(options.env) do env[name] = value end
  return env
end

local function working_directory(options)
  if options.cwd then return options.cwd end
  for _, list in ipairs {options.overlays, options.binds, options.tmpfs, options.dirs} do
    for _, entry in ipairs(list) do
      if entry.target == "/work" then return "/work" end
    end
  end
  return "/"
end

local function add(steps, ...)
  for i = 1, select("#", ...) do steps[#steps + 1] = (select(i, ...)) end
end

local function add_root(steps, options, own, uid, gid)
  local root, given = root_step(options, own)
  add(steps, root)
  if options.root == "host" and not given then
    defaults.host(steps)
    defaults.names(steps, uid, gid)
    network.add_files(steps, options)
  end
  kernel.add(steps, options)
  add(steps, {"tmpfs", target = "/tmp", mode = 1023}) -- 01777
  return given
end

--- What vanishes with the sandbox is in memory: its bound is the limit 'disk' where it has none.
local function bound(steps, size)
  for _, step in ipairs(size and steps or {}) do
    if step[1] == "tmpfs" or step[1] == "dev" or step.tmpfs_upper then
      step.size = step.size or size
    end
  end
end

--- The namespaces and everything in them: what all programs of a sandbox share.
local function add_world(steps, options)
  local own = own_steps(options)
  local id_step, uid, gid = ids.step(options)
  add(steps, namespaces.step(options))
  add(steps, limits.group_step(options.limits, options.groups), id_step)
  add(steps, namespaces.groups_step(options), namespaces.time_step(options))
  local given = add_root(steps, options, own, uid, gid)
  for _, item in ipairs(own) do add(steps, item.step) end
  kernel.add_own(steps, options)
  if namespaces.is_own(options, "uts") then
    add(steps, {"hostname", name = options.hostname or defaults.hostname})
  end
  if network.is_own(options) then add(steps, {"loopback"}) end
  if not given then add(steps, {"remount", target = "/"}) end
  add(steps, {"pivot"}, watch.step(options))
end

--- The caller's own steps, and what holds for all steps together.
local function finished(steps, options, part)
  for _, hook in ipairs(options.steps) do hooks.insert(steps, hook, part) end
  bound(steps, limits.disk(options.limits))
  return plan.new(steps)
end

--- What a process gives up for good. The bounding set is emptied where capabilities are kept, or
--- somebody inside is root: nobody else has a use for it (docs/ids.md).
local function add_bounds(steps, options, keep)
  local step = {"capabilities", keep = keep}
  if #keep == 0 and not ids.has_root(options) then step.bounding = false end
  add(steps, {"no_new_privileges"}, step)
end

--- One program: where it starts, what it may do, what it has open.
local function add_program(steps, options, fds, term)
  local env = environment(options, term)
  add(steps, {"chdir", target = working_directory(options)})
  if options.umask then add(steps, {"umask", mode = options.umask}) end
  add_bounds(steps, options, capabilities.keep(options))
  add(steps, options.bounds)
  add(steps, (limits.resources(options.limits)))
  add(steps, options.observe and observe.step(options), options.filter)
  add(steps, {"fds", map = fds or redirect.shown(options)})
  add(steps, {"exec", argv = argv(options), env = env, path = env.PATH,
    session = options.session ~= false, init = not options.as_init, terminal = options.pty})
end

--- The plan for checked options. `fds` is the fd map, or nil for a plan that is only shown.
---@param options table
---@param fds? table<integer, any>
---@param term? string   the caller's TERM
---@return moonsand.sandbox.Plan
function M.plan(options, fds, term)
  local steps = {}
  if options.isolation == "filters" then
    add(steps, limits.group_step(options.limits, options.groups))
  else
    add_world(steps, options)
  end
  add_program(steps, options, fds, term)
  return finished(steps, options, "all")
end

--- The plan of a sandbox that waits for programs.
---@param options table
---@return moonsand.sandbox.Plan
function M.hold(options)
  local steps = {}
  add_world(steps, options)
  add_bounds(steps, options, {})
  add(steps, {"hold"})
  return finished(steps, options, "world")
end

--- The plan of a program in such a sandbox.
---@param options table
---@param holder moonsand.process
---@param fds table<integer, any>
---@return moonsand.sandbox.Plan
function M.join(options, holder, fds)
  local steps = {{"namespaces", join = holder}}
  add(steps, options.groups and limits.group_step(options.limits, options.groups))
  add_program(steps, options, fds)
  return finished(steps, options, "program")
end

return M
