--- One conversation: lines go in, results and faults come out. It owns no stream and no terminal.
local command = require "moonsand.repl.command"
local core = require "moonsand.core"
local display = require "moonsand.repl.display"
local fault = require "moonsand.fault"
local world = require "moonsand.repl.world"

local M = {}

---@class moonsand.Session
---@field outside moonsand.repl.Outside
---@field world moonsand.repl.World
---@field over boolean        `:quit` was typed
---@field scope table         the globals of what is typed
---@field pending string?     the lines of a chunk that goes on
local Session = {__name = "moonsand.Session"}
Session.__index = Session

--- Show a text.
---@param text string
function Session:say(text)
  self.outside.write(text)
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

--- Show values, and remember the first one.
---@param ... any
function Session:show(...)
  local results = table.pack(...)
  if results.n > 0 then self.scope._ = results[1] end
  for i = 1, results.n do
    local value = results[i]
    if results.n > 1 or value ~= nil then
      local text = value ~= nil and self.world.labels[value] or display.text(value)
      self:say(text:find "\n$" and text or text .. "\n")
    end
  end
end

-- An error of a module of ours that is no fault is a bug; one of what was typed is the typist's.
local function is_bug(problem)
  local place = type(problem) == "string" and problem:match "^([^\n]-):%d+: "
  return place ~= nil and place:find("moonsand/", 1, true) ~= nil
end

local function handler(problem)
  if fault.is(problem) or type(problem) ~= "string" then return {problem = problem} end
  return {problem = problem, trace = is_bug(problem) and debug.traceback(problem, 2) or nil}
end

function Session:complain(failed)
  local problem = failed.problem
  if type(problem) == "string" and problem:find "interrupted!$" then
    self:say "interrupted\n"
  elseif failed.trace then
    self:say(failed.trace .. "\nthis is a bug in moonsand, please report it\n")
  elseif type(problem) == "string" or fault.is(problem) then
    self:say(tostring(problem) .. "\n")
  else
    self:say("error: " .. display.text(problem) .. "\n")
  end
end

--- A mistake at the prompt ends what was typed, never the session: so this is the one place
--- beside the command line's that catches errors. ctrl-C is one of them.
local function attempt(self, action, ...)
  local results = table.pack(core.interruptible(action, handler, ...))
  if results[1] then
    return table.move(results, 2, results.n, 1, {n = results.n - 1})
  end
  self:complain(results[2])
  return nil
end

local function show_all(self, results)
  self:show(table.unpack(results, 1, results.n))
end

-- `box = sandbox {}` shows what it has made; `x = 1` is no news.
local function show_made(self, text)
  local name = text:match "^%s*([%a_][%w_]*)%s*=[^=]"
  local value = name and rawget(self.scope, name)
  local meta = getmetatable(value)
  if type(meta) == "table" and tostring(rawget(meta, "__name")):find "^moonsand%.repl%." then
    self:show(value)
  end
end

--- Take one line.
---@param line string   without its newline
function Session:feed(line)
  if not self.pending and line:find "^%s*:" then
    attempt(self, command.run, self, line:match "^%s*(.*)$")
    return
  end
  local text = self.pending and self.pending .. "\n" .. line or line
  self.pending = nil
  if not text:find "%S" then return end
  local chunk, problem, unfinished = compile(self, text)
  if unfinished then
    self.pending = text
  elseif not chunk then
    self:say(problem .. "\n")
  else
    local results = attempt(self, chunk)
    if not results then return end
    attempt(self, results.n > 0 and show_all or show_made, self, results.n > 0 and results or text)
  end
end

--- Forget the beginning of a chunk.
function Session:forget()
  self.pending = nil
end

--- The recipes that names are completed with; read once, as Tab has to be quick.
---@return moonsand.recipe.Configuration
function Session:configuration()
  if not self.known then
    self.known = self.outside.configure()
    self.world:closing(self.known)
  end
  return self.known
end

--- End the conversation: what is alive is closed. An unfinished chunk is told.
---@return integer count   of sandboxes that were open
function Session:finish()
  if self.pending then
    self:say "the input ends in the middle of a statement\n"
    self.pending = nil
  end
  return self.world:close()
end

---@param outside moonsand.repl.Outside
---@return moonsand.Session
function M.new(outside)
  local own = world.new(outside)
  return setmetatable({outside = outside, world = own, scope = own.scope, over = false}, Session)
end

return M
