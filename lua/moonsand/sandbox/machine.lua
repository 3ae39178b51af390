--- What limits need to know of the machine: its disks, its swap, the shares of its processors.
local groupfile = require "moonsand.sandbox.groupfile"
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

M.PERIOD = 100000 -- microseconds in which a quota of cpu time is given; the kernel's default

--- Cores as microseconds of each period.
---@param cores number
---@return integer
function M.quota(cores)
  return math.max(1000, math.floor(cores * M.PERIOD + 0.5))
end

---@return boolean
function M.has_swap()
  return select(2, (read("/proc/swaps") or ""):gsub("\n", "\n")) > 1
end

--- Why a bound for memory is none here: what does not fit goes to the swap.
---@param dir string
---@return nil
---@return moonsand.sandbox.WhyNot
function M.no_swap_bound(dir)
  return nil, {what = ("swap cannot be bounded: %s has no swap accounting"):format(dir),
    fix = "swapoff -a, or boot with swapaccount=1", path = dir}
end

--- Disks that a program's files may be on, as "major:minor".
local function disks()
  local list = {}
  for _, entry in ipairs(core.readdir("/sys/block") or {}) do
    local size = groupfile.number(("/sys/block/%s/size"):format(entry))
    if not entry:find("^loop") and not entry:find("^z?ram") and size and size > 0 then
      list[#list + 1] = (read(("/sys/block/%s/dev"):format(entry)) or ""):match("%d+:%d+")
    end
  end
  return list
end

--- Settings for every disk; a bound that no disk has were no bound.
---@param add fun(disk: string, list: table[])
---@return table[]? list
---@return moonsand.sandbox.WhyNot? why_not
function M.each_disk(add)
  local list = {}
  for _, disk in ipairs(disks()) do add(disk, list) end
  if #list > 0 then return list end
  return nil, {what = "no disk can be seen in /sys/block", path = "/sys/block",
    fix = "mount -t sysfs sysfs /sys, where there are disks"}
end

return M
