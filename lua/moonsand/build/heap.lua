--- A heap: what comes first is had in a time that hardly grows with the count.
local M = {}

---@class moonsand.build.Heap
local Heap = {__name = "moonsand.build.Heap"}
Heap.__index = Heap

--- Put something in.
---@param item any
function Heap:push(item)
  local at = #self + 1
  while at > 1 do
    local up = at // 2
    if not self.first(item, self[up]) then break end
    self[at], at = self[up], up
  end
  self[at] = item
end

--- Take out what comes first; nil when it is empty.
---@return any
function Heap:pop()
  local top, last = self[1], table.remove(self)
  local count, at = #self, 1
  if count == 0 then return top end
  while true do
    local down = at * 2
    if down > count then break end
    if down < count and self.first(self[down + 1], self[down]) then down = down + 1 end
    if not self.first(self[down], last) then break end
    self[at], at = self[down], down
  end
  self[at] = last
  return top
end

--- An empty heap.
---@param first fun(a: any, b: any): boolean   does a come before b?
---@return moonsand.build.Heap
function M.new(first)
  return setmetatable({first = first}, Heap)
end

return M
