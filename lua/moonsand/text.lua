--- Texts as every storey meets them: whole small files, and lists of words.
local M = {}

--- The text of a file; nil when there is none that can be read.
---@param path string
---@return string?
function M.read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a")
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
