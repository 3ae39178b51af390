--- The lines of earlier sessions, in a file that only its owner can read.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local read = require("moonsand.text").read

local M = {}

local MOST <const> = 1000 -- lines that are kept
local PRIVATE <const>, OURS <const> = 384, 448 -- 0600, 0700

---@class moonsand.repl.History
---@field path string
local History = {__name = "moonsand.repl.History"}
History.__index = History

--- $XDG_STATE_HOME/moonsand/history, else ~/.local/state/moonsand/history; nil without either.
---@param env fun(name: string): string?
---@return string?
function M.place(env)
  local state, home = env "XDG_STATE_HOME", env "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/moonsand/history" end
  if home and home:sub(1, 1) == "/" then return home .. "/.local/state/moonsand/history" end
end

local function make(directory)
  if core.stat(directory) then return end
  fault.unless("fs", core.mkdirs((directory:match "^(.*)/")))
  core.mkdir(directory, OURS)
end

-- Written beside it and renamed, so that another session finds the old lines or the new ones.
local function replace(path, lines)
  local new = ("%s.%d"):format(path, core.getpid())
  core.unlink(new)
  local file <close> = fault.unless("fs", core.open(new, "x", PRIVATE))
  fault.unless("fs", file:write(table.concat(lines, "\n") .. "\n"))
  fault.unless("fs", core.rename(new, path))
end

--- Open the history at a path; the directory is made, the file with the first line.
---@param path string
---@return moonsand.repl.History
function M.open(path)
  make((path:match "^(.*)/"))
  if core.stat(path) then fault.unless("fs", core.chmod(path, PRIVATE)) end
  return setmetatable({path = path}, History)
end

--- The last lines, oldest first. Of a long file the rest is dropped.
---@return string[]
function History:lines()
  local lines = {}
  for line in (read(self.path) or ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
  local kept = table.move(lines, math.max(1, #lines - MOST + 1), #lines, 1, {})
  if #lines > 2 * MOST then replace(self.path, kept) end
  self.last = kept[#kept]
  return kept
end

--- Keep a line. One that begins with a blank is nobody's business, one that is as the last one is
--- known.
---@param line string
---@return boolean kept
function History:add(line)
  if not line:find "^%S" or line == self.last then return false end
  local file <close> = core.open(self.path, "a", PRIVATE)
  if file then file:write(line .. "\n") end -- a full disk is no reason to stop
  self.last = line
  return true
end

return M
