--- Which trees are known to agree on every path: remembered pair by pair, as sets whose members all
--- agree. A sysroot with one new tree is compared with that tree only.
local M = {}

-- One bit a set; the oldest gives its bit to the newest.
local SETS <const> = 62

---@class moonsand.Pairs
local Pairs = {__name = "moonsand.Pairs"}
Pairs.__index = Pairs

--- Nothing is known yet.
---@return moonsand.Pairs
function M.new()
  return setmetatable({bits = {}, next = 0}, Pairs)
end

--- Are both in one set?
---@param a string   key of a tree
---@param b string
---@return boolean
function Pairs:agree(a, b)
  return (self.bits[a] or 0) & (self.bits[b] or 0) ~= 0
end

--- All of these agree with each other.
---@param keys string[]
function Pairs:add(keys)
  local bit = 1 << self.next
  self.next = (self.next + 1) % SETS
  for key, bits in pairs(self.bits) do
    bits = bits & ~bit
    self.bits[key] = bits ~= 0 and bits or nil
  end
  for _, key in ipairs(keys) do self.bits[key] = (self.bits[key] or 0) | bit end
end

return M
