--- Files that hold a table, for `--profile`, `--seccomp`, `--landlock` and `--steps`.
local arguments = require "moonsand.cli.arguments"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local profile = require "moonsand.sandbox.profile"

local M = {}

local presets = {build = true, none = true}

local DEEP <const> = 20

--- Where in a table there is something that is no data.
local function odd(value, where, depth)
  local kind = type(value)
  if kind ~= "table" then
    return (kind == "function" or kind == "thread") and ("%s is a %s"):format(where, kind) or nil
  end
  if depth > DEEP then return where .. " is a table in itself" end
  for key, field in pairs(value) do
    local found = odd(field, ("%s.%s"):format(where, key), depth + 1)
    if found then return found end
  end
end

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
  local found = odd(value, "it", 0)
  if found then wrong(found .. ", and only data is read") end
  return value
end

--- "file:line" of the first word in quotes of a message that the file assigns to.
local function place(path, message)
  local words = {}
  for word in message:gmatch("'([%w_]+)'") do words[#words + 1] = word end
  for word in message:gmatch("[%w_]+%.([%w_]+)") do words[#words + 1] = word end
  for word in message:gmatch("([%w_]+)[%[.]") do words[#words + 1] = word end
  for _, word in ipairs(words) do
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      if line:find("%f[%w_]" .. word .. "%f[^%w_]%s*=[^=]") then
        return ("%s:%d"):format(path, number)
      end
    end
  end
  return path
end

--- Variables that the caller lets through, as `--pass-env` does.
local function pass(spec, environment)
  local names = spec.pass_env or {}
  spec.pass_env = nil
  if #names == 0 then return end
  local env = {}
  for _, name in ipairs(names) do env[name] = environment(name) end
  for name, value in order.sorted(spec.env or {}) do env[name] = value end
  spec.env = env
end

--- A mistake in a table is told with its file.
local function tell_place(path, body)
  local ok, problem = pcall(body)
  if ok then return end
  if fault.is(problem) then
    problem.where = problem.where or place(path, problem.message)
    problem.message = problem.message:gsub("^sandbox: ", "")
  end
  error(problem, 0)
end

local function profile_of(path, environment)
  local spec = M.read("--profile", path)
  tell_place(path, function()
    pass(spec, environment)
    require("moonsand.sandbox.options").check(spec)
  end)
  return spec
end

--- The table of an option's file, checked by itself.
local function checked(key, path)
  local value = M.read("--" .. key, path)
  tell_place(path, function() require("moonsand.sandbox.options").check({[key] = value}) end)
  return value
end

--- The tables of `--profile`, one over the other. Each is checked by itself, so that a mistake is
--- told with its file.
---@param paths? string[]
---@param environment fun(name: string): string?
---@return table? spec   nil when there is no profile
function M.profiles(paths, environment)
  local base
  for _, path in ipairs(paths or {}) do
    base = profile.merge(base or {}, profile.apply(profile_of(path, environment)))
  end
  return base
end

--- Put the tables in the place of the files' names.
---@param spec table   arguments, or options for `sandbox.new`
---@return table spec
function M.load(spec)
  if spec.seccomp and not presets[spec.seccomp] then
    local near = not spec.seccomp:find("[/.]") and fault.nearest(spec.seccomp, order.keys(presets))
    if near then
      fault.throw("usage", ("'--seccomp %s': there is no such preset"):format(spec.seccomp), {
        hint = ("did you mean '%s'?"):format(near)})
    end
  end
  for _, key in ipairs {"seccomp", "landlock", "steps"} do
    local value = spec[key]
    if value and not (key == "seccomp" and presets[value]) then spec[key] = checked(key, value) end
  end
  return spec
end

--- The table for `sandbox.new` that a command line stands for, with all the files it names.
---@param args table   parsed
---@param environment fun(name: string): string?   the caller's environment
---@return table spec   without the command
function M.spec(args, environment)
  local base = M.profiles(args.profiles, environment)
  return arguments.from_arguments(M.load(args), environment, base)
end

return M
