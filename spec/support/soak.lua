--- Many sandboxes, and what the caller has more or less afterwards. The specs run some hundreds of
--- them; `make soak` runs ten thousand: lua spec/support/soak.lua COUNT AT_ONCE
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local M = {}

--- Kinds of runs, good and bad: each has other things to clean up. {what, options, outcome}
local function kinds(dir)
  local lower = {dir:dir "a", dir:dir "b"}
  return {
    {"a program", {command = {"true"}}, "exit"},
    {"a script with an upper", {script = "echo x >/over/file; echo said",
      overlays = {{target = "/over", lower = lower, upper = dir.path .. "/upper"}}}, "exit"},
    {"leftovers", {script = "sleep 100 & sleep 100 & exit 3"}, "exit"},
    {"a terminal", {command = {"true"}, pty = true}, "exit"},
    {"no such program", {command = {"/nowhere/program"}}, "exec_failed"},
    {"no such source", {command = {"true"}, binds = {{source = "/nowhere", target = "/x"}}},
      "setup_failed"},
    {"a killed program", {script = "kill -9 $$"}, "signal"},
  }
end

local function status(name)
  return tonumber(host.read("/proc/self/status"):match(name .. ":%s*(%d+) kB"))
end

local function children()
  local list, me = {}, core.getpid()
  for _, pid in ipairs(assert(core.readdir("/proc"))) do
    local line = pid:find("^%d+$") and host.read(("/proc/%s/stat"):format(pid))
    if line and tonumber(line:match("^.*%) %a (%d+)")) == me then list[#list + 1] = pid end
  end
  return table.concat(list, " ")
end

local function entries(dir)
  local list = assert(core.readdir(dir.path))
  table.sort(list)
  return table.concat(list, " ")
end

--- What must be the same, and what may differ by the bounds below.
local function measure(dir)
  collectgarbage()
  collectgarbage()
  return {
    same = {descriptors = host.count_fds(), mounts = host.mountinfo(), groups = host.groups(),
      children = children(), files = entries(dir), directory = core.readlink("/proc/self/cwd")},
    near = {["resident KiB"] = status "VmRSS", ["virtual KiB"] = status "VmSize",
      ["Lua KiB"] = math.floor(collectgarbage "count")},
  }
end

M.bounds = {["resident KiB"] = 2048, ["virtual KiB"] = 8192, ["Lua KiB"] = 256}
if (os.getenv "LD_PRELOAD" or ""):find("asan", 1, true) then
  M.bounds["resident KiB"] = math.huge -- the sanitizer keeps what was freed
end

local function run_all(dir, list, count)
  for i = 1, count do
    local kind = list[(i - 1) % #list + 1]
    local result = kind[4]:run()
    if result.outcome ~= kind[3] then
      error(("%s, run %d: %s: %s"):format(kind[1], i, result.outcome, tostring(result)), 0)
    end
    if kind[2].overlays then core.remove_tree(dir.path .. "/upper") end
  end
end

local function run_at_once(count)
  local running = {}
  for i = 1, count do running[i] = assert(sandbox.new {script = "sleep 0.2; exit 7"}:start()) end
  for i = 1, count do
    local result = running[i]:wait()
    assert(result.exit_code == 7, tostring(result))
    running[i]:close()
  end
end

local function compare(before, after)
  local differences = {}
  for name, value in pairs(before.same) do
    if after.same[name] ~= value then
      differences[#differences + 1] = ("%s: %s, was %s"):format(name, after.same[name], value)
    end
  end
  for name, value in pairs(before.near) do
    if after.near[name] - value > M.bounds[name] then
      differences[#differences + 1] = ("%s: %d, was %d"):format(name, after.near[name], value)
    end
  end
  table.sort(differences)
  return differences
end

--- Run sandboxes, one after the other and at once.
---@param count integer
---@param at_once integer
---@return string[] differences   what is not as it was
---@return table before, table after
function M.run(count, at_once)
  local dir <close> = host.scratch()
  local list = kinds(dir)
  for _, kind in ipairs(list) do kind[4] = sandbox.new(kind[2]) end
  run_all(dir, list, 5 * #list) -- what is made once, and what malloc keeps
  run_at_once(at_once)
  local before = measure(dir)
  run_all(dir, list, count)
  run_at_once(at_once)
  local after = measure(dir)
  return compare(before, after), before, after
end

if arg and arg[0] and arg[0]:find("soak.lua$") then
  local count, at_once = tonumber(arg[1]), tonumber(arg[2])
  local start = core.clock()
  local differences, before, after = M.run(count, at_once)
  print(("%d sandboxes one after the other, %d at once, in %.0f s"):format(count, at_once,
    core.clock() - start))
  print(("descriptors %d, were %d"):format(after.same.descriptors, before.same.descriptors))
  for name, value in pairs(before.near) do
    print(("%s %d, were %d"):format(name, after.near[name], value))
  end
  for _, text in ipairs(differences) do print("not as it was: " .. text) end
  os.exit(#differences == 0)
end

return M
