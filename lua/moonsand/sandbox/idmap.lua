--- Maps of ids as data: {{inside, outside, count}, ...}, and what the kernel would refuse about
--- them with nothing but "invalid argument".
local M = {}

---@alias moonsand.sandbox.IdMap integer[][]   {inside, outside, count} each

--- The last id that there is; one above it means "nobody" to system calls.
M.last = 4294967294

--- "100-199", or "5" for one.
---@param start integer
---@param count integer
---@return string
function M.span(start, count)
  return count == 1 and ("%d"):format(start) or ("%d-%d"):format(start, start + count - 1)
end

--- "0=1000,1-65536=100000"
---@param map moonsand.sandbox.IdMap
---@return string
function M.text(map)
  local parts = {}
  for i, range in ipairs(map) do
    parts[i] = ("%s=%d"):format(M.span(range[1], range[3]), range[2])
  end
  return table.concat(parts, ",")
end

---@param map moonsand.sandbox.IdMap
---@param id integer   inside
---@return boolean
function M.has(map, id)
  for _, range in ipairs(map) do
    if id >= range[1] and id < range[1] + range[3] then return true end
  end
  return false
end

local function overlap(a, b, column)
  return a[column] < b[column] + b[3] and b[column] < a[column] + a[3]
end

local function is_id(value)
  return math.type(value) == "integer" and value >= 0 and value <= M.last
end

--- What is wrong with one range; nil when nothing is.
---@param range any
---@return string?
function M.fault(range)
  if type(range) ~= "table" or #range ~= 3 then return "it is not {inside, outside, count}" end
  for i, name in ipairs {"inside", "outside"} do
    if not is_id(range[i]) then
      return ("'%s' must be an integer from 0 to %d"):format(name, M.last)
    end
  end
  local count = range[3]
  if math.type(count) ~= "integer" or count < 0 then return "'count' must be an integer" end
  if count == 0 then return "it is empty" end
  for i = 1, 2 do
    if count > M.last + 1 - range[i] then
      return ("%d ids from %d on go beyond %d, the last id"):format(count, range[i], M.last)
    end
  end
end

--- The first two ranges that have an id in common, and on which side.
---@param map moonsand.sandbox.IdMap
---@return integer? first
---@return integer? second
---@return "inside"|"outside"? side
function M.clash(map)
  for j = 2, #map do
    for i = 1, j - 1 do
      if overlap(map[i], map[j], 1) then return i, j, "inside" end
      if overlap(map[i], map[j], 2) then return i, j, "outside" end
    end
  end
end

--- The first id of a range that none of the given ones holds; nil when they hold all of it.
---@param start integer
---@param count integer
---@param given moonsand.sandbox.Subordinate[]
---@return integer?
function M.missing(start, count, given)
  local at, stop = start, start + count
  while at < stop do
    local before = at
    for _, one in ipairs(given) do
      if at >= one.start and at < one.start + one.count then at = one.start + one.count end
    end
    if at == before then return at end
  end
end

return M
