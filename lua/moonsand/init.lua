--- The facade: `local moonsand = require "moonsand"`, then `moonsand.sandbox.new {...}`.
--- A part is loaded when it is first asked for.
local order = require "moonsand.order"

---@class moonsand
---@field _VERSION string
---@field sandbox table   sandboxes: moonsand.sandbox
---@field layer table     the store of layers: moonsand.layer
---@field recipe table    the reader of recipes: moonsand.recipe
---@field build table     builds: moonsand.build
---@field core table      the kernel's verbs: moonsand.core
---@field fault table     errors that a person can act on: moonsand.fault
---@field loop table      waiting for many things at a time: moonsand.loop
---@field order table     tables in the order of their keys: moonsand.order
---@field scope table     undo steps that run when a block is left: moonsand.scope
local M = {_VERSION = "moonsand 0.1.0"}

local parts = {sandbox = true, layer = true, recipe = true, build = true, core = true,
  fault = true, loop = true, order = true, scope = true}

return setmetatable(M, {
  __index = function(self, name)
    if not parts[name] then return nil end
    local part = require("moonsand." .. name)
    rawset(self, name, part)
    return part
  end,
  __names = function() return order.keys(parts) end,
})
