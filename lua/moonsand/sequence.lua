--- What two lists have in common, in the same order.
local M = {}

-- length[i][j]: of the longest common subsequence of a from i on and b from j on.
local function lengths(a, b)
  local length = {}
  for i = #a + 1, 1, -1 do
    length[i] = {}
    for j = #b + 1, 1, -1 do
      if i > #a or j > #b then
        length[i][j] = 0
      elseif a[i] == b[j] then
        length[i][j] = length[i + 1][j + 1] + 1
      else
        length[i][j] = math.max(length[i + 1][j], length[i][j + 1])
      end
    end
  end
  return length
end

--- The longest common subsequence, as pairs of places. Time and memory grow with #a * #b.
---@param a any[]
---@param b any[]
---@return {[1]: integer, [2]: integer}[]
function M.common(a, b)
  local length, pairs_of, i, j = lengths(a, b), {}, 1, 1
  while i <= #a and j <= #b do
    if a[i] == b[j] then
      pairs_of[#pairs_of + 1] = {i, j}
      i, j = i + 1, j + 1
    elseif length[i + 1][j] >= length[i][j + 1] then
      i = i + 1
    else
      j = j + 1
    end
  end
  return pairs_of
end

return M
