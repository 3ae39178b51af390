--- One conversation: lines go in, results and faults come out. It owns no stream and no terminal.
local command = require "moonsand.repl.command"
local display = require "moonsand.repl.display"
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.Session
---@field write fun(text: string)
---@field over boolean        `:quit` was typed
---@field scope table         the globals of what is typed
---@field pending string?     the lines of a chunk that goes on
local Session = {__name = "moonsand.Session"}
Session.__index = Session

--- Show a text.
---@param text string
function Session:say(text)
  self.write(text)
end

--- Is there the beginning of a chunk that wants more lines?
---@return boolean
function Session:continues()
  return self.pending ~= nil
end

--- Load a chunk, first as an expression. `<eof>` in the problem means that more has to come.
local function compile(self, text)
  local chunk = load("return " .. text, "=input", "t", self.scope)
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=input", "t", self.scope)
  if chunk then return chunk end
  return nil, problem, problem:find("<eof>", 1, true) ~= nil
end

local function show(self, results)
  if results.n > 0 then self.scope._ = results[1] end
  for i = 1, results.n do
    if results.n > 1 or results[i] ~= nil then self:say(display.text(results[i]) .. "\n") end
  end
end

--- A mistake at the prompt ends what was typed, never the session: so this is the one place
--- beside the command line's that catches errors.
local function attempt(self, action, ...)
  local results = table.pack(xpcall(action, fault.traced, ...))
  if results[1] then
    return table.move(results, 2, results.n, 1, {n = results.n - 1})
  end
  local problem = results[2]
  if not fault.is(problem) then
    problem = tostring(problem):gsub("\nstack traceback:\n.*", "")
  end
  self:say(tostring(problem) .. "\n")
  return nil
end

--- Take one line.
---@param line string   without its newline
function Session:feed(line)
  if not self.pending and line:find("^%s*:") then
    attempt(self, command.run, self, line:match("^%s*(.*)$"))
    return
  end
  local text = self.pending and self.pending .. "\n" .. line or line
  self.pending = nil
  if not text:find("%S") then return end
  local chunk, problem, unfinished = compile(self, text)
  if unfinished then
    self.pending = text
  elseif not chunk then
    self:say(problem .. "\n")
  else
    local results = attempt(self, chunk)
    if results then show(self, results) end
  end
end

--- Forget the beginning of a chunk; at the end of input, say that it was one.
function Session:finish()
  if self.pending then
    self:say("the input ends in the middle of a statement\n")
    self.pending = nil
  end
end

--- What is typed sees the toolkit before the globals of Lua; a part is loaded when it is named.
local function new_scope()
  local moonsand = require "moonsand"
  return setmetatable({moonsand = moonsand}, {
    __index = function(_, name)
      if name == "core" then return require "moonsand.core" end
      local part = moonsand[name]
      if part ~= nil and name ~= "_VERSION" then return part end
      return _G[name]
    end,
  })
end

---@param write fun(text: string)
---@return moonsand.Session
function M.new(write)
  return setmetatable({write = write, scope = new_scope(), over = false}, Session)
end

return M
