--- The words of a line as a shell has them: blanks part them, quotes hold them together.
local fault = require "moonsand.fault"

local M = {}

--- Split a line.
---@param line string
---@return string[]
function M.split(line)
  local list, word, at = {}, nil, 1
  while at <= #line do
    local char = line:sub(at, at)
    local stop = (char == "'" or char == '"') and line:find(char, at + 1, true)
    if char:find "%s" then
      if word then list[#list + 1], word = word, nil end
    elseif char == "'" or char == '"' then
      if not stop then fault.throw("usage", ("there is no second %s in the line"):format(char)) end
      word, at = (word or "") .. line:sub(at + 1, stop - 1), stop
    else
      word = (word or "") .. char
    end
    at = at + 1
  end
  if word then list[#list + 1] = word end
  return list
end

return M
