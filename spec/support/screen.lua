--- Helpers for specs of the command line: an interface that writes into strings, a clock that is
--- set by hand, and a terminal small enough to read in a spec.
local interface = require "moonsand.cli.interface"

local M = {}

local function sink()
  local parts = {}
  return {
    write = function(_, ...)
      for _, part in ipairs {...} do parts[#parts + 1] = part end
    end,
    flush = function() end,
    text = function() return table.concat(parts) end,
  }
end

--- An interface for `main.call`. `environment` is a table.
---@param environment? table<string, string>
---@return table ui   with `ui.out.text()` and `ui.err.text()`
function M.interface(environment)
  return interface.new {
    out = sink(), err = sink(),
    env = function(name) return (environment or {})[name] end,
    home = {recipes = "recipes", python = "python"},
  }
end

--- Options for a listener, and what it wrote.
---@param fields? table   more options
---@return table options   `options.now` is the time, `options.columns` and `options.rows` the size
function M.show(fields)
  local parts = {}
  local self = {now = 0, columns = 80, rows = 24, logs = {}}
  self.write = function(text) parts[#parts + 1] = text end
  self.clock = function() return self.now end
  self.size = function() return self.columns, self.rows end
  self.read = function(path) return self.logs[path] end
  --- Everything written since the last call.
  self.written = function()
    local text = table.concat(parts)
    parts = {}
    return text
  end
  for name, value in pairs(fields or {}) do self[name] = value end
  return self
end

return M
