--- Which capabilities the program has in its user namespace: none, and what `cap_add` names.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

local function known()
  local set = {}
  for _, name in ipairs(core.capability_names()) do set[name] = true end
  return set
end

--- "CAP_CHOWN", "cap_chown" and "chown" are one.
local function plain(word)
  return (word:lower():gsub("^cap_", ""))
end

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function check_list(key, list)
  local names
  for i, word in ipairs(list) do
    if type(word) ~= "string" then
      wrong(("'%s', word %d, must be a string, not a %s"):format(key, i, type(word)))
    end
    names = names or known()
    if plain(word) ~= "all" and not names[plain(word)] then
      local near = fault.nearest(plain(word), core.capability_names())
      wrong(("'%s': unknown capability '%s'"):format(key, word), near
        and ("did you mean 'cap_%s'?"):format(near) or "see capabilities(7)")
    end
  end
end

--- Refuse what is no capability.
---@param options moonsand.sandbox.Options   of the right kinds
function M.check(options)
  check_list("cap_add", options.cap_add or {})
  check_list("cap_drop", options.cap_drop or {})
end

local function named(list)
  local set = {}
  for _, word in ipairs(list or {}) do set[plain(word)] = true end
  return set
end

--- A root that is to make sandboxes of its own needs one capability: to map the root of its user
--- namespace into a new one (user_namespaces(7)).
local function is_nesting_root(options)
  local root = core.uid() == 0 or options.ids ~= "self" or options.uid == 0
  return options.nested and root
end

--- What the program keeps, in the kernel's order and spelling.
---@param options table   checked
---@return string[]
function M.keep(options)
  local add, drop, keep = named(options.cap_add), named(options.cap_drop), {}
  if is_nesting_root(options) then add.setfcap = true end
  if not next(add) or drop.all then return keep end
  for _, name in ipairs(core.capability_names()) do
    if (add.all or add[name]) and not drop[name] then keep[#keep + 1] = "cap_" .. name end
  end
  return keep
end

return M
