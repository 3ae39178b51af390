--- Texts as every storey meets them: whole small files, and lists of words.
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

-- The lines that differ in the middle of two lists, by the longest common subsequence.
local function middle(old, new)
  local length = {}
  for i = #old + 1, 1, -1 do
    length[i] = {}
    for j = #new + 1, 1, -1 do
      if i > #old or j > #new then
        length[i][j] = 0
      elseif old[i] == new[j] then
        length[i][j] = length[i + 1][j + 1] + 1
      else
        length[i][j] = math.max(length[i + 1][j], length[i][j + 1])
      end
    end
  end
  local i, j, list = 1, 1, {}
  while i <= #old or j <= #new do
    if i <= #old and j <= #new and old[i] == new[j] then
      i, j = i + 1, j + 1
    elseif i <= #old and (j > #new or length[i + 1][j] >= length[i][j + 1]) then
      list[#list + 1], i = "-" .. old[i], i + 1
    else
      list[#list + 1], j = "+" .. new[j], j + 1
    end
  end
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
