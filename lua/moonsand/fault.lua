--- Errors that a person can act on: a kind, a message, a place and a next step.
local M = {}

---@class moonsand.Fault
---@field kind string      one of the kinds in `codes`
---@field message string   what is wrong, with names in quotes
---@field where? string    "file:line"
---@field hint? string     the next step
---@field errno? integer
local Fault = {__name = "moonsand.Fault"}
Fault.__index = Fault

-- Exit codes by kind (docs/moonsand.md, EXIT STATUS). A kind that is missing here is a bug.
local codes = {
  task = 1, -- a task failed
  usage = 2, -- the command line or an option table
  recipe = 2, -- a recipe, class or configuration file
  graph = 2, -- providers, dependencies, loops
  fetch = 1, -- a source could not be had, or is not what the recipe says
  layer = 1, -- store, freeze, conflicts
  fs = 1, -- the file system refused
  sandbox = 3, -- the sandbox could not be made on this host
  host = 3, -- something that this machine lacks
  interrupted = 130,
}

--- "file:line: message" and the hint on a line of its own.
function Fault:__tostring()
  local text = self.message
  if self.where then text = self.where .. ": " .. text end
  if self.hint then text = text .. "\n  " .. self.hint end
  return text
end

--- Make a fault without throwing it.
---@param kind string
---@param message string
---@param fields? {where?: string, hint?: string, errno?: integer}
---@return moonsand.Fault
function M.new(kind, message, fields)
  assert(codes[kind], "unknown kind of fault")
  local self = {kind = kind, message = message}
  for name, value in pairs(fields or {}) do self[name] = value end
  return setmetatable(self, Fault)
end

--- Throw a fault.
---@param kind string
---@param message string
---@param fields? {where?: string, hint?: string, errno?: integer}
function M.throw(kind, message, fields)
  error(M.new(kind, message, fields), 0)
end

--- What the core answered; its refusal (nil, message, errno) becomes a fault.
---@param kind string
---@return any ...
function M.unless(kind, ...)
  local value, message, errno = ...
  if value then return ... end
  M.throw(kind, message, {errno = errno})
end

--- Is the value a fault?
---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == Fault
end

--- Exit code for an error value; 70 for anything that is not a fault (a bug).
---@param value any
---@return integer
function M.code(value)
  return M.is(value) and codes[value.kind] or 70
end

--- Message handler for `xpcall`: faults pass as they are, everything else gets a traceback.
---@param value any
---@return any
function M.traced(value)
  if M.is(value) then return value end
  return debug.traceback(tostring(value), 2)
end

--- The nearest of the known names, for "did you mean".
---@param name string
---@param known string[]
---@return string?
function M.nearest(name, known)
  local best, least = nil, math.max(1, #name // 3) + 1
  for _, other in ipairs(known) do
    local distance = M.distance(name, other)
    if distance < least then best, least = other, distance end
  end
  return best
end

--- Edit distance of two names; letters that changed places are one edit (optimal string alignment).
---@param a string
---@param b string
---@return integer
function M.distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local new = {[0] = i}
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      new[j] = math.min(row[j] + 1, new[j - 1] + 1, row[j - 1] + cost)
      if before and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        new[j] = math.min(new[j], before[j - 2] + 1)
      end
    end
    before, row = row, new
  end
  return row[#b]
end

return M
