--- The network of a sandbox: none, or the host's.
local fault = require "moonsand.fault"

local M = {}

local words = {none = true, host = true}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

--- The option as one word.
local function word(value, shared)
  if value == nil then return shared and "host" or "none" end
  if type(value) == "boolean" then return value and "host" or "none" end
  return value
end

--- Refuse what is no network.
---@param options moonsand.sandbox.Options   of the right kinds
---@param shared boolean   "net" is among `share`
function M.check(options, shared)
  local value = word(options.network, shared)
  if not words[value] then
    wrong(("'network' is '%s'; it may be host or none"):format(value))
  end
  if shared and value ~= "host" then
    wrong(("'share' has \"net\", and 'network' is '%s'"):format(value),
      "leave one of the two out")
  end
end

---@param options table   a copy; changed
---@param shared boolean
function M.complete(options, shared)
  options.network = word(options.network, shared)
end

--- Has the sandbox a network of its own?
---@param options table   checked
---@return boolean
function M.is_own(options)
  return options.network == "none"
end

return M
