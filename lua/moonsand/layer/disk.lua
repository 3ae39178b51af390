--- What the room needs of a disk: every refusal of the file system becomes a fault with a path.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

M.EACCES = 13
M.ENOENT, M.EAGAIN, M.EEXIST, M.ENOSPC, M.ENOTEMPTY = 2, 11, 17, 28, 39
local EROFS, EDQUOT = 30, 122

local function hint(errno)
  if errno == M.ENOSPC or errno == EDQUOT then
    return "make room: moonsand cache gc, or a store on a larger file system"
  end
  if errno == EROFS then return "the store can only be read: moonsand cache list, size, verify" end
end

--- Pass the results of a core call through; its refusal is thrown as a fault.
---@param doing string  what was being done, for the message
---@param value any
---@param err? string
---@param errno? integer
---@return any value
---@return any second
function M.must(doing, value, err, errno)
  if value == nil or value == false then
    fault.throw("fs", ("%s: %s"):format(doing, err), {errno = errno, hint = hint(errno)})
  end
  return value, err
end

--- Like `must`, for a call whose refusal with one errno is an answer: nil then.
---@param doing string
---@param accepted integer
---@param value any
---@param err? string
---@param errno? integer
---@return any
function M.unless(doing, accepted, value, err, errno)
  if not value and errno == accepted then return nil end
  return (M.must(doing, value, err, errno))
end

--- The whole file, or nil when there is none.
---@param path string
---@return string?
function M.read(path)
  local file <close> = M.unless("read", M.ENOENT, core.open(path, "r"))
  if not file then return nil end
  local parts, count = {}, 4096 -- most files are small, and room for more costs more than reading
  while true do
    local bytes = M.must("read " .. path, file:read(count))
    parts[#parts + 1] = bytes
    if #bytes < count then break end -- the end of a file on a disk
    count = math.min(count * 16, 1 << 20)
  end
  return table.concat(parts)
end

local function write_all(file, path, text)
  local at = 1
  while at <= #text do
    at = at + M.must("write " .. path, file:write(text, at))
  end
  M.must("write " .. path, file:close())
end

--- Write a new file; what is there is cut off first.
---@param path string
---@param text string
function M.write(path, text)
  local file <close> = M.must("write", core.open(path, "w"))
  write_all(file, path, text)
end

--- Append to a file.
---@param path string
---@param text string
function M.append(path, text)
  local file <close> = M.must("write", core.open(path, "a"))
  write_all(file, path, text)
end

--- Does the path exist (a link counts as itself)?
---@param path string
---@return boolean
function M.exists(path)
  return M.unless("look up", M.ENOENT, core.stat(path)) ~= nil
end

--- A directory's names; none when it is not there.
---@param path string
---@return string[]
function M.names(path)
  return M.unless("read directory", M.ENOENT, core.readdir(path)) or {}
end

--- One name for any text: letters, digits and `-_.,+=@` stay, the rest is %XX.
---@param text string
---@return string
function M.escape(text)
  local name = text:gsub("[^%w%-_.,+=@]", function(c) return ("%%%02X"):format(c:byte()) end)
  if name == "" or name:find("^%.") then name = "%" .. name end
  return name
end

--- What `escape` was given.
---@param name string
---@return string
function M.unescape(name)
  if name:find("^%%%.") or name == "%" then name = name:sub(2) end
  return (name:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

return M
