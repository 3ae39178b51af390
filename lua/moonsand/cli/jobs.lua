--- `--jobs`: how many things to do at a time.
local fault = require "moonsand.fault"
local text_of = require("moonsand.text").read

local M = {}

--- How many processors this process may use: "0-3,6" in its status is five.
---@param status? string   the text of /proc/self/status
---@return integer
function M.processors(status)
  local count = 0
  local list = (status or ""):match("Cpus_allowed_list:%s*(%S+)") or ""
  for first, last in list:gmatch("(%d+)%-?(%d*)") do
    count = count + (last == "" and 1 or last - first + 1)
  end
  return math.max(1, math.tointeger(count))
end

--- How many to run at a time: what `--jobs` says, or the processors that this process may use.
---@param text? string
---@return integer
function M.number(text)
  if not text then return M.processors(text_of "/proc/self/status") end
  local count = math.tointeger(tonumber(text))
  if not count or count < 1 then
    fault.throw("usage", ("'--jobs %s': it is not a number from 1 on"):format(text))
  end
  return count
end

return M
