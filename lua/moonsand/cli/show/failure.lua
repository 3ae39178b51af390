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

local function matters(line)
  for _, pattern in ipairs(patterns) do
    if line:find(pattern) then return true end
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
local function mark(lines)
  local kept, count = {}, 0
  for i, line in ipairs(lines) do
    if matters(line) then
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
---@return string[] picked   `…` stands where lines are left out between two picked ones
---@return integer total    lines in the log
function M.pick(text)
  local lines = M.lines(text)
  local kept, count = mark(lines)
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

--- The block for one failed task.
---@param event table       the `task_ended` event
---@param log? string       the text of its log
---@param width integer     columns
---@return string
function M.block(event, log, width)
  width = math.min(width, 80)
  local head = ("%s failed after %s: %s"):format(event.task, format.duration(event.seconds or 0),
    reason(event))
  local out = {format.edges(head, event.where, width), ""}
  if event.command then out[#out + 1] = command_line(event, width) end
  local picked, total = M.pick(log or "")
  for _, line in ipairs(picked) do out[#out + 1] = "  │ " .. format.fit(line, 400) end
  if event.message and (event.exit_code or event.signal) then
    for line in event.message:gmatch("[^\n]+") do out[#out + 1] = "  " .. line end
  end
  if out[#out] ~= "" then out[#out + 1] = "" end
  local keep = #event.task
  if event.log then
    out[#out + 1] = ("  less %s      %d lines"):format(event.log, total)
  end
  if event.kept then
    out[#out + 1] = ("  moonsand shell %s      the sandbox as it stopped"):format(
      format.pad(event.task, keep))
  end
  return table.concat(out, "\n") .. "\n"
end

--- "127 tasks: 86 ok, 40 cached, 1 failed, 0 not started in 1m12s"
---@param event table   the `build_ended` event
---@return string
function M.summary(event)
  local counts = event.counts or {}
  local ok, cached = counts.ok or 0, counts.cached or 0
  local failed, left = counts.failed or 0, counts.not_started or 0
  local total = ok + cached + failed + left
  return ("%d task%s: %d ok, %d cached, %d failed, %d not started in %s\n"):format(total,
    total == 1 and "" or "s", ok, cached, failed, left, format.duration(event.seconds or 0))
end

return M
