-- A conversation with the prompt over recipes and a store of a spec's own.
local host = require "spec.support.host"
local repl = require "moonsand.cli.repl"
local screen = require "spec.support.screen"
local session = require "moonsand.repl.session"

local M = {}

local Prompt = {}
Prompt.__index = Prompt

--- Give lines; what was shown for them.
function Prompt:talk(...)
  self.parts = {}
  for _, line in ipairs {...} do self.session:feed(line) end
  return table.concat(self.parts)
end

function Prompt:close()
  self.session:finish()
  self.dir:close()
end
Prompt.__close = Prompt.close

--- `local prompt <close> = prompt.new()`. Files of recipes: path -> text.
function M.new(recipes)
  local self = setmetatable({dir = host.scratch(), parts = {}}, Prompt)
  for path, text in pairs(recipes or {}) do self.dir:file("recipes/" .. path, text) end
  local ui = screen.interface {HOME = self.dir.path, BBPATH = self.dir.path .. "/recipes"}
  ui.print = function(_, ...)
    for _, part in ipairs {...} do self.parts[#self.parts + 1] = part end
  end
  ui.say = ui.print
  self.session = session.new(repl.outside({state = self.dir.path .. "/state"}, ui))
  return self
end

return M
