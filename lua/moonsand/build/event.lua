--- Events: everything that happens in a build, as tables for whoever listens. Nothing is drawn.
--- docs/events.md has the fields of each; a spec holds both to what builds send.
local M = {}

---@class moonsand.build.Event
---@field event "build_started"|"task_started"|"task_log"|"task_message"|
---  "task_progress"|"task_waiting"|"task_hook"|"task_ended"|"check_started"|"task_checked"|
---  "audit_finding"|"note"|"build_ended"
---@field time number            seconds of the monotonic clock
---@field task? string           task_...: "zlib:compile"
---@field text? string           task_log, task_message, note
---@field level? "plain"|"note"|"warn"|"error"|"debug"   task_message
---@field percent? integer       task_progress
---@field hook? string           task_hook: the function
---@field total? integer         build_started: how many tasks there are
---@field run? integer           build_started: how many of them may run
---@field checks? integer        build_started: how many tasks are run once more
---@field jobs? integer          build_started: how many at a time
---@field targets? string[]      build_started
---@field at? integer            build_started: seconds since 1970
---@field expected? number       build_started, task_started: how many seconds it may take
---@field left? number           task_started, task_ended: about how many seconds the build has left
---@field slot? integer          task_started, task_ended, check_started: the job slot, from 1 on
---@field needs? string[]        task_started: the tasks that ran before, and that it waited for
---@field outcome? "ok"|"cached"|"failed"|"skipped"|"same"|"differs"|"excused"   task_ended; the
---  last three: task_checked; the first three: task_hook
---@field differences? table[]   task_checked: the first of them
---@field count? integer         task_checked: how many differences there are
---@field reason? string         task_checked, excused: what the recipe says
---@field seconds? number        task_ended, build_ended
---@field why? string            task_started, task_ended: why it ran, or why it did not
---@field cpu? number            task_ended: seconds of processor time
---@field memory? integer        task_ended: bytes at the peak
---@field log? string            task_ended: path of its log
---@field exit_code? integer     task_ended, failed: of the run script
---@field signal? string         task_ended, failed
---@field command? string        task_ended, failed: the command that failed
---@field where? string          task_ended, failed: "file:line" of that command
---@field cwd? string            task_ended, failed: where it ran
---@field message? string        task_ended, failed: when there is more to say than an exit code
---@field patterns? string[]     task_ended, failed: of lines that the recipe calls errors
---@field hint? string           task_ended, failed: the next step
---@field kept? string           task_ended, failed: the directory that `moonsand shell` needs
---@field kind? "unused"|"transitive"|"write"|"host"|"probe"   audit_finding, like the next five;
---  also task, where, text
---@field recipe? string
---@field dependency? string
---@field through? string[]
---@field path? string
---@field fix? string
---@field ok? boolean            build_ended
---@field counts? table<string, integer>   build_ended: ok, cached, skipped, failed, not_started

---@class moonsand.build.Emitter
local Emitter = {__name = "moonsand.build.Emitter"}
Emitter.__index = Emitter

--- Send an event; the time is put in. Listeners may not throw: an error in one ends the build.
---@param name string
---@param fields? table
function Emitter:send(name, fields)
  local event = fields or {}
  event.event, event.time = name, self.clock()
  for _, listener in ipairs(self.listeners) do listener(event) end
end

--- Listen, too, until the answer is called.
---@param listener fun(event: moonsand.build.Event)
---@return fun() forget
function Emitter:listen(listener)
  table.insert(self.listeners, listener)
  return function()
    for i, one in ipairs(self.listeners) do
      if one == listener then table.remove(self.listeners, i) end
    end
  end
end

--- An emitter with its first listener.
---@param emit? fun(event: moonsand.build.Event)
---@param clock fun(): number
---@return moonsand.build.Emitter
function M.new(emit, clock)
  return setmetatable({listeners = {emit}, clock = clock}, Emitter)
end

return M
