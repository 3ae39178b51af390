--- The tar format, as POSIX has it (ustar with pax headers): what we write, byte for byte the same
--- each time; and what we read, which is just that. Nothing that is read is believed.
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"

local M = {}

local BLOCK <const> = 512
local CHUNK <const> = 1 << 20
local ZERO <const> = ("\0"):rep(BLOCK)
local OCTAL_MAX <const> = 0x1FFFFFFFF -- eleven octal digits

local letters = {file = "0", link = "1", symlink = "2", directory = "5"}
local types = {["0"] = "file", ["1"] = "link", ["2"] = "symlink", ["5"] = "directory"}

local function padding(size) return ("\0"):rep(-size % BLOCK) end

local function sum(header)
  local total = 0
  for i = 1, BLOCK, 64 do
    for _, value in ipairs {header:byte(i, i + 63)} do total = total + value end
  end
  return total
end

local function header(letter, name, entry)
  local function text(value, width) return value .. ("\0"):rep(width - #value) end
  local before = text(name, 100) .. ("%07o\0%07o\0%07o\0%011o\0%011o\0"):format(
    entry.mode or 420, 0, 0, entry.size or 0, (entry.mtime_ns or 0) // 1000000000)
  local after = letter .. text(entry.target or "", 100) .. "ustar\00000" .. ("\0"):rep(247)
  local total = sum(before .. "        " .. after)
  return before .. ("%06o\0 "):format(total) .. after
end

local function record(key, value)
  local rest = " " .. key .. "=" .. value .. "\n"
  local size = #rest
  repeat
    local known = size
    size = #rest + #tostring(size)
  until size == known
  return size .. rest
end

-- What the fixed fields cannot hold, in the order of its keys.
local function extended(name, entry)
  local out = {}
  for key, value in require "moonsand.order".sorted(entry.xattrs or {}) do
    out[#out + 1] = record("SCHILY.xattr." .. key, value)
  end
  if entry.target and (#entry.target > 100 or entry.target:find("[\128-\255]")) then
    out[#out + 1] = record("linkpath", entry.target)
  end
  local nanoseconds = (entry.mtime_ns or 0) % 1000000000
  if nanoseconds ~= 0 then
    out[#out + 1] = record("mtime", ("%d.%09d"):format(entry.mtime_ns // 1000000000, nanoseconds))
  end
  if #name > 100 or name:find("[\128-\255]") then out[#out + 1] = record("path", name) end
  if (entry.size or 0) > OCTAL_MAX then out[#out + 1] = record("size", tostring(entry.size)) end
  return table.concat(out)
end

---@class moonsand.TarEntry
---@field path string         no "/" at its ends; "." is the top
---@field type "file"|"link"|"symlink"|"directory"
---@field mode? integer
---@field mtime_ns? integer
---@field size? integer       of a file
---@field target? string      of a symbolic or hard link
---@field xattrs? table<string, string>

--- The header of an entry; the content of a file follows, then `padding`.
---@param entry moonsand.TarEntry
---@return string
function M.header(entry)
  local name = entry.path == "." and "./" or entry.path
    .. (entry.type == "directory" and "/" or "")
  local more, short = extended(name, entry), {}
  for key, value in pairs(entry) do short[key] = value end
  short.target = entry.target and entry.target:sub(1, 100)
  if (entry.size or 0) > OCTAL_MAX then short.size = 0 end
  local own = header(letters[entry.type], name:sub(1, 100), short)
  if more == "" then return own end
  return header("x", "pax", {size = #more}) .. more .. padding(#more) .. own
end

M.padding = padding

--- What ends an archive.
M.END = ZERO .. ZERO

--- Copy bytes from one handle to another.
---@param from moonsand.Fd
---@param size integer
---@param write fun(bytes: string)
---@param short string   what to say when there are fewer
function M.copy(from, size, write, short)
  while size > 0 do
    local bytes = disk.must("read", from:read(math.min(size, CHUNK)))
    if bytes == "" then fault.throw("layer", short) end
    write(bytes)
    size = size - #bytes
  end
end

local Reader = {__name = "moonsand.TarReader"}
Reader.__index = Reader

--- Read the entries of an archive that takes `size` bytes of a file from `offset` on.
---@param file moonsand.Fd
---@param offset integer
---@param size integer
---@param what string   the archive's name in messages
---@return table reader
function M.reader(file, offset, size, what)
  return setmetatable({file = file, at = offset, last = offset + size, what = what}, Reader)
end

function Reader:refuse(why, ...)
  fault.throw("layer", ("%s: %s"):format(self.what, why:format(...)),
    {hint = "nothing of it was taken; get the archive again from who made it"})
end

-- The next bytes, exactly.
function Reader:take(count)
  if count > self.last - self.at then self:refuse("it is cut off") end
  disk.must("read", self.file:seek("set", self.at))
  local parts = {}
  M.copy(self.file, count, function(bytes) parts[#parts + 1] = bytes end,
    self.what .. ": it is cut off")
  self.at = self.at + count
  return table.concat(parts)
end

function Reader:number(text, name)
  local digits = text:match("^([0-7]+)[ \0]*$")
  if not digits then self:refuse("a header's %s is no number", name) end
  return tonumber(digits, 8)
end

local known = {path = true, linkpath = true, mtime = true, size = true}
local EXTENDED_MAX <const> = 1 << 20

function Reader:extended(size)
  if size > EXTENDED_MAX then self:refuse("a header of %d bytes", size) end
  local text, out, at = self:take(size), {xattrs = nil}, 1
  self:pad(size)
  while at <= #text do
    local digits = text:match("^(%d%d?%d?%d?%d?%d?%d?) ", at)
    local length = digits and tonumber(digits) or 0
    local key, value = text:sub(at + #(digits or "") + 1, at + length - 2):match("^([^=]+)=(.*)$")
    if not key or text:sub(at + length - 1, at + length - 1) ~= "\n" then
      self:refuse("a header is malformed")
    end
    local xattr = key:match("^SCHILY%.xattr%.(.+)$")
    if xattr then
      out.xattrs = out.xattrs or {}
      out.xattrs[xattr] = value
    elseif known[key] then
      out[key] = value
    else
      self:refuse("a header says '%s', which is not known", key)
    end
    at = at + length
  end
  return out
end

local function clean(text) return (text:match("^[^\0]*")) end

function Reader:path(text)
  local path = text:gsub("/$", "")
  if path == "." then return path end
  if #path > 4095 then self:refuse("a path of %d bytes", #path) end
  for name in (path .. "/"):gmatch("([^/]*)/") do
    if name == "" or name == "." or name == ".." or name:find("\0", 1, true) then
      self:refuse("'%s' is no path below a directory", path)
    end
  end
  return path
end

function Reader:time(seconds, more)
  if not more then return seconds * 1000000000 end
  local whole, part = more:match("^(%d+)%.?(%d*)$")
  if not whole or #whole > 10 or #part > 9 then self:refuse("a time '%s'", more) end
  return math.tointeger(whole) * 1000000000
    + math.tointeger(tonumber(part .. ("0"):rep(9 - #part)))
end

function Reader:entry(block, more)
  local kind = types[block:sub(157, 157)]
  if not kind then
    self:refuse("'%s' is of a type that does not belong here: '%s'", clean(block:sub(1, 100)),
      block:sub(157, 157))
  end
  local size = more.size and math.tointeger(tonumber(more.size))
    or self:number(block:sub(125, 136), "size")
  if size < 0 or kind ~= "file" and size ~= 0 then self:refuse("a size of %d bytes", size) end
  if size > self.last - self.at then self:refuse("it is cut off") end
  local target = more.linkpath or clean(block:sub(158, 257))
  return {path = self:path(more.path or clean(block:sub(1, 100))), type = kind, size = size,
    mode = self:number(block:sub(101, 108), "mode") & 4095, xattrs = more.xattrs,
    mtime_ns = self:time(self:number(block:sub(137, 148), "time"), more.mtime),
    target = (kind == "symlink" or kind == "link") and target or nil, at = self.at}
end

function Reader:check(block)
  local stored = tonumber(block:match("^([0-7]+)[ \0]", 149) or "", 8)
  if block:sub(258, 262) ~= "ustar"
    or sum(block:sub(1, 148) .. "        " .. block:sub(157)) ~= stored then
    self:refuse("it is no archive, or a header is damaged")
  end
end

-- Content fills whole blocks; what fills up says nothing, and so must be nothing.
function Reader:pad(size)
  local count = -size % BLOCK
  if count > 0 and self:take(count):find("[^\0]") then
    self:refuse("something lies between files")
  end
end

-- After the first block of zeroes there is nothing else.
function Reader:finish()
  while self.at < self.last do
    if self:take(math.min(CHUNK, self.last - self.at)):find("[^\0]") then
      self:refuse("something follows its end")
    end
  end
end

--- The next entry, or nil at the end. `entry.at` is where the content of a file lies.
---@return moonsand.TarEntry?
function Reader:next()
  local block, more = self:take(BLOCK), {}
  if block == ZERO then return self:finish() end
  self:check(block)
  if block:sub(157, 157) == "x" then
    more = self:extended(self:number(block:sub(125, 136), "size"))
    block = self:take(BLOCK)
    self:check(block)
  end
  local entry = self:entry(block, more)
  self.at = self.at + entry.size
  self:pad(entry.size)
  return entry
end

--- Give the content of a file entry to `write`, in pieces.
---@param entry moonsand.TarEntry
---@param write fun(bytes: string)
function Reader:content(entry, write)
  disk.must("read", self.file:seek("set", entry.at))
  M.copy(self.file, entry.size, write, self.what .. ": it is cut off")
end

return M
