--- What is shown of a task that came out otherwise when it was run once more: the paths that
--- differ, where, both values, and what that looks like.
local failure = require "moonsand.cli.show.failure"
local format = require "moonsand.cli.show.format"

local M = {}

--- The colours of outcomes.
M.tints = {ok = "green", failed = "red", cached = "dim", skipped = "dim", same = "green",
  differs = "red", excused = "dim"}

local MOST <const> = 10 -- paths

local words = {mode = "mode", target = "link to", owner = "owner", device = "device",
  names = "hard link to", opaque = "hides what is below", type = "kind"}

local function value(one)
  return one == nil and "none" or format.plain(tostring(one))
end

-- "content, from byte 1834 of 118747 on"
local function what(one)
  if one.what == "first" or one.what == "second" then
    return ("%s only in the %s result"):format(one.old or one.new, one.what)
  elseif one.what == "content" then
    local size = one.old == one.new and value(one.old)
      or ("%s and %s"):format(value(one.old), value(one.new))
    return one.offset and ("byte %d of %s"):format(one.offset + 1, size) or "content, " .. size
  elseif one.what == "attribute" then
    return ("attribute %s: %s and %s"):format(value(one.name), value(one.old), value(one.new))
  end
  return ("%s %s and %s"):format(words[one.what] or one.what, value(one.old), value(one.new))
end

local function add_difference(out, one, width)
  out[#out + 1] = format.edges("    " .. format.plain(one.path), what(one), width)
  for _, text in ipairs {one.old_text or false, one.new_text or false} do
    if text then out[#out + 1] = "      " .. format.fit(format.plain(text), width - 6) end
  end
  for _, clue in ipairs(one.clues or {}) do
    out[#out + 1] = "      → " .. format.plain(clue)
  end
end

local function differences(event, width)
  local out, list = {}, event.differences
  for i = 1, math.min(#list, MOST) do add_difference(out, list[i], width) end
  local more = event.count - math.min(#list, MOST)
  if more > 0 then out[#out + 1] = ("    and %d more"):format(more) end
  return out
end

-- The second run did not end well; the first one did.
local function failed(event, log)
  local out = {}
  if event.command then out[1] = "    " .. format.plain((event.command:match "[^\n]*")) end
  for _, line in ipairs((failure.pick(log or ""))) do out[#out + 1] = "  │ " .. line end
  for line in (event.message or ""):gmatch "[^\n]+" do out[#out + 1] = "  " .. line end
  return out
end

local function next_steps(event, options)
  local out = {}
  local function offer(name, text)
    if text then out[#out + 1] = format.pad("  " .. name, 16) .. text end
  end
  offer("second result", format.link(event.kept, event.kept, options.links))
  offer("second log", format.link(event.log, event.log, options.links))
  offer("excuse it", ('do_%s[unreproducible] = "why"'):format(event.task:match "([^:]*)$"))
  return out
end

--- The block for one task that came out otherwise.
---@param event moonsand.build.Event   `task_checked`, differs
---@param log? string    the text of the log of the second run
---@param options {width: integer, here?: string, links?: boolean}
---@return string
function M.block(event, log, options)
  local width = math.min(options.width, 80)
  local how = event.differences and "came out otherwise" or "failed"
  local head = ("%s is not reproducible: run once more, it %s"):format(event.task, how)
  local out = {head, "  " .. (format.below(event.where, options.here) or "")}
  local middle = event.differences and differences(event, width) or failed(event, log)
  for _, part in ipairs {middle, next_steps(event, options)} do
    out[#out + 1] = ""
    table.move(part, 1, #part, #out + 1, out)
  end
  return table.concat(out, "\n") .. "\n"
end

return M
