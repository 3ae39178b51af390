--- BB_PRESSURE_MAX_CPU, _IO, _MEMORY: no task is started while others wait this much for the
--- machine. As in BitBake: microseconds of waiting in a second, from the kernel's /proc/pressure.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local read = require("moonsand.text").read

local M = {}

local INTERVAL <const> = 1 -- seconds: what is measured over less says little
local kinds = {"cpu", "io", "memory"}

---@class moonsand.build.Pressure
local Pressure = {__name = "moonsand.build.Pressure"}
Pressure.__index = Pressure

function Pressure:total(kind)
  return math.tointeger(tonumber((self.read("/proc/pressure/" .. kind) or ""):match(
    "some [^\n]*total=(%d+)")))
end

-- Measured again once a second; what was found holds until then.
function Pressure:measure()
  local now = self.clock()
  if self.at and now - self.at < INTERVAL then return end
  for _, one in ipairs(self.limits) do
    local total = self:total(one.kind)
    if one.total and total then one.rate = (total - one.total) / (now - self.at) end
    one.total = total
  end
  self.at = now
end

--- Which limit is exceeded now: "cpu", "io" or "memory"; nil when none is.
---@return string?
function Pressure:high()
  self:measure()
  for _, one in ipairs(self.limits) do
    if one.rate and one.rate > one.most then return one.kind end
  end
end

-- A limit that the machine cannot measure would never hold.
local function limit_of(self, data, kind)
  local name = "BB_PRESSURE_MAX_" .. kind:upper()
  local text = data:get(name)
  if not text or text == "" then return nil end
  local most = tonumber(text)
  if not most or most <= 0 then
    fault.throw("recipe", ("%s is '%s', which is no number of microseconds a second"):format(name,
      text), {where = data:place(name), hint = "50000, for one, is five percent"})
  end
  if not self:total(kind) then
    fault.throw("host", ("%s is set, but this kernel has no /proc/pressure/%s"):format(name, kind),
      {where = data:place(name), hint = "take the line out, or boot with psi=1"})
  end
  return {kind = kind, most = most}
end

--- The limits of a configuration; nil when it has none.
---@param data moonsand.recipe.Data
---@param world? {read: fun(path: string): string?, clock: fun(): number}   for specs
---@return moonsand.build.Pressure?
function M.new(data, world)
  world = world or {read = read, clock = core.clock}
  local self = setmetatable({limits = {}, read = world.read, clock = world.clock}, Pressure)
  for _, kind in ipairs(kinds) do
    self.limits[#self.limits + 1] = limit_of(self, data, kind)
  end
  return #self.limits > 0 and self or nil
end

return M
