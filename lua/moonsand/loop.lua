--- Waiting without callbacks: a task is a coroutine that yields what it waits for, and one poll
--- serves them all.
--- Outside of a loop, `wait` simply polls; so a library that waits through here works in both
--- worlds.
local core = require "moonsand.core"

local M = {}

---@class moonsand.loop.Entry
---@field fd moonsand.fd|moonsand.process|integer
---@field events? "r"|"w"|"rw"

---@class moonsand.Loop
---@field tasks table[]   coroutines that wait: {co, list, deadline, ready}
local Loop = {__name = "moonsand.Loop"}
Loop.__index = Loop

local owner = setmetatable({}, {__mode = "k"}) -- coroutine -> its task

local function check(ok, message, errno)
  if not ok then error(("poll: %s (%s)"):format(message, errno), 0) end
  return ok
end

--- Wait until one of the entries is ready. Inside a loop only this coroutine waits.
---@param list moonsand.loop.Entry[]
---@param seconds? number   nil: without end
---@return integer[]? ready   indexes into list; nil when the time is over
function M.wait(list, seconds)
  local task = owner[coroutine.running()]
  if task then
    task.list, task.deadline = list, seconds and core.clock() + seconds
    return coroutine.yield()
  end
  local deadline = seconds and core.clock() + seconds
  repeat
    local left = deadline and math.max(0, deadline - core.clock())
    local ready = check(core.poll(list, left))
    if #ready > 0 then return ready end
  until deadline and core.clock() >= deadline
  return nil
end

--- Wait for `wake`; only inside a loop.
---@return any   what was given to `wake`
function M.park()
  local task = assert(owner[coroutine.running()], "park: not inside a loop")
  task.list, task.deadline = {}, nil
  return coroutine.yield()
end

--- Let a parked coroutine go on in the loop's next step.
---@param co thread
---@param value any
function M.wake(co, value)
  local task = assert(owner[co], "wake: not a coroutine of a loop")
  task.woken, task.value = true, value
end

--- A new loop, without coroutines. Closing it closes those that are left, and what they hold with
--- `<close>`.
---@return moonsand.Loop
function M.new()
  return setmetatable({tasks = {}}, Loop)
end

--- Resume a coroutine; true while it goes on. An error in it is thrown here.
local function resume(task, ...)
  local ok, err = coroutine.resume(task.co, ...)
  if not ok then
    owner[task.co] = nil
    local closed, close_err = coroutine.close(task.co)
    error(closed and err or err or close_err, 0)
  end
  if coroutine.status(task.co) ~= "dead" then return true end
  owner[task.co] = nil
  return false
end

--- Start a function as a coroutine of this loop. It runs up to its first wait at once.
---@param fn fun(...)
---@return thread
function Loop:spawn(fn, ...)
  local task = {co = coroutine.create(fn)}
  owner[task.co] = task
  self.tasks[#self.tasks + 1] = task
  if not resume(task, ...) then self:forget(task) end
  return task.co
end

function Loop:forget(task)
  for i, other in ipairs(self.tasks) do
    if other == task then return table.remove(self.tasks, i) end
  end
end

--- One list for poll, and for each of its entries who waits for it.
local function gather(tasks)
  local list, from, deadline = {}, {}, nil
  for _, task in ipairs(tasks) do
    if task.woken then deadline = 0 end
    local own = task.deadline
    if own and (not deadline or own < deadline) then deadline = own end
    for i, entry in ipairs(task.list) do
      list[#list + 1] = entry
      from[#list] = {task = task, index = i}
    end
  end
  return list, from, deadline
end

--- Poll once and resume every coroutine whose entries are ready, whose time is over, or that was
--- woken.
---@param seconds? number   wait no longer than this; nil: until something happens
function Loop:step(seconds)
  local list, from, deadline = gather(self.tasks)
  local left = deadline and math.max(0, deadline - core.clock())
  if seconds and (not left or seconds < left) then left = seconds end
  assert(left or #list > 0 or #self.tasks == 0, "the loop has nothing to wait for: a deadlock")
  local ready = {}
  for _, i in ipairs(check(core.poll(list, left))) do
    local task = from[i].task
    ready[task] = ready[task] or {}
    table.insert(ready[task], from[i].index)
  end
  local now = core.clock()
  for _, task in ipairs {table.unpack(self.tasks)} do
    if owner[task.co] == task then self:advance(task, ready[task], now) end
  end
end

function Loop:advance(task, ready, now)
  local value = ready
  if task.woken then
    value, task.woken, task.value = task.value, nil, nil
  elseif not ready and not (task.deadline and task.deadline <= now) then
    return
  end
  if not resume(task, value) then self:forget(task) end
end

--- Run until no coroutine is left.
function Loop:run()
  while #self.tasks > 0 do self:step() end
end

--- Close the coroutines that are left, newest first.
function Loop:close()
  for i = #self.tasks, 1, -1 do
    local task = table.remove(self.tasks, i)
    owner[task.co] = nil
    coroutine.close(task.co)
  end
end

Loop.__close = Loop.close

return M
