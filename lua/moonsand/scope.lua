--- A to-be-closed list of undo steps: `local undo <close> = scope.new()`.
local M = {}

---@class moonsand.Scope
local Scope = {__name = "moonsand.Scope"}
Scope.__index = Scope

--- Run `step` when the scope closes; steps run newest first.
---@param step fun()
function Scope:defer(step)
  self[#self + 1] = step
end

--- Keep everything: forget the undo steps (the work was completed).
function Scope:release()
  for i = #self, 1, -1 do self[i] = nil end
end

--- Run the undo steps. A failing step does not stop the others; the first error is thrown at the
--- end.
function Scope:close()
  local failed, problem = false, nil
  for i = #self, 1, -1 do
    local step = self[i]
    self[i] = nil
    local ok, err = pcall(step)
    if not ok and not failed then failed, problem = true, err end
  end
  if failed then error(problem, 0) end
end

-- When the block already leaves with an error, that error is the one to show.
function Scope:__close(err)
  local ok, problem = pcall(self.close, self)
  if not ok and err == nil then error(problem, 0) end
end

---@return moonsand.Scope
function M.new()
  return setmetatable({}, Scope)
end

return M
