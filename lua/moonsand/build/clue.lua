--- What two files that should be the same say about why they are not: a time, a name of a temporary
--- file, another order. Guesses from their bytes, for a person who knows the recipe.
local read = require("moonsand.text").read

local M = {}

local MOST <const> = 4 << 20 -- bytes of files that are read as a whole

local patterns = {
  {"%f[%d]%d%d:%d%d:%d%d%f[%D]", "a time of day"},
  {"%f[%d]20%d%d%-%d%d%-%d%d%f[%D]", "a date"},
  {"%f[%a]%u%l%l +%d%d?,? +20%d%d%f[%D]", "a date"},
  {"%f[%d]1[789]%d%d%d%d%d%d%d%d%f[%D]", "seconds since 1970"},
  {"/tmp/[%w._-]+", "the name of a temporary file"},
}

-- A pattern counts where it is another text on both sides.
local function matched(old, new)
  local list, seen = {}, {}
  for _, pattern in ipairs(patterns) do
    local a, b = old:match(pattern[1]), new:match(pattern[1])
    if a and b and a ~= b and not seen[pattern[2]] then
      seen[pattern[2]] = true
      list[#list + 1] = pattern[2]
    end
  end
  return list
end

local function sorted_lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function sorted_words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  table.sort(list)
  return table.concat(list, " ")
end

---@class moonsand.build.Pair   the two versions of a file
---@field difference moonsand.Contrast
---@field old string            path of the first
---@field new string
---@field places string[]       directories of the host that must be in no file

--- What can be told of a file whose content differs.
---@param pair moonsand.build.Pair
---@return string[] clues
function M.of(pair)
  local one = pair.difference
  local list = matched(one.old_bytes or "", one.new_bytes or "")
  if (one.old_bytes or ""):sub(1, 2) == "\31\139" and one.offset >= 4 and one.offset < 8 then
    list[#list + 1] = "the time in the head of a gzip file (gzip -n leaves it out)"
  end
  if math.max(one.old or 0, one.new or 0) > MOST then return list end
  local old, new = read(pair.old) or "", read(pair.new) or ""
  for _, place in ipairs(pair.places) do
    if old:find(place, 1, true) or new:find(place, 1, true) then
      list[#list + 1] = "the path of a build: " .. place
    end
  end
  if one.old == one.new and not old:find "%z" then
    if sorted_lines(old) == sorted_lines(new) then
      list[#list + 1] = "the same lines in another order"
    elseif sorted_words(old) == sorted_words(new) then
      list[#list + 1] = "the same words in another order"
    end
  end
  return list
end

-- The line of a text around one of its bytes.
local function line_at(text, at)
  local from, to = at, at
  while from > 1 and text:byte(from - 1) ~= 10 do from = from - 1 end
  while to <= #text and text:byte(to) ~= 10 do to = to + 1 end
  return text:sub(from, to - 1)
end

--- A piece of a file as a person can read it: the line, when it is text, else some bytes in hex.
---@param bytes string
---@param at integer   which of them differs, from 1 on
---@return string
function M.piece(bytes, at)
  local line = line_at(bytes, at)
  if at > #bytes and line == "" then return "its end" end
  if utf8.len(line) and not line:find "[%c]" then return ('"%s"'):format(line) end
  local hex = {}
  for i = at, math.min(#bytes, at + 7) do hex[#hex + 1] = ("%02x"):format(bytes:byte(i)) end
  return #hex > 0 and table.concat(hex, " ") or "its end"
end

return M
