--- Files that hold a table, for `--seccomp`, `--landlock` and `--steps`.
local fault = require "moonsand.fault"

local M = {}

local presets = {build = true, none = true}

--- The table that a Lua file returns. The file sees nothing but itself: no library, no variable.
---@param option string   for messages
---@param path string
---@return table
function M.read(option, path)
  local function wrong(reason)
    fault.throw("usage", ("'%s %s': %s"):format(option, path, reason), {
      hint = "the file holds: return {...}   (moonsand-run(1))",
    })
  end
  local chunk, problem = loadfile(path, "t", {})
  if not chunk then wrong(problem) end
  local ok, value = pcall(chunk)
  if not ok then wrong(tostring(value)) end
  if type(value) ~= "table" then wrong(("it returns a %s"):format(type(value))) end
  return value
end

--- Put the tables in the place of the files' names.
---@param spec table   for `sandbox.new`
---@return table spec
function M.load(spec)
  if spec.seccomp and not presets[spec.seccomp] then
    spec.seccomp = M.read("--seccomp", spec.seccomp)
  end
  if spec.steps then spec.steps = M.read("--steps", spec.steps) end
  if spec.landlock then spec.landlock = M.read("--landlock", spec.landlock) end
  return spec
end

return M
