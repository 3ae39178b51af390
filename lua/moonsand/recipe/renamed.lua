--- Variables that have another name now (BB_RENAMED_VARIABLES): whoever sets the old one is told.
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

-- Those of BitBake's own.
local known = {
  BB_ENV_WHITELIST = "BB_ENV_PASSTHROUGH",
  BB_ENV_EXTRAWHITE = "BB_ENV_PASSTHROUGH_ADDITIONS",
  BB_HASHBASE_WHITELIST = "BB_BASEHASH_IGNORE_VARS",
  BB_HASHCONFIG_WHITELIST = "BB_HASHCONFIG_IGNORE_VARS",
  BB_HASHTASK_WHITELIST = "BB_TASKHASH_IGNORE_TASKS",
  BB_SETSCENE_ENFORCE_WHITELIST = "BB_SETSCENE_ENFORCE_IGNORE_TASKS",
  MULTI_PROVIDER_WHITELIST = "BB_MULTI_PROVIDER_ALLOWED",
  BB_STAMP_WHITELIST = "is not supported any more",
  BB_STAMP_POLICY = "is not supported any more",
}

-- Old name -> new name, or a sentence.
local function names_of(d)
  local names = d:flags("BB_RENAMED_VARIABLES")
  for old, new in pairs(known) do names[old] = names[old] or new end
  return names
end

local function refuse(d, old, new)
  new = tostring(new)
  if new:find(" ", 1, true) then
    fault.throw("recipe", ("variable '%s' %s"):format(old, new), {where = d:place(old),
      reason = "syntax", hint = "remove it"})
  end
  fault.throw("recipe", ("variable '%s' is called '%s' now"):format(old, new), {
    where = d:place(old), reason = "syntax", hint = "rename it"})
end

-- Old and new names of a configuration, sorted, as pairs.
local lists = setmetatable({}, {__mode = "k"})

local function list_of(d)
  if not lists[d] then
    lists[d] = {}
    for old, new in order.sorted(names_of(d)) do table.insert(lists[d], {old, new}) end
  end
  return lists[d]
end

--- Refuse old names that a configuration sets.
---@param d moonsand.recipe.Data
function M.check(d)
  for _, pair in ipairs(list_of(d)) do
    if d:get(pair[1]) ~= nil or d.variants[pair[1]] then refuse(d, pair[1], pair[2]) end
  end
end

local function written(store, name)
  local record = rawget(store.vars, name)
  return record and next(record) ~= nil or rawget(store.variants, name)
end

--- Refuse old names that the statements of a recipe set.
---@param d moonsand.recipe.Data
---@param configuration moonsand.recipe.Data
function M.check_recipe(d, configuration)
  for _, pair in ipairs(list_of(configuration)) do
    if written(d, pair[1]) then refuse(d, pair[1], pair[2]) end
  end
end

return M
