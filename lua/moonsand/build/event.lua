--- Events: everything that happens in a build, as tables for whoever listens. Nothing is drawn.
local M = {}

---@class moonsand.build.Event
---@field event "build_started"|"task_started"|"task_log"|"task_ended"|"note"|"build_ended"
---@field time number            seconds of the monotonic clock
---@field task? string           "zlib:compile"
---@field text? string           task_log, note
---@field total? integer         build_started: how many tasks there are
---@field targets? string[]      build_started
---@field outcome? "ok"|"cached"|"failed"|"skipped"   task_ended
---@field seconds? number        task_ended, build_ended
---@field why? string            task_ended: why it ran, or why it did not
---@field log? string            task_ended: path of its log
---@field exit_code? integer     task_ended, failed: of the run script
---@field signal? string         task_ended, failed
---@field command? string        task_ended, failed: the command that failed
---@field where? string          task_ended, failed: "file:line" of that command
---@field cwd? string            task_ended, failed: where it ran
---@field message? string        task_ended, failed: when there is more to say than an exit code
---@field hint? string           task_ended, failed: the next step
---@field kept? string           task_ended, failed: the directory that `moonsand shell` needs
---@field ok? boolean            build_ended
---@field counts? table<string, integer>   build_ended: ok, cached, skipped, failed, not_started

---@class moonsand.build.Emitter
local Emitter = {__name = "moonsand.build.Emitter"}
Emitter.__index = Emitter

--- Send an event; the time is put in.
---@param name string
---@param fields? table
function Emitter:send(name, fields)
  local event = fields or {}
  event.event, event.time = name, self.clock()
  self.emit(event)
end

--- An emitter. Listeners may not throw: an error in one ends the build.
---@param emit? fun(event: moonsand.build.Event)
---@param clock fun(): number
---@return moonsand.build.Emitter
function M.new(emit, clock)
  return setmetatable({emit = emit or function() end, clock = clock}, Emitter)
end

return M
