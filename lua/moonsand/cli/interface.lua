--- What a verb sees of the world: streams, environment, clock, terminal. Specs pass their own.
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.Interface
---@field home table       where the parts of moonsand are: {lua=, lib=, recipes=, python=}
---@field out file*        results
---@field err file*        progress and messages
---@field env fun(name: string): string?
---@field script? string   the Lua file that is running, when it is one
local Interface = {__name = "moonsand.Interface"}
Interface.__index = Interface

--- Write a result.
---@param ... string
function Interface:print(...)
  self.out:write(...)
end

--- Write a message.
---@param ... string
function Interface:say(...)
  self.err:write(...)
end

--- Show an error: a fault as itself, anything else as the bug that it is.
---@param value any
function Interface:failure(value)
  self.out:flush()
  if fault.is(value) then
    self:say("moonsand: ", tostring(value), "\n")
  elseif self.script then
    self:say("moonsand: ", self.script, " raised an error\n", tostring(value), "\n")
  else
    self:say("moonsand: ", tostring(value), "\nthis is a bug in moonsand, please report it\n")
  end
end

--- Seconds that only go forward.
---@return number
function Interface.clock()
  return require "moonsand.core".clock()
end

--- Are messages drawn on a terminal?
---@return boolean
function Interface:terminal()
  local core = require "moonsand.core"
  return core.isatty(2) and self.env "TERM" ~= "dumb"
end

-- What is drawn with where there are only the characters of ASCII; each takes one column.
local ascii = {["…"] = "~", ["·"] = "-", ["│"] = "|", ["→"] = ">"}

--- Is the terminal one of UTF-8? By the locale, as programs in C find it; where nothing is said of
--- the locale, as in many containers, it most likely is.
---@return boolean
function Interface:unicode()
  for _, name in ipairs {"LC_ALL", "LC_CTYPE", "LANG"} do
    local value = self.env(name)
    if value and value ~= "" then return value:lower():gsub("-", ""):find "utf8" ~= nil end
  end
  return true
end

--- Text that moonsand draws, in characters that the terminal has.
---@param text string
---@return string
function Interface:drawn(text)
  if self:unicode() then return text end
  return (text:gsub(utf8.charpattern, function(character)
    if #character == 1 then return nil end
    return ascii[character] or "?"
  end))
end

--- Does the terminal know links (OSC 8)? Those that do not leave them out, but for one.
---@return boolean
function Interface:links()
  return self:terminal() and self.env "TERM" ~= "linux"
end

--- The size of the terminal.
---@return integer columns
---@return integer rows
function Interface.size()
  local rows, columns = require "moonsand.core".window(2)
  if not rows or rows < 1 or columns < 1 then return 80, 24 end -- a terminal may not know it
  return columns, rows
end

--- May messages be coloured? `choice` is the value of `--color`.
---@param choice? "auto"|"always"|"never"
---@return boolean
function Interface:coloured(choice)
  if choice == "always" or choice == "never" then return choice == "always" end
  if (self.env "NO_COLOR" or "") ~= "" then return false end
  local forced = self.env "CLICOLOR_FORCE"
  if forced and forced ~= "0" then return true end
  return self:terminal()
end

--- An interface to this process, or to whatever `fields` replace.
---@param fields? table
---@return moonsand.Interface
function M.new(fields)
  local self = {out = io.stdout, err = io.stderr, env = os.getenv, home = {}}
  for name, value in pairs(fields or {}) do self[name] = value end
  return setmetatable(self, Interface)
end

return M
