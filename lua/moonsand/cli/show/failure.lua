--- What is shown when a task failed: the command, the lines that matter, what to type next.
local format = require "moonsand.cli.show.format"

local M = {}

--- Lines that look like the reason of a failure. `Error ` is make's, `E: ` is apt's.
local patterns = {
  "%f[%w][Ee]rror:", "%f[%w]ERROR", "%f[%w]Error %d", "%f[%w][Ff]atal", "undefined reference",
  "multiple definition of", "No such file", "not found$", "cannot find", "Permission denied",
  "No rule to make target", "Segmentation fault", "^E: ",
}

local context = 2 -- lines around a line that matters
local most = 24 -- lines of a block

local function matters(line, more)
  for _, list in ipairs {patterns, more} do
    for _, pattern in ipairs(list) do
      local ok, found = pcall(string.find, line, pattern)
      if ok and found then return true end
    end
  end
  return false
end

--- The lines of a text, without colours and control characters; the last may lack its newline.
---@param text string
---@return string[]
function M.lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    line = format.plain(line:match("([^\r]*)\r*$"))
    if line:find("%S") then list[#list + 1] = line end
  end
  return list
end

--- Which lines stay: true for each line near one that matters; the numbers of those that matter.
local function mark(lines, more)
  local kept, count = {}, 0
  for i, line in ipairs(lines) do
    if matters(line, more) then
      for near = math.max(1, i - context), math.min(#lines, i + context) do
        if not kept[near] then count = count + 1 end
        kept[near] = true
      end
    end
  end
  return kept, count
end

--- Too many: the first ones name the cause, the last ones say where it ended.
local function thin(kept, count, last_line)
  local drop, seen = count - most, 0
  local first = most * 2 // 3
  for i = 1, last_line do
    if kept[i] then
      seen = seen + 1
      if seen > first and seen <= first + drop then kept[i] = nil end
    end
  end
end

--- Pick the lines of a log that say what went wrong, with some context; else its tail.
---@param text string   the log
---@param more? string[]   patterns besides those that are known here
---@return string[] picked   `…` stands where lines are left out between two picked ones
---@return integer total    lines in the log
function M.pick(text, more)
  local lines = M.lines(text)
  local kept, count = mark(lines, more)
  if count == 0 then
    return table.move(lines, math.max(1, #lines - most // 2 + 1), #lines, 1, {}), #lines
  end
  if count > most then thin(kept, count, #lines) end
  local picked, last = {}, nil
  for i, line in ipairs(lines) do
    if kept[i] then
      if last and last < i - 1 then picked[#picked + 1] = "…" end
      picked[#picked + 1], last = line, i
    end
  end
  return picked, #lines
end

--- "exit 2", "signal KILL", or the message when there was no command.
local function reason(event)
  if event.signal then return "signal " .. event.signal end
  if event.exit_code then return ("exit %d"):format(event.exit_code) end
  return event.message or "no reason is known"
end

local function command_line(event, width)
  local command = format.plain((event.command:match("[^\n]*")))
  if event.command:find("\n.*%S") then command = command .. " …" end
  return format.edges("    " .. command, event.cwd and "in " .. event.cwd, width)
end

--- What to do next: the words to type, and what one gets.
local function next_steps(event, total, options)
  local steps = {}
  if event.hint then steps[#steps + 1] = {event.hint} end
  local state = options.state and ("--state %s "):format(options.state) or ""
  local function offer(verb, what)
    steps[#steps + 1] = {("moonsand %-5s %s%s"):format(verb, state, event.task), what}
  end
  if event.log then
    offer("log", format.link(("%d line%s"):format(total, total == 1 and "" or "s"), event.log,
      options.links))
  end
  if event.kept then offer("shell", "the sandbox as it stopped") end
  if event.why then offer("why", "what made it run") end
  local width = 0
  for _, step in ipairs(steps) do
    if step[2] then width = math.max(width, format.width(step[1])) end
  end
  for i, step in ipairs(steps) do
    steps[i] = "  " .. (step[2] and format.pad(step[1], width + 6) .. step[2] or step[1])
  end
  return steps
end

--- The part between the head and the next steps; empty when the head says it all.
local function body(event, picked, width)
  local out = {}
  if event.command then out[1] = command_line(event, width) end
  if event.command or event.exit_code or event.signal then
    for _, line in ipairs(picked) do out[#out + 1] = "  │ " .. format.fit(line, 400) end
    for line in (event.message or ""):gmatch("[^\n]+") do out[#out + 1] = "  " .. line end
  end
  return out
end

--- The block for one failed task.
---@param event moonsand.build.Event   `task_ended`
---@param log? string       the text of its log
---@param options {width: integer, here?: string, state?: string, links?: boolean}   columns; the
---  directory that paths are shown without; the value of `--state`; does the terminal know links?
---@return string
function M.block(event, log, options)
  local width = math.min(options.width, 80)
  local head = ("%s failed after %s: %s"):format(event.task,
    format.duration(event.seconds or 0), reason(event))
  local place = format.below(event.where, options.here)
  local out = {format.edges(head, place, width)}
  if place then
    out[1] = out[1]:sub(1, -#place - 1) .. format.link(place, event.where, options.links)
  end
  local picked, total = M.pick(log or "", event.patterns)
  local steps = next_steps(event, total, options)
  for _, part in ipairs {body(event, picked, width), steps} do
    if #part > 0 then
      out[#out + 1] = ""
      table.move(part, 1, #part, #out + 1, out)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

-- "7 run once more: 6 the same, 1 differs, 0 excused"
local function checks(counts)
  local same, differs, excused = counts.same, counts.differs, counts.excused
  if not same then return "" end
  return ("%d run once more: %d the same, %d differ%s, %d excused\n"):format(
    same + differs + excused, same, differs, differs == 1 and "s" or "", excused)
end

--- "127 tasks: 86 ok, 40 cached, 1 failed, 0 not started in 1m12s"
---@param event moonsand.build.Event   `build_ended`
---@return string
function M.summary(event)
  local counts = event.counts or {}
  local ok, cached, skipped = counts.ok or 0, counts.cached or 0, counts.skipped or 0
  local failed, left = counts.failed or 0, counts.not_started or 0
  local total = ok + cached + skipped + failed + left
  return ("%d task%s: %d ok, %d cached, %s%d failed, %d not started in %s\n"):format(total,
    total == 1 and "" or "s", ok, cached, skipped > 0 and skipped .. " not needed, " or "",
    failed, left, format.duration(event.seconds or 0)) .. checks(counts)
end

return M
