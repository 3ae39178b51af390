--- Files of the parse cache: each knows what it is and whether it is whole.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

--- What was written, when it is there, of that format, and whole.
---@param path string
---@param format string   one line
---@return string? body
---@return string? digest
function M.read(path, format)
  local text = read(path)
  local from = #format + 66 -- after its line, and that of 64 digits
  if not text or text:sub(1, #format + 1) ~= format .. "\n" then return nil end
  local body = text:sub(from + 1)
  local digest = text:sub(#format + 2, from - 1)
  if core.sha256(body) == digest then return body, digest end
end

--- Write a file as a whole. That it cannot be written is no failure.
---@param path string
---@param format string
---@param body string
---@return string? digest   nil: it is not written
function M.write(path, format, body)
  if not core.mkdirs(path:match "^(.*)/") then return end
  local temporary = ("%s.%d"):format(path, core.getpid())
  local handle <close> = io.open(temporary, "wb")
  if not handle then return end
  local digest = core.sha256(body)
  local written = handle:write(format, "\n", digest, "\n", body) and handle:close()
  if written and core.rename(temporary, path) then return digest end
  core.unlink(temporary)
end

return M
