--- What steps are called: the verb and the place, as in "proc /proc", or the verb alone, as in
--- "pivot". These names are stable; `moonsand run --plan` shows them.
local fault = require "moonsand.fault"

local M = {}

--- The names of steps, in their order. A second step of the same name has "#2" behind it.
---@param steps table[]
---@return string[]
function M.of(steps)
  local names, seen = {}, {}
  for i, step in ipairs(steps) do
    local name = step.target and step[1] .. " " .. step.target or step[1]
    seen[name] = (seen[name] or 0) + 1
    names[i] = seen[name] == 1 and name or ("%s #%d"):format(name, seen[name])
  end
  return names
end

local function wrong(message, hint)
  fault.throw("usage", "plan: " .. message, {hint = hint})
end

local function with_verb(steps, verb)
  local found = {}
  for i, step in ipairs(steps) do
    if step[1] == verb then found[#found + 1] = i end
  end
  return found
end

local function by_name(steps, wanted)
  local names = M.of(steps)
  for i, name in ipairs(names) do
    if name == wanted then return i, i end
  end
  local found = with_verb(steps, wanted)
  if #found == 1 then return found[1], found[1] end
  if #found > 1 then
    wrong(("there are %d steps '%s'"):format(#found, wanted),
      ("say which: '%s', '%s', ..."):format(names[found[1]], names[found[2]]))
  end
  local near = fault.nearest(wanted, names) or fault.nearest(wanted, {"pivot", "chdir", "exec"})
  wrong(("there is no step '%s'"):format(wanted), near and ("did you mean '%s'?"):format(near)
    or "moonsand run --plan shows the steps")
end

local function by_predicate(steps, is_it)
  local first, last
  for i, name in ipairs(M.of(steps)) do
    if is_it(steps[i], name) then first, last = first or i, i end
  end
  if not first then wrong("the predicate holds for no step") end
  return first, last
end

--- The first and the last step that are meant. Raises a fault when there is none.
---@param steps table[]
---@param wanted string|fun(step: table, name: string): boolean   a name, a verb that only one step
---  has, or a predicate
---@return integer first
---@return integer last
function M.find(steps, wanted)
  if type(wanted) == "function" then return by_predicate(steps, wanted) end
  return by_name(steps, wanted)
end

return M
