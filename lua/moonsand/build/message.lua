--- What a task says to whoever builds, and not only to its log: messages among its output. Each is
--- \30moonsand LETTER TEXT\31; the task has its output a second time, as FD, for them. Two digits
--- keep it out of the way of scripts; a shell that knows one digit opens /dev/fd/19 (base.bbclass).
local M = {}

M.FD = 19

local levels = {
  p = "plain", n = "note", w = "warn", e = "error", d = "debug", g = "progress", f = "failed",
}
local letters = {}
for letter, level in pairs(levels) do letters[level] = letter end

local BEGIN <const> = "\30moonsand "
local longest = 1 << 16 -- what begins like a message and does not end is output

-- How a message looks in the log.
local heads = {
  plain = "", note = "NOTE: ", warn = "WARNING: ", error = "ERROR: ", debug = "DEBUG: ",
}

--- A message as bytes.
---@param level "plain"|"note"|"warn"|"error"|"debug"|"progress"|"failed"
---@param text string
---@return string
function M.encode(level, text)
  return ("%s%s %s\31"):format(BEGIN, letters[level], (text:gsub("[\30\31]", "?")))
end

--- The line that a message leaves in the log; nil: none.
---@param level string
---@param text string
---@return string?
function M.line(level, text)
  return heads[level] and heads[level] .. text .. "\n"
end

-- Where a message may begin that has not come to its end: it is waited for.
local function unfinished(text)
  local at = text:find("\30", 1, true)
  while at do
    local rest = text:sub(at, at + #BEGIN - 1)
    if BEGIN:sub(1, #rest) == rest and #text - at < longest then return at end
    at = text:find("\30", at + 1, true)
  end
end

---@class moonsand.build.Splitter
local Splitter = {}
Splitter.__index = Splitter

--- Take some output: text and messages are passed on in their order.
---@param bytes string
function Splitter:take(bytes)
  local text = self.pending .. bytes
  local first, last, letter, message = text:find("\30moonsand (%l) ([^\30\31]*)\31")
  local from = 1
  while first do
    self:pass(text:sub(from, first - 1))
    if levels[letter] then self.on_message(levels[letter], message) end
    from = last + 1
    first, last, letter, message = text:find("\30moonsand (%l) ([^\30\31]*)\31", from)
  end
  text = text:sub(from)
  local hold = unfinished(text)
  self.pending = hold and text:sub(hold) or ""
  self:pass(hold and text:sub(1, hold - 1) or text)
end

function Splitter:pass(text)
  if text ~= "" then self.on_text(text) end
end

--- The end of the output.
function Splitter:finish()
  self:pass(self.pending)
  self.pending = ""
end

--- Output as text and messages.
---@param on_text fun(text: string)
---@param on_message fun(level: string, text: string)
---@return moonsand.build.Splitter
function M.splitter(on_text, on_message)
  return setmetatable({pending = "", on_text = on_text, on_message = on_message}, Splitter)
end

-- The fields of a failure, each a line; the text is the last one and may have more.
local fields = {"where", "cwd", "command", "exit_code", "signal"}

--- What a task failed at, as the text of a message.
---@param failure table   where, cwd, command, exit_code, signal, message
---@return string
function M.encode_failure(failure)
  local lines = {}
  for i, name in ipairs(fields) do
    lines[i] = (tostring(failure[name] or ""):gsub("\n.*", ""))
  end
  lines[#lines + 1] = failure.message
  return table.concat(lines, "\n")
end

--- The other way round.
---@param text string
---@return table failure
function M.decode_failure(text)
  local failure, at = {}, 1
  for _, name in ipairs(fields) do
    local stop = text:find("\n", at, true)
    if not stop then return {message = text} end
    local value = text:sub(at, stop - 1)
    failure[name] = value ~= "" and value or nil
    at = stop + 1
  end
  failure.exit_code = math.tointeger(tonumber(failure.exit_code))
  failure.message = text:sub(at)
  return failure
end

return M
