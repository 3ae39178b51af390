--- What Python throws, as faults that say who needed it and where that stands.
local fault = require "moonsand.fault"

local M = {}

local find = string.find

local function first_place(thrown)
  local places = thrown.places or {}
  for i = #places, 1, -1 do
    if find(places[i], "^/") then return places[i] end
  end
end

--- Throw what Python threw; `what` did it, at `where` when Python knows no better.
---@param self moonsand.recipe.Bridge
---@param d moonsand.recipe.Data
---@param thrown table   from the helper
---@param what string
---@param where? string
---@param reason string
function M.again(self, d, thrown, what, where, reason)
  d:abandon()
  local old = thrown.fault
  if old then
    if fault.is(old) and not old.where then old.where = where end
    error(old, 0)
  end
  if thrown.kind == "skip" then fault.throw("recipe", thrown.message, {reason = "skip"}) end
  local place = first_place(thrown) or where
  if thrown.kind == "handled" then
    local text = thrown.message ~= "" and thrown.message or self.last_error or what .. " fails"
    fault.throw("recipe", text, {where = place, reason = "syntax", trace = thrown.places})
  end
  fault.throw("recipe", ("%s fails: %s: %s"):format(what, thrown.kind, thrown.message), {
    where = place, reason = reason, trace = thrown.places})
end

--- When the helper itself failed: say who needed it, and forget what was at work.
---@param d moonsand.recipe.Data
---@param run fun(): any, table?, string[]?
---@param what string
---@param where? string
---@return any value, table? thrown, string[]? reads
function M.guarded(d, run, what, where)
  local ok, value, thrown, reads = pcall(run)
  if ok then return value, thrown, reads end
  d:abandon()
  if fault.is(value) and (value.kind == "host" or value.kind == "sandbox") then
    fault.throw("recipe", ("%s needs Python: %s"):format(what, value.message), {where = where,
      reason = "python", hint = value.hint})
  end
  if fault.is(value) and value.reason == "helper" then value.where = value.where or where end
  error(value, 0)
end

return M
