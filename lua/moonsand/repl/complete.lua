--- What the word before the cursor could be: a command, a name, a field of a live object, a path
--- inside of a sandbox or outside.
local box = require "moonsand.repl.box"
local command = require "moonsand.repl.command"
local core = require "moonsand.core"
local order = require "moonsand.order"

local M = {}

local keywords = {"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto",
  "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"}

--- Those of the names that begin with a prefix, sorted, each once.
local function matching(names, prefix)
  local set = {}
  for _, name in ipairs(names) do
    if type(name) == "string" and name:sub(1, #prefix) == prefix then set[name] = true end
  end
  return order.keys(set)
end

--- The names that a value answers to: its own, and those of what it inherits from.
local function names_of(value, seen)
  local meta = type(value) == "string" and getmetatable "" or getmetatable(value)
  local list, own = {}, type(meta) == "table" and rawget(meta, "__names")
  if own then return own(value) end
  if type(value) == "table" then
    for key in pairs(value) do
      if type(key) == "string" and key:find "^[%a_][%w_]*$" then list[#list + 1] = key end
    end
  end
  local parent = type(meta) == "table" and rawget(meta, "__index")
  seen[value] = true
  if type(parent) == "table" and not seen[parent] then
    local more = names_of(parent, seen)
    table.move(more, 1, #more, #list + 1, list)
  end
  return list
end

--- The value of `a.b["c"].d`, without calling anything but what an index calls.
local function value_of(scope, path)
  local value = scope
  for dot, name in path:gmatch "([.:]?)([^.:]+)" do
    if dot == "" and value ~= scope then return nil end
    local ok, next_value = pcall(function() return value[name] end)
    if not ok or next_value == nil then return nil end
    value = next_value
  end
  return value
end

local function fields(session, path, sep, prefix)
  local value = value_of(session.scope, path)
  if value == nil then return {} end
  local list = matching(names_of(value, {}), prefix)
  if sep == "." then return list end
  local functions = {}
  for _, name in ipairs(list) do
    local ok, field = pcall(function() return value[name] end)
    if ok and type(field) == "function" then functions[#functions + 1] = name end
  end
  return functions
end

local function globals(session, prefix)
  local list = names_of(session.scope, {})
  for name in pairs(session.scope) do list[#list + 1] = name end
  table.move(keywords, 1, #keywords, #list + 1, list)
  return matching(list, prefix)
end

--- Paths below a directory; `list` gives its names, those of directories with a slash.
local function paths(word, list)
  local directory, prefix = word:match "^(.*/)([^/]*)$"
  directory, prefix = directory or "", prefix or word
  local found = {}
  for i, name in ipairs(matching(list(directory) or {}, prefix)) do found[i] = directory .. name end
  return found
end

local function outside_names(directory)
  local base, names = directory == "" and "." or directory, {}
  for i, name in ipairs(core.readdir(base) or {}) do
    local st = core.stat(base .. "/" .. name, "follow")
    names[i] = name .. (st and st.type == "directory" and "/" or "")
  end
  return names
end

local function inside_names(one)
  return function(directory)
    if directory:sub(1, 1) ~= "/" then
      directory = (one.options.cwd or "/work") .. "/" .. directory
    end
    return (box.list(one, directory))
  end
end

--- The open string that the text ends in: what is before its quote, and what is in it.
local function open_string(text)
  local quote, at
  local i = 1
  while i <= #text do
    local char = text:sub(i, i)
    if quote then
      if char == "\\" then
        i = i + 1
      elseif char == quote then
        quote = nil
      end
    elseif char == "'" or char == '"' then
      quote, at = char, i
    end
    i = i + 1
  end
  if quote then return text:sub(1, at - 1), text:sub(at + 1) end
end

local function recipes(session, prefix)
  local config = session:configuration()
  local name = prefix:match "^([^:]*):"
  if not name then return matching(config:names(), prefix) end
  local ok, found = pcall(session.outside.recipe, config, name)
  if not ok then return {} end
  local list = {}
  for i, task in ipairs(found.tasks) do list[i] = name .. ":" .. task.name:gsub("^do_", "") end
  return matching(list, prefix)
end

-- What is asked for by what stands before the string.
local function in_string(session, before, content)
  local call = before:match "([%a_][%w_]*)%s*%(?%s*$"
  if call == "recipe" or call == "build" then
    local list = paths(content, outside_names)
    local more = recipes(session, content)
    return table.move(more, 1, #more, #list + 1, list), content
  elseif call == "layer" then
    return matching(session.world:store():pins(), content), content
  end
  local word = content:match "[^%s=:;|&<>()'\"]*$"
  local object = before:match "([%a_][%w_%.]*):[%a_][%w_]*%s*%(?%s*{?[^'\"]*$"
  local one = object and value_of(session.scope, object)
  if box.is(one) and not one.closed then return paths(word, inside_names(one)), word end
  return paths(word, outside_names), word
end

local function boxes(session, prefix)
  local list = {}
  for name, value in pairs(session.scope) do
    if box.is(value) then list[#list + 1] = name end
  end
  return matching(list, prefix)
end

local takes_box = {diff = true, shell = true, fork = true, freeze = true}

local function in_command(session, text)
  local name, words = text:match "^%s*:(%S*)%s+(.*)$"
  if not name then
    local prefix = text:match "^%s*:(%S*)$"
    return matching(command.names(session), prefix), prefix
  end
  local word = words:match "%S*$"
  if name == "help" then
    local names = command.names(session)
    table.move({"sandbox", "layer", "recipe", "build"}, 1, 4, #names + 1, names)
    return matching(names, word), word
  elseif word:sub(1, 1) == "-" then
    return matching(session.outside.options(name), word), word
  end
  local list = takes_box[name] and boxes(session, word) or {}
  if name == "where" and word:find "[.]" then return M.expression(session, word) end
  if name ~= "freeze" and name ~= "fork" then
    local more = recipes(session, word)
    table.move(more, 1, #more, #list + 1, list)
  end
  return list, word
end

--- Names and fields for the end of an expression.
---@param session moonsand.Session
---@param text string
---@return string[] candidates
---@return string word   what they complete
function M.expression(session, text)
  local path = text:match "[%a_][%w_%.:]*$"
  if not path then return {}, "" end
  local head, sep, word = path:match "^(.*)([.:])([%w_]*)$"
  if not head then return globals(session, path), path end
  return fields(session, head, sep, word), word
end

--- What could stand for the word before the cursor.
---@param session moonsand.Session
---@param text string
---@return string[] candidates   sorted
---@return string word           what they complete
function M.candidates(session, text)
  if not session:continues() and text:find "^%s*:" then return in_command(session, text) end
  local before, content = open_string(text)
  if before then return in_string(session, before, content) end
  return M.expression(session, text)
end

local function common_prefix(list)
  local prefix = list[1]
  for _, name in ipairs(list) do
    while name:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

--- Names in columns, as ls has them.
---@param list string[]
---@param width integer
---@return string
function M.columns(list, width)
  local longest = 0
  for _, name in ipairs(list) do longest = math.max(longest, utf8.len(name) or #name) end
  local columns = math.max(1, (width + 1) // (longest + 2))
  local rows, lines = (#list + columns - 1) // columns, {}
  for row = 1, rows do
    local parts = {}
    for i = row, #list, rows do
      local gap = longest + 2 - (utf8.len(list[i]) or #list[i])
      parts[#parts + 1] = list[i] .. (i + rows > #list and "" or (" "):rep(gap))
    end
    lines[row] = table.concat(parts) .. "\n"
  end
  return table.concat(lines)
end

local MOST <const> = 200 -- names that are shown

--- For `editor:read`: what to insert, and what to show.
---@param session moonsand.Session
---@param before string
---@param width integer   of the terminal
---@return string? insert
---@return string? show
function M.complete(session, before, width)
  if not before:find "%S" then return "  " end -- a tab at the beginning of a line indents
  local list, word = M.candidates(session, before)
  if #list == 0 then return nil end
  local more = common_prefix(list):sub(#word + 1)
  if more ~= "" then return more end
  if #list == 1 then return nil end
  for i, name in ipairs(list) do list[i] = name:match "([^/]+/?)$" or name end
  local shown = table.move(list, 1, math.min(#list, MOST), 1, {})
  local text = M.columns(shown, width)
  if #list > MOST then text = text .. ("… and %d more\n"):format(#list - MOST) end
  return nil, text
end

return M
