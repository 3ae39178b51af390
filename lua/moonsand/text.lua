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

return M
