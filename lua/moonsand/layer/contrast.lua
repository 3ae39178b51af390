--- Two work layers, path by path, as their manifests have them: everything that makes their digests
--- differ, each difference with both values; of files also the first byte that is another.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local freeze = require "moonsand.layer.freeze"
local order = require "moonsand.order"

local M = {}

---@class moonsand.Contrast
---@field path string   "/build/libz.a"
---@field what "first"|"second"|"type"|"content"|"mode"|"target"|"names"|"device"|"owner"|
---  "attribute"|"opaque"|"layers"   first, second: is only in that one
---@field old? string|integer   in the first: the mode, the link's target, a file's size, ...
---@field new? string|integer
---@field name? string          attribute: which one
---@field offset? integer       content: of the first byte that differs, from 0 on
---@field old_bytes? string     content: what stands around that byte
---@field new_bytes? string

local types = {f = "file", h = "hard link", l = "symlink", d = "directory", w = "whiteout",
  p = "fifo", s = "socket", c = "char", b = "block"}

-- What the letters of a manifest's lines are followed by, before the path (see layer/freeze.lua).
local fields = {
  f = {"mode", "size", "digest"}, h = {"names"}, l = {"target"}, d = {"mode", "opaque"}, w = {},
  p = {"mode", "device"}, s = {"mode", "device"}, c = {"mode", "device"}, b = {"mode", "device"},
}

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function words_of(line)
  local words = {}
  for word in line:gmatch "[^ ]+" do words[#words + 1] = word end
  return words
end

-- The entries of a manifest by path; the layers it was written over are those of the top.
local function entries_of(text)
  local entries, over = {}, {}
  for line in text:gmatch "[^\n]+" do
    local words = words_of(line)
    local letter, path = words[1], unescape(words[#words])
    if letter == "over" then
      over[#over + 1] = words[2]
    elseif letter == "o" then
      entries[path].owner = words[2] .. ":" .. words[3]
    elseif letter == "x" then
      entries[path].attributes[unescape(words[2])] = unescape(words[3])
    elseif fields[letter] then
      local entry = {type = types[letter], attributes = {}}
      for i, field in ipairs(fields[letter]) do entry[field] = unescape(words[i + 1]) end
      entries[path] = entry
    end
  end
  if entries["."] then entries["."].layers = table.concat(over, " ") end
  return entries
end

--- Bytes that are told before and after the one that differs.
M.AROUND = 40

local function around(file, offset)
  local from = math.max(0, offset - M.AROUND)
  if not file:seek("set", from) then return nil end
  return file:read(2 * M.AROUND) or ""
end

local function first_byte(a, b)
  local last = math.min(#a, #b)
  for i = 1, last do
    if a:byte(i) ~= b:byte(i) then return i end
  end
  return last + 1
end

-- Where two files part; nil when one of them cannot be read any more.
local function part(old, new)
  local first <close> = io.open(old, "rb")
  local second <close> = io.open(new, "rb")
  if not first or not second then return nil end
  local offset = 0
  while true do
    local a, b = first:read(1 << 16) or "", second:read(1 << 16) or ""
    if a ~= b then
      offset = offset + first_byte(a, b) - 1
      return offset, around(first, offset), around(second, offset)
    elseif a == "" then
      return nil
    end
    offset = offset + #a
  end
end

local Job = {}
Job.__index = Job

function Job:put(path, what, old, new, more)
  local one = more or {}
  one.path = path == "." and "/" or "/" .. path
  one.what, one.old, one.new = what, old, new
  self.list[#self.list + 1] = one
  return one
end

function Job:content(path, old, new)
  local one = self:put(path, "content", math.tointeger(tonumber(old.size)),
    math.tointeger(tonumber(new.size)))
  if not self.old.path or not self.new.path then return end
  one.offset, one.old_bytes, one.new_bytes =
    part(self.old.path .. one.path, self.new.path .. one.path)
end

function Job:attributes(path, old, new)
  for name, value in order.sorted(old) do
    if new[name] ~= value then self:put(path, "attribute", value, new[name], {name = name}) end
  end
  for name, value in order.sorted(new) do
    if old[name] == nil then self:put(path, "attribute", nil, value, {name = name}) end
  end
end

function Job:both(path, old, new)
  if old.type ~= new.type then return self:put(path, "type", old.type, new.type) end
  for _, field in ipairs {"layers", "mode", "target", "names", "device", "owner", "opaque"} do
    if old[field] ~= new[field] then self:put(path, field, old[field], new[field]) end
  end
  if old.digest ~= new.digest then self:content(path, old, new) end
  self:attributes(path, old.attributes, new.attributes)
end

---@class moonsand.ContrastSide
---@field text string    the manifest
---@field path? string   where the files are; without it no content is looked at

--- What differs, sorted by path; empty when the digests of the two texts are the same.
---@param old moonsand.ContrastSide
---@param new moonsand.ContrastSide
---@return moonsand.Contrast[]
function M.list(old, new)
  local before, after = entries_of(old.text), entries_of(new.text)
  local job = setmetatable({list = {}, old = old, new = new}, Job)
  local all = {}
  for path in pairs(before) do all[path] = true end
  for path in pairs(after) do all[path] = true end
  for _, path in ipairs(core.tree.sorted(order.keys(all))) do
    local a, b = before[path], after[path]
    if a and b then
      job:both(path, a, b)
    else
      job:put(path, a and "first" or "second", a and a.type, b and b.type)
    end
  end
  return job.list
end

--- See `moonsand.layer`.contrast.
---@param known moonsand.Layer
---@param upper string
---@param over string[]
---@return moonsand.Contrast[]
function M.upper(known, upper, over)
  local scan = freeze.text(upper, over, {grant = true})
  if scan.digest == known.digest then return {} end
  local manifest = known.path:gsub("/t$", "/manifest")
  return M.list({text = disk.read(manifest) or "", path = known.path},
    {text = scan.text, path = upper})
end

return M
