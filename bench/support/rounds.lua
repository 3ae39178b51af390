--- Rounds in which every way is taken once, and what comes of them.
local core = require "moonsand.core"

local M = {}

local pause = 0.002 -- seconds: the kernel takes the last sandbox apart a little later
local warm_up = 4
local least = 20
local patience = 25 -- seconds for the rounds of one comparison

function M.median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

function M.fastest(list)
  local best = math.huge
  for _, value in ipairs(list) do best = math.min(best, value) end
  return best
end

--- The median of each round's own ratio.
function M.ratio(a, b)
  local list = {}
  for i = 1, #a do list[i] = a[i] / b[i] end
  return M.median(list)
end

--- The median of a field, or of each round's own ratio of two.
---@param list table[]   a table for each round
---@param field any
---@param by? table[]    those that it is divided by
---@return number
function M.median_of(list, field, by)
  local values = {}
  for i, each in ipairs(list) do values[i] = each[field] / (by and by[i][field] or 1) end
  return M.median(values)
end

--- Take each of the ways once a round, beginning with another one each time: for every way what its
--- function returned, {seconds, processor seconds?} in lists. On a slow machine there are fewer
--- rounds than wanted.
---@param ways fun(): number, number?[]
---@param count integer
---@param warm? integer   rounds before the first that counts
function M.take(ways, count, warm)
  local wall, cpu = {}, {}
  for k in ipairs(ways) do wall[k], cpu[k] = {}, {} end
  local began = core.clock()
  for i = 1 - (warm or warm_up), count do
    if i > least and core.clock() - began > patience then break end
    for k = 0, #ways - 1 do
      local at = (i + k) % #ways + 1
      core.poll({}, pause)
      local seconds, busy = ways[at]()
      if i > 0 then wall[at][i], cpu[at][i] = seconds, busy end
    end
  end
  return wall, cpu
end

return M
