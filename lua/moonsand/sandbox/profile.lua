--- Tables of options that others build on: `profile = {...}` of a sandbox, `--profile FILE.lua`.
--- What is said later wins; lists grow.
local M = {}

--- Tables whose entries have names of their own; and lists that are one value.
local maps = {env = true, limits = true, fds = true}
local whole = {command = true, time = true}

local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local function joined(base, more)
  local list = table.move(base, 1, #base, 1, {})
  return table.move(more, 1, #more, #list + 1, list)
end

--- The keys of two tables; the second's values win.
---@param base table
---@param more table
---@return table
function M.over(base, more)
  local own = {}
  for key, value in pairs(base) do own[key] = value end
  for key, value in pairs(more) do own[key] = value end
  return own
end

--- One table of options over another. Neither is changed.
---@param base moonsand.sandbox.Options
---@param more moonsand.sandbox.Options   its values win; what is in its lists comes last
---@return moonsand.sandbox.Options
function M.merge(base, more)
  local own = M.over(base, more)
  if more.script or more.command then own.script, own.command = more.script, more.command end
  for key, value in pairs(more) do
    local old = base[key]
    if maps[key] and type(old) == "table" and type(value) == "table" then
      own[key] = M.over(old, value)
    elseif not whole[key] and is_list(old) and is_list(value) then
      own[key] = joined(old, value)
    end
  end
  return own
end

--- The options without their key `profile`: a table, or a list of them, that they build on.
---@param given moonsand.sandbox.Options
---@return moonsand.sandbox.Options
function M.apply(given)
  local profile = given.profile
  if profile == nil then return given end
  local base = {}
  for _, one in ipairs(#profile > 0 and profile or {profile}) do
    base = M.merge(base, M.apply(one))
  end
  local own = M.over(given, {})
  own.profile = nil
  return M.merge(base, own)
end

return M
