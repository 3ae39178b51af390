--- Overlays: which options and directories go together, and why the kernel refused some.
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local text = require "moonsand.text"

local M = {}

local handles = "the kernel opens files by handle for it, which only the host's root may"
local trusted = "it needs attributes that only the host's root may set"

--- By option and value: the word for the kernel, or why it cannot be.
local known = {
  volatile = {on = {"volatile"}, off = {}},
  index = {off = {"index=off"}, on = handles},
  xino = {off = {"xino=off"}, auto = {"xino=auto"}, on = handles},
  metacopy = {off = {"metacopy=off"}, on = trusted},
  redirect = {nofollow = {"redirect_dir=nofollow"}, on = trusted, follow = trusted, off = trusted},
}

local function check_option(where, name, value)
  local values = known[name]
  if not values then
    local near = type(name) == "string" and fault.nearest(name, order.keys(known))
    check.wrong(("unknown key '%s' in %s.options"):format(tostring(name), where),
      near and ("did you mean '%s'?"):format(near)
        or "there are " .. table.concat(order.keys(known), ", "))
  end
  local fine = {}
  for word, how in order.sorted(values) do
    if type(how) == "table" then fine[#fine + 1] = word end
  end
  local hint = ("it may be %s"):format(table.concat(fine, " or "))
  if not values[value] then
    check.wrong(("%s.options.%s is '%s'"):format(where, name, tostring(value)), hint)
  elseif type(values[value]) == "string" then
    check.wrong(("%s.options.%s cannot be '%s' in a user namespace: %s"):format(where, name, value,
      values[value]), hint)
  end
end

-- A pattern that ends in $ is tried at each letter, and a stack has hundreds of these.
local function directory(path)
  path = check.absolute(path)
  if path:byte(-1) ~= 47 then return path end -- "/"
  return (path:gsub("(.)/+$", "%1"))
end

--- Check an entry of `overlays`, and make its paths absolute.
---@param own table     changed
---@param where string
function M.check(own, where)
  own.lower = own.lower or {}
  check.words(where .. ".lower", own.lower)
  if #own.lower == 0 then check.wrong(where .. " has no 'lower' directory") end
  if own.read_only and own.upper then check.wrong(where .. " is read-only and has an 'upper'") end
  if own.work and not own.upper then check.wrong(where .. " has a 'work' but no 'upper'") end
  for name, value in order.sorted(own.options or {}) do check_option(where, name, value) end
  local lower = {}
  for i, path in ipairs(own.lower) do lower[i] = directory(path) end
  own.lower = lower
  own.upper = own.upper and directory(own.upper)
  own.work = own.work and directory(own.work)
end

--- The kernel's options for an entry. Without `volatile` the kernel writes an upper out to the disk
--- when it is asked to; what vanishes anyway need not be.
local function words(entry)
  local list, own = {"userxattr"}, entry.options or {}
  local volatile = own.volatile or not entry.upper and "on" or "off"
  if not entry.read_only then list[2] = known.volatile[volatile][1] end
  for name, value in order.sorted(own) do
    if name ~= "volatile" then list[#list + 1] = known[name][value][1] end
  end
  return list
end

--- The step for an entry.
---@param entry table   checked
---@return table step
function M.step(entry)
  if entry.read_only and #entry.lower == 1 then -- the kernel wants two lowers without an upper
    return {"bind", source = entry.lower[1], target = entry.target}
  end
  return {"overlay", target = entry.target, lower = entry.lower, upper = entry.upper,
    work = entry.work, tmpfs_upper = not entry.upper and not entry.read_only,
    read_only = entry.read_only, options = words(entry)}
end

--- Is `path` inside of `other`, or the same?
local function is_within(path, other)
  return path == other or other == "/" or path:sub(1, #other + 1) == other .. "/"
end

local function between(what, path, other_what, other)
  if path == other then
    return ("%s and %s are the same directory, '%s'"):format(what, other_what, path)
  elseif is_within(path, other) then
    return ("%s '%s' is inside of %s '%s'"):format(what, path, other_what, other)
  elseif is_within(other, path) then
    return ("%s '%s' is inside of %s '%s'"):format(other_what, other, what, path)
  end
end

--- Directories of one overlay that may not be, or be in, one another: what is written to the upper
--- would change a lower.
local function overlap(entry, as)
  local upper, work = entry.upper and as(entry.upper), entry.work and as(entry.work)
  local why = work and between("work", work, "upper", upper)
  for i, path in ipairs(upper and entry.lower or {}) do
    local name, own = ("lower %d"):format(i), as(path)
    why = why or between(name, own, "upper", upper)
      or work and between(name, own, "work", work)
  end
  return why
end

local function refuse(entry, why, hint)
  fault.throw("sandbox", ("overlay %s: %s"):format(entry.target, why), {hint = hint})
end

local function make(what, path)
  local ok, err, errno = core.mkdirs(path)
  if not ok then fault.throw("sandbox", ("%s directory %s"):format(what, err), {errno = errno}) end
end

local EAGAIN = 11

--- Two overlays over one upper see each other's half-done work, and the kernel lets them.
local function lock(entry, undo)
  local handle, err, errno = core.lock(entry.upper, "exclusive", "try")
  if handle then
    undo:defer(function() handle:close() end)
  elseif errno == EAGAIN then
    refuse(entry, ("upper '%s' is in use by another sandbox"):format(entry.upper),
      "wait for it to end, or give each sandbox an upper of its own")
  else
    fault.throw("sandbox", "upper directory " .. err, {errno = errno})
  end
end

--- The kernel deletes what it finds in a work directory, or mounts read-only without a word.
local function check_work(entry)
  for _, name in ipairs(core.readdir(entry.work) or {}) do
    local st = core.stat(entry.work .. "/" .. name)
    if name ~= "work" and name ~= "index" or not st or st.type ~= "directory" then
      refuse(entry, ("work '%s' is not empty: there is '%s' in it"):format(entry.work, name),
        "leave 'work' out: a fresh one is made for each run")
    end
  end
end

--- overlayfs wants a scratch directory beside the upper, empty at each mount; one that the caller
--- did not name is ours.
---@param entry table   with an upper
---@param undo moonsand.Scope
---@return table entry
function M.prepare(entry, undo)
  local why = overlap(entry, function(path) return path end)
  if why then refuse(entry, why) end
  make("upper", entry.upper)
  lock(entry, undo)
  if entry.work then
    make("work", entry.work)
    check_work(entry)
    return entry
  end
  local parent, name = entry.upper:match("^(.*)/([^/]+)/*$")
  local work, err, errno = core.mkdtemp(("%s/.%s.work."):format(parent, name))
  if not work then fault.throw("sandbox", "work directory " .. err, {errno = errno}) end
  undo:defer(function() core.remove_tree(work) end)
  local own = {}
  for key, value in pairs(entry) do own[key] = value end
  own.work = work
  return own
end

local function real(path) return core.realpath(path) or path end

local function file_system(path)
  local fs = core.statfs(path)
  return fs and fs.type
end

--- What is mounted below a directory; an overlay would show what lies under it instead, and the
--- kernel refuses that to all but the host's root.
local function mounted_below(path, mountinfo)
  for target in mountinfo:gmatch "[^\n]+" do
    target = target:match("^%d+ %d+ %d+:%d+ %S+ (%S+) ")
    target = target and target:gsub("\\(%d%d%d)", function(octal)
      return string.char(tonumber(octal, 8))
    end)
    if target and target ~= path and is_within(target, path) then return target end
  end
end

local function upper_problem(step)
  local upper, work = core.stat(step.upper, "follow"), core.stat(step.work, "follow")
  if upper and work and upper.dev ~= work.dev then
    return ("upper '%s' and work '%s' are on different file systems"):format(step.upper, step.work),
      "put work beside upper, or leave it out"
  end
  local kind = file_system(step.upper)
  if kind == "overlay" or kind == "nfs" or kind == "proc" then
    return ("upper '%s' is on %s, where the kernel takes none"):format(step.upper, kind),
      "name a directory on a local file system (in a container: on a volume)"
  end
end

local function lower_problem(step)
  local mountinfo, seen = text.read("/proc/self/mountinfo") or "", {}
  for _, path in ipairs(step.lower) do
    local own = real(path)
    if seen[own] then return ("'%s' is a lower twice"):format(own) end
    seen[own] = true
    local below = mounted_below(own, mountinfo)
    if below then
      return ("another file system is mounted in lower '%s', at '%s'"):format(path, below),
        "an overlay cannot show it: name a directory without, or bind it (binds, --ro)"
    end
  end
  for own in order.sorted(seen) do
    for slash in own:gmatch "()/" do
      local above = own:sub(1, slash - 1)
      if seen[above] then return ("lower '%s' is inside of lower '%s'"):format(own, above) end
    end
  end
  for _, path in ipairs(step.lower) do
    local kind = file_system(path)
    if kind == "overlay" or kind == "proc" then
      return ("lower '%s' is on %s, over which the kernel puts no more overlays"):format(path, kind)
    end
  end
end

local EINVAL, ELOOP = 22, 40

--- Why the kernel refused an overlay that it says too little about.
---@param step table
---@param errno integer
---@return string? why
---@return string? hint
function M.explain(step, errno)
  if errno ~= EINVAL and errno ~= ELOOP then return nil end
  local why, hint = overlap(step, real)
  if not why and step.upper then why, hint = upper_problem(step) end
  if not why then why, hint = lower_problem(step) end
  if why or not step.upper or errno ~= EINVAL then return why, hint end
  if core.stat(step.work .. "/work") then
    return ("work '%s' is left over from a volatile overlay, perhaps"):format(step.work),
      "remove it, and what is not certain in the upper; or leave 'work' out"
  end
end

return M
