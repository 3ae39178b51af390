--- `moonsand repl`: a Lua prompt with the toolkit at hand.
local M = {}

---@param parser table
function M.define(parser)
  parser:description("A Lua prompt with the toolkit at hand. Without a terminal it takes what\n" ..
    "it reads line by line, and asks nothing.")
end

---@param _ table
---@param ui moonsand.Interface
---@return integer code
function M.run(_, ui)
  local session = require "moonsand.repl.session".new(function(text) ui:print(text) end)
  local input = ui.input or io.stdin
  local asks = ui.asks
  if asks == nil then asks = require "moonsand.core".isatty(0) end
  if asks then
    ui:print(require "moonsand"._VERSION, " · ", _VERSION, "      :help  :quit\n")
  end
  while not session.over do
    if asks then
      ui:print(session:continues() and ">> " or "> ")
      ui.out:flush()
    end
    local line = input:read("l")
    if not line then
      if asks then ui:print("\n") end
      break
    end
    session:feed(line)
  end
  session:finish()
  return 0
end

return M
