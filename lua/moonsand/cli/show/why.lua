--- An explanation as lines: what differs, both values, both places, and the chain below it.
local format = require "moonsand.cli.show.format"
local text = require "moonsand.text"
local why = require "moonsand.build.why"

local M = {}

local VALUE <const> = 40 -- columns of a value
local LINES <const> = 8 -- of a function that changed

local names = {
  source = function(name) return name:match "^%l+ (.*)$" or name end,
  flag = function(name) return "[" .. name .. "]" end,
  host = function(name) return "host " .. name end,
  export = function(name) return "export " .. name end,
  order = function(name) return "place of " .. name end,
  value = function(name) return "value of " .. name end,
  fetch = function(name) return "URL of " .. name end,
}

local function name_of(change)
  local named = names[change.kind]
  return named and named(change.name) or change.name
end

local function set_of(words)
  local set = {}
  for _, word in ipairs(words) do set[word] = true end
  return set
end

-- "+-g -Os": which words of a list came and went; nil when it is the same words in another order.
local function words_changed(old, new)
  local before, after, list = text.words(old), text.words(new), {}
  local had, has = set_of(before), set_of(after)
  for _, word in ipairs(after) do
    if not had[word] then list[#list + 1] = "+" .. word end
  end
  for _, word in ipairs(before) do
    if not has[word] then list[#list + 1] = "-" .. word end
  end
  return #list > 0 and table.concat(list, " ") or nil
end

local function of_lines(changes)
  local added = 0
  for _, line in ipairs(changes) do
    if line:sub(1, 1) == "+" then added = added + 1 end
  end
  return ("+%d -%d lines"):format(added, #changes - added)
end

-- A change that is a link of the chain in more than one place is shown in full once.
local function shown(change, options)
  local key = table.concat({change.kind, change.name, change.old or "", change.new or ""}, "\0")
  local before = options.shown[key]
  options.shown[key] = true
  return before
end

-- The two cells of a value that differs, and lines that go below.
local function values(change, all)
  local old, new = change.old, change.new
  if not old then return new == "" and "new" or why.shorten(new, VALUE), "was not there" end
  if not new then return "gone", "was " .. why.shorten(old, VALUE) end
  if change.kind == "function" or old:find "\n" or new:find "\n" then
    local changes = text.changes(old, new)
    local cell, most = of_lines(changes), all and math.huge or LINES
    for i = #changes, most + 1, -1 do changes[i] = nil end
    return cell, "", changes
  end
  local words = old:find " " and math.max(#old, #new) > VALUE and words_changed(old, new)
  if words then return all and words or format.fit(words, 2 * VALUE), "" end
  local most = all and math.huge or VALUE
  return why.shorten(new, most), "was " .. why.shorten(old, most)
end

local function places(change, here)
  local new, old = format.below(change.where, here), format.below(change.old_where, here)
  if not new then return old and "was at " .. old or "" end
  return old and old ~= new and ("%s, was at %s"):format(new, old) or new
end

local function link_cells(link)
  if not link.new then return "not needed any more", "" end
  if not link.old then return "needed now", "" end
  return link.pending and "will run" or "new result",
    link.above and "see above" or link.because and "because" or "of what is not recorded any more"
end

local causes = {
  new = "it was not built before", asked = "it was asked for", always = "it always runs",
  gone = "its result was gone from the store", changed = "what it needs changed",
}

local function rows_of(explained, options)
  local rows = {}
  for _, change in ipairs(explained.changes) do
    if shown(change, options) then
      rows[#rows + 1] = {name_of(change), "see above", "", ""}
    else
      local new, old, below = values(change, options.all)
      rows[#rows + 1] = {name_of(change), new, old, places(change, options.here), below = below}
    end
  end
  for _, link in ipairs(explained.links) do
    local new, old = link_cells(link)
    rows[#rows + 1] = {link.task, new, old,
      not link.because and format.below(link.where, options.here) or "", link = link}
  end
  if #rows == 0 then rows[1] = {causes[explained.cause], "", "", ""} end
  return rows
end

local function draw(explained, indent, options, out)
  local rows, width = rows_of(explained, options), {0, 0, 0}
  for _, row in ipairs(rows) do
    for i = 1, 3 do width[i] = math.max(width[i], format.width(row[i])) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i = 1, 3 do
      if width[i] > 0 then cells[#cells + 1] = format.pad(row[i], width[i]) end
    end
    cells[#cells + 1] = row[4]
    out[#out + 1] = (indent .. format.plain(table.concat(cells, "  "))):gsub("%s+$", "")
    for _, line in ipairs(row.below or {}) do
      out[#out + 1] = indent .. "    " .. format.plain(line)
    end
    if row.link and row.link.because then draw(row.link.because, indent .. "  ", options, out) end
  end
end

local kinds = {
  {"variable", "variable"}, {"function", "function"}, {"source", "file"}, {"input", "task"},
}

local function same(explained)
  local list = {}
  for _, kind in ipairs(kinds) do
    local count = explained.same[kind[1]]
    if count then
      list[#list + 1] = ("%d %s%s"):format(count, kind[2], count == 1 and "" or "s")
    end
  end
  return #list > 0 and "same: " .. table.concat(list, ", ") or nil
end

--- "20 Nov 14:02", with the year when it is another one.
---@param time_ns integer
---@param now? integer   seconds
---@return string
function M.date(time_ns, now)
  local seconds = time_ns // 1000000000
  local year = os.date("%Y", seconds) ~= os.date("%Y", now)
  return (os.date(year and "%d %b %Y %H:%M" or "%d %b %H:%M", seconds):gsub("^0", ""))
end

local function last_line(explained)
  local parts = {same(explained)}
  if explained.old_time then
    parts[#parts + 1] = "compared with the result of " .. M.date(explained.old_time)
  elseif explained.time then
    parts[#parts + 1] = "decided " .. M.date(explained.time)
  end
  return #parts > 0 and table.concat(parts, " · ") or nil
end

local heads = {
  new = "%s %s because it was not built before", asked = "%s %s again because it was asked for",
  always = "%s %s again because it always runs",
  gone = "%s %s again because its result was gone from the store",
  changed = "%s %s again because",
}

--- The text of an explanation.
---@param explained moonsand.build.Explanation
---@param options {here?: string, all?: boolean, verb?: string}   `all`: nothing is shortened;
---  `verb`: "ran", or "will run"
---@return string
function M.text(explained, options)
  local out = {heads[explained.cause]:format(explained.task, options.verb or "ran")}
  options = {here = options.here, all = options.all, shown = {}}
  if #explained.changes + #explained.links > 0 then
    if explained.cause ~= "changed" then out[1] = out[1] .. "; besides" end
    draw(explained, "  ", options, out)
  end
  out[#out + 1] = last_line(explained)
  return table.concat(out, "\n") .. "\n"
end

local function value_lines(out, mark, value, where)
  out[#out + 1] = ("%s %s"):format(mark, where and "(" .. where .. ")" or "")
  for line in (value:gsub("\n$", "") .. "\n"):gmatch "([^\n]*)\n" do
    out[#out + 1] = "    " .. format.plain(line)
  end
end

local function whole(out, change, here)
  out[#out + 1] = ("%s %s"):format(change.kind, change.name)
  if change.old and change.new and (change.old .. change.new):find "\n" then
    out[#out + 1] = "  " .. places(change, here)
    for _, line in ipairs(text.changes(change.old, change.new)) do
      out[#out + 1] = "    " .. format.plain(line)
    end
    return
  end
  if change.old then
    value_lines(out, "  was", change.old, format.below(change.old_where, here))
  end
  if change.new then value_lines(out, "  is", change.new, format.below(change.where, here)) end
end

--- Two signatures: every entry that differs, in full, with both places.
---@param decision moonsand.build.Decision
---@param options {here?: string}
---@return string
function M.signatures(decision, options)
  local out = {}
  for _, change in ipairs(decision.changes) do whole(out, change, options.here) end
  for _, link in ipairs(decision.inputs) do
    out[#out + 1] = "input " .. link.task
    if link.old then value_lines(out, "  was", link.old) end
    if link.new then value_lines(out, "  is", link.new, format.below(link.where, options.here)) end
  end
  out[#out + 1] = last_line(decision)
  for i, line in ipairs(out) do out[i] = line:gsub("%s+$", "") end
  return table.concat(out, "\n") .. "\n"
end

return M
