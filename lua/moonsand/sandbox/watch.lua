--- Which files of some directories inside are opened (option `watch`, `result.opened`). Of an
--- overlay it is what this sandbox opens; what others open of a bind is seen, too.
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

--- Seconds from one look at the queue to the next: it holds 16384 events unless the host says
--- otherwise (inotify(7)), and to wake up for each would take time from the build.
M.PAUSE = 0.1

local EMFILE <const> = 24

---@class moonsand.sandbox.Watch
---@field queue moonsand.Fd
---@field lost boolean   were there more than the queue holds?
local Watch = {__name = "moonsand.sandbox.Watch"}
Watch.__index = Watch

--- Refuse what cannot be watched.
---@param options moonsand.sandbox.Options
function M.check(options)
  local seen = {}
  for i, path in ipairs(options.watch or {}) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
      check.wrong(("watch[%d], '%s', must be an absolute path inside"):format(i, tostring(path)))
    end
    if seen[path] then check.wrong(("watch[%d], '%s', is there twice"):format(i, path)) end
    seen[path] = true
  end
end

--- The step, once the new world is there; nil when nothing is watched. A plan that is only shown
--- has no queue.
---@param options table
---@return table?
function M.step(options)
  if not options.watch or #options.watch == 0 then return nil end
  return {"watch", paths = options.watch, queue = options.watched and options.watched.queue}
end

--- A queue for one run; nil when nothing is watched.
---@param options table   checked
---@param undo moonsand.Scope
---@return moonsand.sandbox.Watch?
function M.open(options, undo)
  if not options.watch or #options.watch == 0 then return nil end
  local queue, message, errno = core.watch_queue()
  if not queue then
    fault.throw("host", "watch: " .. message, {errno = errno, hint = errno == EMFILE
      and "sysctl -w fs.inotify.max_user_instances=1024" or nil})
  end
  undo:defer(function() queue:close() end)
  return setmetatable({queue = queue, paths = options.watch, seen = {}, lost = false}, Watch)
end

--- Take what the queue has.
function Watch:take()
  local seen = self.seen
  repeat
    local list, lost = fault.unless("sandbox", core.read_opened(self.queue))
    for i = 1, #list, 2 do
      local number, name = list[i], list[i + 1]
      local names = seen[number]
      if not names then
        names = {}
        seen[number] = names
      end
      names[name] = true
    end
    self.lost = self.lost or lost
  until #list == 0
end

--- The files that were opened, by path.
---@return string[]
function Watch:paths_opened()
  local list = {}
  for number, names in pairs(self.seen) do
    local directory = self.paths[number]:gsub("/$", "")
    for _, name in ipairs(order.keys(names)) do list[#list + 1] = directory .. "/" .. name end
  end
  table.sort(list)
  return list
end

--- The end of the run: what was opened, and whether that is all.
---@param not_enforced moonsand.sandbox.Unmet[]   added to
---@return string[]
function Watch:finish(not_enforced)
  self:take()
  if self.lost then
    table.insert(not_enforced, {option = "watch", reason = "more files were opened at a time than "
      .. "the kernel's queue holds: some are missing", hint = "sysctl -w "
      .. "fs.inotify.max_queued_events=262144"})
  end
  return self:paths_opened()
end

return M
