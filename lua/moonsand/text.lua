--- Texts as every storey meets them: whole small files, and lists of words.
local sequence = require "moonsand.sequence"

local M = {}

--- The text of a file; nil when there is none that can be read.
---@param path string
---@return string?, string? message, integer? errno
function M.read(path)
  local file <close>, message, errno = io.open(path, "rb")
  if not file then return nil, message, errno end
  return file:read("a")
end

--- Write all of it: a pipe or a terminal may take a part at a time.
---@param handle moonsand.Fd
---@param bytes string
---@return boolean? ok
---@return string? message
---@return integer? errno
function M.write_all(handle, bytes)
  local from = 1
  while from <= #bytes do
    local count, message, errno = handle:write(bytes, from)
    if not count then return nil, message, errno end
    from = from + count
  end
  return true
end

--- A text in which every byte that is no part of UTF-8 is U+FFFD.
---@param bytes string
---@return string
function M.valid(bytes)
  local parts, from = {}, 1
  while true do
    local good, bad = utf8.len(bytes, from)
    if good then break end
    parts[#parts + 1] = bytes:sub(from, bad - 1)
    from = bad + 1
  end
  parts[#parts + 1] = bytes:sub(from)
  return table.concat(parts, "\u{FFFD}")
end

--- The words of a text, split at blanks; none of nil.
---@param text? string
---@return string[]
function M.words(text)
  local list = {}
  for word in (text or ""):gmatch("%S+") do list[#list + 1] = word end
  return list
end

-- The lines that differ between two lists: what is gone before what came.
local function middle(old, new)
  local list, i, j = {}, 1, 1
  local function up_to(last_old, last_new)
    for at = i, last_old do list[#list + 1] = "-" .. old[at] end
    for at = j, last_new do list[#list + 1] = "+" .. new[at] end
  end
  for _, pair in ipairs(sequence.common(old, new)) do
    up_to(pair[1] - 1, pair[2] - 1)
    i, j = pair[1] + 1, pair[2] + 1
  end
  up_to(#old, #new)
  return list
end

local function lines_of(text)
  local list = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

local MOST <const> = 1000 -- lines on each side that are compared one by one

--- What was taken out of a text and what was put in, a line each: "-old", "+new".
---@param old string
---@param new string
---@return string[]
function M.changes(old, new)
  local a, b = lines_of(old), lines_of(new)
  local first, last = 1, 0
  while a[first] and a[first] == b[first] do first = first + 1 end
  while #a - last >= first and #b - last >= first and a[#a - last] == b[#b - last] do
    last = last + 1
  end
  a = table.move(a, first, #a - last, 1, {})
  b = table.move(b, first, #b - last, 1, {})
  if #a <= MOST and #b <= MOST then return middle(a, b) end
  local list = {}
  for _, line in ipairs(a) do list[#list + 1] = "-" .. line end
  for _, line in ipairs(b) do list[#list + 1] = "+" .. line end
  return list
end

return M
