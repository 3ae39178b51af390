--- A footer with what runs now, below a line for each task that ended. Only the footer is ever
--- rewritten, at most ten times a second, and it never takes more than a third of the screen.
local checked = require "moonsand.cli.show.checked"
local failure = require "moonsand.cli.show.failure"
local format = require "moonsand.cli.show.format"

local M = {}

local Tty = {__name = "moonsand.Tty"}
Tty.__index = Tty

local interval = 0.1 -- seconds between two redraws

local tints = checked.tints

--- Text above the footer: it waits for the next redraw.
local function above(self, text)
  table.insert(self.lines, text)
end

function Tty:build_started(event)
  self.total, self.started = event.total + (event.checks or 0), self.clock()
end

-- Between two events the clock counts down.
local function note_left(self, event)
  self.left, self.left_at = event.left, self.clock()
end

function Tty:task_started(event)
  note_left(self, event)
  self.running[event.task] = {since = self.clock(), text = ""}
end

function Tty:check_started(event)
  self.left = nil
  self.running[event.task] = {since = self.clock(), text = "once more"}
end

--- The footer shows the last line that a task wrote.
function Tty:task_log(event)
  local task = self.running[event.task]
  if not task then return end
  local last
  for line in event.text:gmatch("[^\n]+") do
    if line:find("%S") then last = line end
  end
  if last then task.text = format.plain(last) end
end

local function ended(self, event, failed, block)
  self.done = self.done + 1
  self.running[event.task] = nil
  self.counts[event.outcome] = (self.counts[event.outcome] or 0) + 1
  self.names = math.max(self.names, format.width(event.task))
  local line = format.pad(event.task, self.names) .. "  " ..
    format.colour(event.outcome, tints[event.outcome] or "bold", self.colour)
  if event.outcome ~= "cached" and event.outcome ~= "skipped" then
    line = line .. (" "):rep(math.max(2, 7 - #event.outcome)) .. format.duration(event.seconds or 0)
  end
  if event.reason then line = line .. "  " .. format.plain(event.reason) end
  if not self.quiet then above(self, line .. "\n") end
  self.last_is_failure = failed
  if not failed then return end
  local text = block(event, event.log and self.read(event.log), {
    width = (self.size()), here = self.here, state = self.state, links = self.links,
  })
  table.insert(self.failures, text)
  above(self, "\n" .. text)
end

function Tty:task_ended(event)
  if event.left then note_left(self, event) end
  ended(self, event, event.outcome == "failed", failure.block)
end

function Tty:task_checked(event)
  ended(self, event, event.outcome == "differs", checked.block)
end

function Tty:task_waiting(event)
  self:note {text = event.task .. " is being made by another build; waiting for it"}
end

function Tty:task_message(event)
  local line = format.message(event, self)
  if line then above(self, line) end
end

function Tty:task_progress(event)
  local task = self.running[event.task]
  if task then task.text = ("%d %%"):format(event.percent) end
end

function Tty:audit_finding(event)
  if self.quiet then return end
  above(self, format.finding(event, {width = (self.size()), here = self.here, links = self.links}))
end

function Tty:note(event)
  if not self.quiet then above(self, event.text .. "\n") end
end

function Tty:build_ended(event)
  self.ended = true
  if #self.failures > 1 or not self.last_is_failure then
    for _, block in ipairs(self.failures) do above(self, "\n" .. block) end
  end
  if not self.quiet or not event.ok then above(self, failure.summary(event)) end
end

local function by_age(running)
  local list = {}
  for name, task in pairs(running) do
    list[#list + 1] = {name = name, since = task.since, text = task.text}
  end
  table.sort(list, function(a, b)
    if a.since ~= b.since then return a.since < b.since end
    return a.name < b.name
  end)
  return list
end

-- Where there is little room, what is none and then what is cached goes.
local function head(self, count, now, width)
  local cached, failed = self.counts.cached or 0, self.counts.failed or 0
  local parts = {
    format.counter(self.done, math.max(self.total, self.done)) .. (" %d running"):format(count),
  }
  if width >= 50 then parts[#parts + 1] = ("%d cached"):format(cached) end
  if width >= 60 or failed > 0 then parts[#parts + 1] = ("%d failed"):format(failed) end
  parts[#parts + 1] = format.duration(now - self.started)
  local left = self.left and self.left - (now - self.left_at)
  if left and left >= 2 then parts[#parts + 1] = format.about(left) .. " left" end
  return table.concat(parts, " · ")
end

-- How many rows the footer takes now: it may have been drawn when the terminal was wider.
local function height(self)
  local columns, rows = (self.size()), 0
  for line in (self.shown .. "\n"):gmatch "([^\n]*)\n" do
    rows = rows + math.max(1, (format.width(line) + columns - 1) // columns)
  end
  return rows
end

-- What takes the footer away.
local function erase(self)
  if self.height == 0 then return "" end
  local rows = height(self)
  return "\r" .. (rows > 1 and ("\27[%dA"):format(rows - 1) or "") .. "\27[J"
end

--- The lines of the footer; none before the build starts and after it ended.
local function footer(self, now)
  if self.ended or not self.total then return {} end
  local columns, rows = self.size()
  local running = by_age(self.running)
  local lines = {format.fit(head(self, #running, now, columns), columns - 1)}
  local names = 0
  for _, task in ipairs(running) do names = math.max(names, format.width(task.name)) end
  names = math.min(names, math.max(10, columns // 2))
  for i = 1, math.min(#running, math.max(1, rows // 3 - 1)) do
    local task = running[i]
    local name = format.pad(format.fit(task.name, names), names)
    lines[#lines + 1] = format.fit(("  %s  %5s  %s"):format(name, format.clock(now - task.since),
      task.text), columns - 1)
  end
  return lines
end

--- Redraw when there is something new and the last time is long enough ago.
---@param at_once? boolean
function Tty:draw(at_once)
  local now = self.clock()
  if not at_once and now - self.drawn < interval then return end
  local lines = footer(self, now)
  local text = table.concat(lines, "\n")
  if #self.lines == 0 and text == self.shown then return end
  local out = {erase(self)}
  for _, line in ipairs(self.lines) do out[#out + 1] = line end
  out[#out + 1] = text
  self.lines, self.shown, self.height, self.drawn = {}, text, #lines, now
  self.write(table.concat(out))
end

--- Take one event.
---@param event table
function Tty:event(event)
  local method = self[event.event]
  if method then method(self, event) end
  self:draw(event.event == "build_ended")
end

--- The clocks of the footer go on while nothing happens.
function Tty:tick()
  self:draw()
end

--- Take the footer away for somebody else who writes; the next event draws it again.
function Tty:pause()
  self:draw(true)
  self.write(erase(self))
  self.shown, self.height = "", 0
end

--- Write what waits and take the footer away.
function Tty:close()
  self.ended = true
  self:draw(true)
end

---@param options moonsand.ShowOptions
---@return table listener
function M.new(options)
  return setmetatable({
    write = options.write, clock = options.clock, read = options.read, size = options.size,
    colour = options.colour or false, links = options.links, quiet = options.quiet,
    here = options.here, state = options.state,
    done = 0, started = options.clock(), drawn = -math.huge, height = 0, names = 18, shown = "",
    running = {}, counts = {}, lines = {}, failures = {},
  }, Tty)
end

return M
