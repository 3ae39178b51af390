--- How times, names and lines of foreign text look on a screen.
local M = {}

--- "2.1s", "1m12s", "2h05m".
---@param seconds number
---@return string
function M.duration(seconds)
  if seconds < 59.95 then return ("%.1fs"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 3600 then return ("%dm%02ds"):format(whole // 60, whole % 60) end
  return ("%dh%02dm"):format(whole // 3600, whole % 3600 // 60)
end

--- "0:41", "12:03": a running clock.
---@param seconds number
---@return string
function M.clock(seconds)
  local whole = math.floor(seconds)
  return ("%d:%02d"):format(whole // 60, whole % 60)
end

local heads = {plain = "", warn = "warning: ", error = "error: "}
local tints = {warn = "bold", error = "red"}

--- What a task says, as a line for the screen; nil when that is for its log only.
---@param event moonsand.build.Event   `task_message`
---@param options {quiet?: boolean, colour?: boolean}
---@return string?
function M.message(event, options)
  local head = heads[event.level]
  if not head then return nil end
  if options.quiet and event.level ~= "error" then return nil end
  local text = ("%s%s: %s"):format(head, event.task, M.plain((event.text:gsub("%s+$", ""))))
  local tint = tints[event.level]
  return (tint and M.colour(text, tint, options.colour) or text) .. "\n"
end

--- What an audit found: a sentence with its place, and what to do about it.
---@param event moonsand.build.Event   `audit_finding`
---@param options {width: integer, here?: string, links?: boolean}
---@return string
function M.finding(event, options)
  local place = M.below(event.where, options.here)
  local text = M.edges("audit: " .. M.plain(event.text), place, math.min(options.width, 80))
  if place then
    text = text:sub(1, -#place - 1) .. M.link(place, event.where, options.links)
  end
  return ("%s\n    %s\n"):format(text, M.plain(event.fix))
end

--- "[ 41/128]"
---@param done integer
---@param total integer
---@return string
function M.counter(done, total)
  local width = #tostring(total)
  return ("[%s%d/%d]"):format((" "):rep(width - #tostring(done)), done, total)
end

--- How many columns a text takes: its characters, when it is UTF-8.
---@param text string
---@return integer
function M.width(text)
  return utf8.len(text) or #text
end

--- The text and spaces up to a width.
---@param text string
---@param width integer
---@return string
function M.pad(text, width)
  return text .. (" "):rep(width - M.width(text))
end

--- Foreign text as one line without control characters and colours; stray bytes become `?`.
---@param text string
---@return string
function M.plain(text)
  text = text:gsub("\27%[[%d;?]*%a", ""):gsub("\t", " "):gsub("%c", "")
  while true do
    local length, at = utf8.len(text)
    if length then return text end
    text = text:sub(1, at - 1) .. "?" .. text:sub(at + 1)
  end
end

--- At most `width` columns; what is cut ends in `…`.
---@param text string
---@param width integer
---@return string
function M.fit(text, width)
  if M.width(text) <= width then return text end
  if width < 1 then return "" end
  local stop = utf8.offset(text, width)
  return text:sub(1, (stop or width) - 1) .. "…"
end

--- Two texts on one line, the second one at the right edge.
---@param left string
---@param right? string
---@param width integer
---@return string
function M.edges(left, right, width)
  if not right then return left end
  local gap = math.max(2, width - M.width(left) - M.width(right))
  return left .. (" "):rep(gap) .. right
end

--- About how long: "~40s", "~2m", "~1h10m".
---@param seconds number
---@return string
function M.about(seconds)
  if seconds < 55 then return ("~%ds"):format(math.max(5, (seconds + 2.5) // 5 * 5)) end
  local minutes = math.tointeger((seconds + 30) // 60)
  if minutes < 60 then return ("~%dm"):format(minutes) end
  return ("~%dh%02dm"):format(minutes // 60, minutes % 60)
end

--- The text as a link to a file, for terminals that know links.
---@param text string
---@param path? string   "/x/y", "/x/y:12"
---@param on? boolean
---@return string
function M.link(text, path, on)
  if not on or not path or path:sub(1, 1) ~= "/" then return text end
  local url = path:gsub(":%d+$", ""):gsub("[^%w/._~-]", function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return ("\27]8;;file://%s\27\\%s\27]8;;\27\\"):format(url, text)
end

--- A path, without the directory that one is in.
---@param path? string
---@param here? string
---@return string?
function M.below(path, here)
  if path and here and path:sub(1, #here + 1) == here .. "/" then return path:sub(#here + 2) end
  return path
end

local colours = {red = "\27[31m", green = "\27[32m", dim = "\27[2m", bold = "\27[1m"}

--- The text in a colour, when colours are on.
---@param text string
---@param name "red"|"green"|"dim"|"bold"
---@param on boolean
---@return string
function M.colour(text, name, on)
  if not on then return text end
  return colours[name] .. text .. "\27[0m"
end

return M
