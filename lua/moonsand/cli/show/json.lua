--- Every event as one line of JSON: for machines.
local json = require "dkjson"

local M = {}

local Json = {__name = "moonsand.Json"}
Json.__index = Json

local key_order = {
  "event", "time", "kind", "recipe", "dependency", "through", "path", "fix", "task", "slot",
  "outcome", "seconds", "expected", "left", "cpu", "memory",
  "exit_code", "signal", "command", "where", "cwd", "message", "why", "needs", "log", "text", "at",
  "total", "run", "checks", "jobs", "targets", "ok", "counts", "reason", "kept", "count",
  "differences", "what", "name", "old", "new", "offset", "old_text", "new_text", "clues",
}

--- JSON is UTF-8: bytes that are not become U+FFFD.
---@param value any
---@return any
function M.clean(value)
  if type(value) == "table" then
    local copy = setmetatable({}, getmetatable(value))
    for key, part in pairs(value) do copy[key] = M.clean(part) end
    return copy
  elseif type(value) == "string" then
    while true do
      local length, at = utf8.len(value)
      if length then return value end
      value = value:sub(1, at - 1) .. "\u{FFFD}" .. value:sub(at + 1)
    end
  end
  return value
end

--- Take one event.
---@param event table
function Json:event(event)
  if event.event == "tick" then return end
  self.write(json.encode(M.clean(event), {keyorder = key_order}) .. "\n")
end

--- Nothing is drawn by the clock.
function Json.tick() end

--- Nothing is pending here.
function Json.close() end

---@param options moonsand.ShowOptions
---@return table listener
function M.new(options)
  return setmetatable({write = options.write}, Json)
end

return M
