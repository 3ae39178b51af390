--- The commands that start with a colon. Each carries its own line of help.
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.Command
---@field name string
---@field help string
---@field run fun(session: moonsand.Session, words: string)

---@type moonsand.Command[]
M.list = {
  {
    name = "help",
    help = "this list",
    run = function(session)
      session:say("Lua 5.4 with sandbox, layer, recipe, build and core at hand;\n" ..
        "`_` is the last result, an unfinished chunk goes on in the next line.\n")
      for _, command in ipairs(M.list) do
        session:say(("  :%-6s %s\n"):format(command.name, command.help))
      end
    end,
  },
  {
    name = "quit",
    help = "leave; so does the end of input (ctrl-D)",
    run = function(session) session.over = true end,
  },
}

--- Run ":name words".
---@param session moonsand.Session
---@param line string
function M.run(session, line)
  local name, words = line:match("^:%s*(%S*)%s*(.-)%s*$")
  local names = {}
  for i, command in ipairs(M.list) do
    if command.name == name then return command.run(session, words) end
    names[i] = command.name
  end
  local near = fault.nearest(name, names)
  fault.throw("usage", ("unknown command ':%s'"):format(name), {
    hint = near and ("did you mean ':%s'?"):format(near) or ":help",
  })
end

return M
