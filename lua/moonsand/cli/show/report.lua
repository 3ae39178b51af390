--- What a build's events come to: the trace of what ran, the longest chain of tasks, what was
--- known. The fourth listener: it reads the journal of a build that has ended, or was killed.
local failure = require "moonsand.cli.show.failure"
local format = require "moonsand.cli.show.format"
local json = require "dkjson"
local page = require "moonsand.cli.show.page"
local show_json = require "moonsand.cli.show.json"

local M = {}

local TAIL <const> = 40 -- lines of a failed task's log

local function kind_of(task)
  return task:match ":([^:]+)$" or task
end

-- What ran, by its end; what did not, as it was told.
local function sort_out(events)
  local started, ran, known = {}, {}, {}
  for _, event in ipairs(events) do
    if event.event == "task_started" then
      started[event.task] = event
    elseif event.event == "task_ended" and started[event.task] then
      ran[#ran + 1] = {start = started[event.task], ended = event}
    elseif event.event == "task_ended" then
      known[#known + 1] = {event.task, kind_of(event.task), event.outcome, event.why}
    end
  end
  return ran, known
end

-- Back from the task that ended last, each time to the one that was waited for longest.
local function mark_path(ran)
  local by, last = {}, nil
  for _, one in ipairs(ran) do
    by[one.ended.task] = one
    if not last or one.ended.time > last.ended.time then last = one end
  end
  while last do
    last.critical = true
    local before
    for _, name in ipairs(last.start.needs or {}) do
      local other = by[name]
      if other and (not before or other.ended.time > before.ended.time) then before = other end
    end
    last = before
  end
end

local function micro(seconds)
  return math.max(0, math.tointeger(math.floor(seconds * 1000000 + 0.5)))
end

-- Chrome's "complete" events: one for each task that ran.
local function trace_of(ran, begun)
  local list = {}
  for i, one in ipairs(ran) do
    local start, ended = one.start, one.ended
    list[i] = {
      name = ended.task, cat = kind_of(ended.task), ph = "X", ts = micro(start.time - begun),
      dur = micro(ended.time - start.time), pid = 1, tid = start.slot or 1,
      args = {
        outcome = ended.outcome, why = ended.why, cpu = ended.cpu, memory = ended.memory,
        needs = start.needs, critical = one.critical,
      },
    }
  end
  return {displayTimeUnit = "ms", traceEvents = setmetatable(list, {__jsontype = "array"})}
end

-- How much of the job slots was in use.
local function busy(ran, seconds, jobs)
  local sum = 0
  for _, one in ipairs(ran) do sum = sum + one.ended.time - one.start.time end
  return seconds > 0 and math.min(1, sum / seconds / math.max(1, jobs)) or 0
end

local function tail(text)
  local lines = failure.lines(text)
  return table.concat(lines, "\n", math.max(1, #lines - TAIL + 1), #lines)
end

local function failures_of(ran, options)
  local list = {}
  for _, one in ipairs(ran) do
    local event = one.ended
    if event.outcome == "failed" then
      local log = event.log and options.read(event.log)
      local text = failure.block(event, log, {width = 100, here = options.here})
      if log then text = text .. "\n" .. tail(log) end
      list[#list + 1] = text
    end
  end
  return list
end

---@class moonsand.Report
---@field trace table     of Chrome's tools
---@field build table     what else the page shows
---@field title string
---@field date string

--- What there is to show of a build.
---@param events moonsand.build.Event[]
---@param options {read: fun(path: string): string?, here?: string}
---@return moonsand.Report
function M.of(events, options)
  local first, last = events[1] or {}, events[#events] or {}
  local begun = first.time or 0
  local seconds = last.seconds and last.event == "build_ended" and last.seconds
    or (last.time or 0) - begun
  local ran, known = sort_out(events)
  mark_path(ran)
  return {
    title = "moonsand build " .. table.concat(first.targets or {}, " "),
    date = ("%s, %s%s"):format(os.date("%d %b %Y %H:%M", first.at), format.duration(seconds),
      last.event == "build_ended" and "" or ", not ended"),
    trace = trace_of(ran, begun),
    build = {
      seconds = seconds, counts = last.counts or {}, busy = busy(ran, seconds, first.jobs or 1),
      known = setmetatable(known, {__jsontype = "array"}),
      failures = setmetatable(failures_of(ran, options), {__jsontype = "array"}),
    },
  }
end

--- The trace alone, as Chrome's tools and Perfetto read it.
---@param report moonsand.Report
---@return string
function M.trace(report)
  return json.encode(show_json.clean(report.trace)) .. "\n"
end

--- The page.
---@param report moonsand.Report
---@return string
function M.page(report)
  return page.render {
    title = report.title, date = report.date, trace = M.trace(report),
    build = json.encode(show_json.clean(report.build)),
  }
end

return M
