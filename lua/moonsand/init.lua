--- The facade: `local moonsand = require "moonsand"`, then `moonsand.sandbox.new {...}`.
--- A part is loaded when it is first asked for.
---@class moonsand
---@field _VERSION string
---@field sandbox table   moonsand.sandbox
---@field layer table     moonsand.layer
---@field recipe table    moonsand.recipe
---@field build table     moonsand.build
local M = {_VERSION = "moonsand 0.1.0"}

local parts = {sandbox = true, layer = true, recipe = true, build = true}

return setmetatable(M, {
  __index = function(self, name)
    if not parts[name] then return nil end
    local part = require("moonsand." .. name)
    rawset(self, name, part)
    return part
  end,
})
