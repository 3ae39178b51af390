--- Python for the recipe reader: the helper (python/helper.py) in a sandbox. It has no network,
--- sees the host's programs and the metadata, and changes nothing: what it writes vanishes.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local sandbox = require "moonsand.sandbox"

local M = {}

local farewell = 10 -- seconds for a helper to end that has nobody to serve
local interpreter = "/usr/bin/python3"
local release = "/etc/os-release" -- metadata asks which distribution it is on

-- The order of a set of words is the same in every process, so a value that is made of one is, too,
-- and what a task is known by.
local environment = {LC_ALL = "C.UTF-8", PYTHONHASHSEED = "0"}

-- One mount for each directory, the outer ones first.
local function mounts(directories)
  local binds, overlays, seen = {{source = release, target = release, optional = true}}, {}, {}
  for _, each in ipairs(directories) do
    local stat = not seen[each.path] and core.stat(each.path, "follow")
    seen[each.path] = true
    if stat and stat.type == "directory" then
      if each.scratch then
        overlays[#overlays + 1] = {target = each.path, lower = {each.path}, order = #each.path}
      else
        binds[#binds + 1] = {source = each.path, target = each.path, order = #each.path}
      end
    end
  end
  return binds, overlays
end

--- What reading recipes may cost: seconds of processor time for one request, MiB of memory, and
--- seconds until a helper that says nothing is given up.
M.bounds = {seconds = 60, memory = 2048, patience = 600}

-- The directory that holds BitBake's packages; its `bb` is known by a file that it has had always.
local function check_bitbake(directory)
  local file = directory .. "/bb/__init__.py"
  if directory:sub(1, 1) == "/" and core.stat(file, "follow") then return end
  fault.throw("usage", ("BITBAKE_LIB is '%s', which holds no bb/__init__.py"):format(directory), {
    hint = "name the lib directory of a BitBake, from / on, or unset BITBAKE_LIB"})
end

-- What a helper asked for that was started to be observed, once nobody talks to it any more.
local function observed_by(running)
  if not core.poll({{fd = running.process}}, farewell) then return nil end
  local result = running:wait()
  for _, unmet in ipairs(result.not_enforced or {}) do
    if unmet.option == "observe" then return nil end
  end
  return result.observed
end

--- How recipes run Python.
---@param home string   the directory of helper.py
---@param bounds? {seconds: integer, memory: integer, patience: number}
---@param bitbake? string   BITBAKE_LIB: where modules are that moonsand's `bb` does not have
---@return moonsand.recipe.Python
function M.new(home, bounds, bitbake)
  bounds = bounds or M.bounds
  if bitbake then check_bitbake(bitbake) end
  local python = {home = home, patience = bounds.patience, bitbake = bitbake}
  local env = {BITBAKE_LIB = bitbake}
  for name, value in pairs(environment) do env[name] = value end

  function python.start(stream, directories, observed)
    if not core.stat(interpreter, "follow") then
      fault.throw("host", "there is no " .. interpreter, {hint = "apt install python3"})
    end
    local seen = {{path = home}, bitbake and {path = bitbake}}
    table.move(directories, 1, #directories, #seen + 1, seen)
    local binds, overlays = mounts(seen)
    local running, failure = sandbox.new {
      command = {interpreter, "-s", "-S", "-B", home .. "/helper.py", -- -I hides the seed
        tostring(bounds.seconds), tostring(bounds.memory)}, name = "python",
      stdin = stream, stdout = stream, stderr = "inherit", session = false,
      binds = binds, overlays = overlays, env = env, cwd = "/",
      observe = observed and {"/"} or nil,
    }:start()
    if running then return running end
    fault.throw("sandbox", failure.message or tostring(failure))
  end

  python.observed = observed_by
  return python
end

return M
