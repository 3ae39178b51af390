--- One line for each task that ended: for pipes, files and continuous integration.
local checked = require "moonsand.cli.show.checked"
local failure = require "moonsand.cli.show.failure"
local format = require "moonsand.cli.show.format"

local M = {}

local Plain = {__name = "moonsand.Plain"}
Plain.__index = Plain

local silence = 60 -- seconds until it says what still runs

function Plain:say(text)
  self.spoke = self.clock()
  self.write(text)
end

function Plain:build_started(event)
  self.total = event.total + (event.checks or 0)
end

function Plain:task_started(event)
  self.running[event.task] = self.clock()
end

Plain.check_started = Plain.task_started

function Plain:task_log(event)
  if not self.verbose then return end
  local text = (self.partial[event.task] or "") .. event.text
  local from = 1
  for line, after in text:gmatch("([^\n]*)\n()") do
    self:say(("%s | %s\n"):format(event.task, format.plain(line)))
    from = after
  end
  self.partial[event.task] = text:sub(from)
end

function Plain:task_message(event)
  if self.verbose then return end -- the log is shown, and has it
  local line = format.message(event, self)
  if line then self:say(line) end
end

local tints = checked.tints

local function outcome(self, event)
  local line = format.colour(event.outcome, tints[event.outcome] or "bold", self.colour)
  if event.outcome ~= "cached" and event.outcome ~= "skipped" then
    line = line .. " " .. format.duration(event.seconds or 0)
  end
  if event.reason then line = line .. "   " .. format.plain(event.reason) end
  if self.verbose and event.why then line = line .. "   " .. event.why end
  return line
end

local function ended(self, event, failed, block)
  self.done = self.done + 1
  self.running[event.task], self.partial[event.task] = nil, nil
  if not self.quiet then
    self:say(("%s %s %s\n"):format(format.counter(self.done, math.max(self.total, self.done)),
      event.task, outcome(self, event)))
  end
  self.last_is_failure = failed
  if not failed then return end
  local text = block(event, event.log and self.read(event.log), {
    width = self.width, here = self.here, state = self.state, links = self.links,
  })
  table.insert(self.failures, text)
  self:say("\n" .. text)
end

function Plain:task_ended(event)
  ended(self, event, event.outcome == "failed", failure.block)
end

function Plain:task_checked(event)
  ended(self, event, event.outcome == "differs", checked.block)
end

function Plain:task_waiting(event)
  self:note {text = event.task .. " is being made by another build; waiting for it"}
end

function Plain:audit_finding(event)
  if not self.quiet then self:say(format.finding(event, self)) end
end

function Plain:note(event)
  if not self.quiet then self:say(event.text .. "\n") end
end

--- Failures are the last thing on the screen, also when other tasks went on after them.
function Plain:build_ended(event)
  if #self.failures > 1 or not self.last_is_failure then
    for _, block in ipairs(self.failures) do self:say("\n" .. block) end
  end
  if not self.quiet or not event.ok then self:say(failure.summary(event)) end
end

--- Once a minute of silence: what still runs, the longest first.
function Plain:tick()
  local now = self.clock()
  if self.quiet or now - self.spoke < silence or not next(self.running) then return end
  local list = {}
  for task, since in pairs(self.running) do list[#list + 1] = {task, since} end
  table.sort(list, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[1] < b[1]
  end)
  for i, entry in ipairs(list) do
    list[i] = entry[1] .. " " .. format.duration(now - entry[2])
  end
  self:say("still running: " .. table.concat(list, ", ") .. "\n")
end

--- Take one event.
---@param event table
function Plain:event(event)
  local method = self[event.event]
  if method then method(self, event) end
  self:tick()
end

--- Nothing is pending here.
function Plain.close() end

---@class moonsand.ShowOptions
---@field write fun(text: string)
---@field clock fun(): number                 seconds
---@field read fun(path: string): string?     the text of a log
---@field size fun(): integer, integer        columns, rows
---@field colour? boolean
---@field links? boolean                      does the terminal know links?
---@field quiet? boolean
---@field verbose? boolean
---@field here? string                        paths below this directory are shown without it
---@field state? string                       the value of `--state`, for commands that are shown

---@param options moonsand.ShowOptions
---@return table listener   has `:event(event)`, `:tick()`, `:close()`
function M.new(options)
  return setmetatable({
    write = options.write, clock = options.clock, read = options.read,
    width = (options.size()), colour = options.colour or false,
    links = options.links, quiet = options.quiet,
    verbose = options.verbose, here = options.here, state = options.state,
    total = 0, done = 0, spoke = options.clock(), running = {}, partial = {}, failures = {},
  }, Plain)
end

return M
