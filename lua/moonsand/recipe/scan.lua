--- Text of a metadata file -> statements: plain records with the file and the line they came from.
-- One pass, one pattern a statement; what a statement does is decided in `parse`.
local fault = require "moonsand.fault"

local M = {}

local find, match, sub, gsub, byte = string.find, string.match, string.sub, string.gsub, string.byte

---@alias moonsand.recipe.Kind
---| "set" | "function" | "def" | "include" | "include_all" | "inherit" | "inherit_defer"
---| "export" | "unset" | "export_functions" | "addtask" | "deltask" | "addhandler"
---| "addpylib" | "addfragments" | "warning"

---@class moonsand.recipe.Statement
---@field kind moonsand.recipe.Kind
---@field file string
---@field line integer       where the logical line ended; of a function, its header
---@field name? string       variable, function or class
---@field flag? string
---@field operator? string   the operator as written, or what the statement does to the variable
---@field text? string       the value, the body, or the words after the keyword
---@field export? boolean
---@field language? "shell"|"python"|"lua"
---@field fakeroot? boolean
---@field anonymous? boolean
---@field after? string      addtask
---@field before? string     addtask

local function refuse(message, file, line, hint, reason)
  local where = ("%s:%d"):format(file, line)
  fault.throw("recipe", message, {where = where, hint = hint, reason = reason or "parse"})
end

-- The line as BitBake's messages quote it.
local function quoted(line)
  return "'" .. line .. "'"
end

--- Trailing blanks never count. The usual line has none, so look before matching.
local function stripped(line)
  local length = #line
  local last = byte(line, length)
  if not last or last > 32 then return line end
  while last and (last == 32 or last >= 9 and last <= 13) do
    length = length - 1
    last = length > 0 and byte(line, length)
  end
  return sub(line, 1, length)
end

-- Where each operator ends a name that was matched greedily: `A+="x"` is `A` `+=`.
local glued = {[":"] = ":=", ["+"] = "+=", ["."] = ".="}

-- A quoted value that holds exactly one more quote of its own kind is refused: three in all.
local three_single, three_double = "^'[^']*'[^']*'$", '^"[^"]*"[^"]*"$'

--- The part after the operator: the value, and whether a blank came first; nil when it is no value.
local function value_of(rest)
  local blank, quote, text = match(rest, "^(%s*)(['\"])(.*)%2$")
  if not quote then return nil end
  local whole = #blank == 0 and rest or sub(rest, #blank + 1)
  if find(whole, quote == "'" and three_single or three_double) then return nil end
  return text, #blank > 0
end

-- Longest first: `??=` before `?=`.
local function operator_at(line, at)
  local operator = match(line, "^%?%?=", at) or match(line, "^[:?+.]=", at) or
    match(line, "^=[+.]", at)
  if operator then
    local text, blank = value_of(sub(line, at + #operator))
    if text then return operator, text, blank end
  end
  if byte(line, at) == 61 then
    local text, blank = value_of(sub(line, at + 1))
    if text then return "=", text, blank end
  end
end

--- name, flag, operator, text, spaced; nil when the line is no assignment.
local function assignment(line, from)
  local name, at = match(line, "^([%w%-_+.${}/~:]*)()", from)
  local flag, after_flag = match(line, "^%[([%w%-_+.][%w%-_+.@/]*)%]()", at)
  if flag then at = after_flag end
  local start = match(line, "^%s*()", at)
  if start == at and not flag then
    local last = glued[sub(name, -1)]
    if last and byte(line, at) == 61 then
      local text, blank = value_of(sub(line, at + 1))
      if text then return sub(name, 1, -2), nil, last, text, false, blank end
    end
  end
  local operator, text, blank = operator_at(line, start)
  if operator then return name, flag, operator, text, start > at, blank end
end

local function scan_assignment(line, file, number, out)
  local from = match(line, "^export%s+()")
  local name, flag, operator, text, before, after = assignment(line, from or 1)
  if not name then return false end
  if name == "" then
    refuse("Empty variable name in assignment: " .. quoted(line), file, number,
      "put the variable's name before the operator")
  end
  if not (before and after) then
    local warnings = out.warnings or {}
    out.warnings = warnings
    warnings[#warnings + 1] = {
      kind = "warning", file = file, line = number,
      text = ("%s:%d has a lack of whitespace around the assignment: '%s'"):format(file, number,
        line),
    }
  end
  out[#out + 1] = {
    kind = "set", name = name, flag = flag, operator = operator, text = text,
    export = from and true or nil, file = file, line = number,
  }
  return true
end

local name_class = "([%w%-_+.${}/~]+)"
local unset_flag = "^unset%s+" .. name_class .. "%[([%w%-_+.][%w%-_+.@]+)%]$"

-- Statements that every file may hold, by their first word.
local config_words = {
  include = "^include%s+(.+)", require = "^require%s+(.+)", include_all = "^include_all%s+(.+)",
  addpylib = "^addpylib%s+(.+%s+.+)", addfragments = "^addfragments%s+(.+%s+.+%s+.+)",
}

local function scan_config(line, file, number, out)
  if scan_assignment(line, file, number, out) then return end
  local word = match(line, "^[%a_]+")
  local pattern = word and config_words[word]
  local text = pattern and match(line, pattern)
  if text then
    out[#out + 1] = {kind = word, text = text, file = file, line = number}
    return
  end
  if word == "export" then
    local name = match(line, "^export%s+" .. name_class .. "$")
    if name then
      out[#out + 1] = {kind = "export", name = name, flag = "export", operator = "export",
        text = "1", file = file, line = number}
      return
    end
  elseif word == "unset" then
    local name, flag = match(line, "^unset%s+" .. name_class .. "$"), nil
    if not name then name, flag = match(line, unset_flag) end
    if name then
      out[#out + 1] = {kind = "unset", name = name, flag = flag, operator = "unset", text = "",
        file = file, line = number}
      return
    end
  end
  refuse("unparsed line: " .. quoted(line), file, number, M.advice(line))
end

--- A hint for a line that is no statement.
---@param line string
---@return string
function M.advice(line)
  if find(line, "^%s+[%w#]") then return "statements and comments begin in the first column" end
  if find(line, "^[%w%-_+.${}/~:]+%s*%(%s*%)$") then
    return "the opening brace of a function belongs on this line: name() {"
  end
  local head = match(line, "^[%w%-_+.${}/~:]+%s*[:?+.]*=[+.]?%s*")
  if head then
    local rest = sub(line, #head + 1)
    if find(rest, "^['\"]") and find(rest, "['\"]%s*#") then
      return "a comment needs a line of its own"
    end
    if find(rest, "^['\"]") then
      return "a value ends with the quote it began with, and cannot hold exactly one more of them"
    end
    return "put the value in quotes"
  end
  return "a statement is NAME = \"value\", a function, or begins with a keyword " ..
    "(include, require, inherit, addtask, ...)"
end

-- The pieces of a text between the separators, which are plain text.
local function pieces(text, separator)
  local list, at = {}, 1
  while true do
    local first, last = find(text, separator, at, true)
    list[#list + 1] = sub(text, at, (first or #text + 1) - 1)
    if not first then return list end
    at = last + 1
  end
end

-- What follows `word` in "T... before X... after Y...", up to the other word. When the two words
-- take turns, BitBake glues the last name of one turn to the first of the next; so do we.
local function following(text, word, other)
  local all = {}
  for _, part in ipairs(pieces(text, other)) do
    local list = pieces(part, word)
    all[#all + 1] = table.concat(list, " ", 2)
  end
  return table.concat(all)
end

-- The first word that holds a piece.
local function word_with(line, piece)
  if not find(line, piece, 1, true) then return nil end
  for word in line:gmatch("%S+") do
    if find(word, piece, 1, true) then return word end
  end
end

local function scan_addtask(line, text, file, number)
  local bad = word_with(line, ":append_") or word_with(line, ":prepend_") or
    word_with(line, ":remove_")
  if bad then
    refuse(("task name '%s' contains a keyword"):format(bad), file, number, "rename the task")
  end
  return {
    kind = "addtask", name = pieces(pieces(text, " before ")[1], " after ")[1],
    after = following(text, " after ", " before "), before = following(text, " before ", " after "),
    file = file, line = number,
  }
end

-- Statements of the recipe reader, by their first word; each returns a record.
local recipe_words = {
  EXPORT_FUNCTIONS = {"^EXPORT_FUNCTIONS%s+(.+)", "export_functions"},
  deltask = {"^deltask%s+([^#\n]+)", "deltask"},
  addhandler = {"^addhandler%s+(.+)", "addhandler"},
  inherit = {"^inherit%s+(.+)", "inherit"},
  inherit_defer = {"^inherit_defer%s+(.+)", "inherit_defer"},
}

--- The header of a function: name (nil: anonymous), language, fakeroot; false when it is none.
local function header(line)
  local head = byte(line, -1) == 123 and match(line, "^(.-)%s*%(%s*%)%s*{$")
  if not head then return false end
  local language, fakeroot = "shell", nil
  while true do
    local rest = match(head, "^python%s+(.*)$") or head == "python" and ""
    if rest then
      language, head = "python", rest
    else
      rest = match(head, "^lua%s+(.*)$") or head == "lua" and ""
      if rest then
        language, head = "lua", rest
      else
        rest = match(head, "^fakeroot%s+(.*)$")
        if not rest then break end
        fakeroot, head = true, rest
      end
    end
  end
  if head ~= "" and not find(head, "^[%w_.%-+{}$:]+$") then return false end
  return true, head ~= "" and head or nil, language, fakeroot
end

local function count_lines(text)
  local _, n = gsub(text, "\n", "\n")
  return n
end

--- The body of a function that starts at `at`; text, lines in it, and where the file goes on.
local function body_of(text, at, file, number)
  local first, last = find(text, "^}[^%S\n]*\n?", at)
  if not first or not (sub(text, last, last) == "\n" or last == #text) then
    first, last = find(text, "\n}[^%S\n]*\n", at)
    if not first then first, last = find(text, "\n}[^%S\n]*$", at) end
  else
    return "", 0, last + 1
  end
  if not first then
    local hint = ("close the function of line %d with a '}' alone in the first column"):format(
      number)
    if at > #text then refuse("a function that is never closed", file, number, hint) end
    local rest = gsub(sub(text, at), "[^%S\n]+\n", "\n")
    local lines = {}
    for each in rest:gmatch("[^\n]+") do lines[#lines + 1] = each end
    local end_line = number + count_lines(sub(text, at)) + (byte(text, -1) == 10 and 1 or 2)
    refuse(("Unparsed lines from unclosed function %s: ['%s']"):format(file,
      table.concat(lines, "', '")), file, end_line, hint)
  end
  local body = sub(text, at, first)
  if find(body, "[^%S\n]\n") then body = gsub(body, "[^%S\n]+\n", "\n") end
  return body, count_lines(body), last + 1
end

--- The body of `def`: lines that are indented, empty or begin with `#`.
local function def_of(text, at, line)
  local lines = {line}
  while at <= #text do
    local stop = find(text, "\n", at, true)
    local each = stripped(sub(text, at, (stop or #text + 1) - 1))
    if each ~= "" and not find(each, "^[%s#]") then break end
    lines[#lines + 1] = each
    at = stop and stop + 1 or #text + 1
  end
  return table.concat(lines, "\n"), at, #lines - 1
end

--- One logical line of a recipe, class, include or append. Returns where to go on, and its line.
local function scan_recipe_line(state, line, at, number)
  local file, out = state.file, state.out
  if byte(line, -1) == 123 then -- {
    local is, name, language, fakeroot = header(line)
    if is then
      local body, lines, next_at = body_of(state.text, at, file, number)
      if name == "__anonymous" then name = nil end
      local anonymous = name == nil
      if anonymous and language == "shell" then language = "python" end
      out[#out + 1] = {
        kind = "function", name = name, language = language, fakeroot = fakeroot, text = body,
        anonymous = anonymous or nil, operator = "=", file = file, line = number,
      }
      return next_at, number + lines + 1
    end
  end
  local word = match(line, "^[%a_]+")
  if word == "def" then
    local name = match(line, "^def%s+([%w_]+).*:")
    if name then
      local body, next_at, lines = def_of(state.text, at, line)
      out[#out + 1] = {kind = "def", name = name, language = "python", text = body,
        operator = "=", file = file, line = number}
      return next_at, number + lines
    end
  elseif word == "addtask" then
    local text = match(line, "^addtask%s+([^#\n]+)")
    if text then
      out[#out + 1] = scan_addtask(line, text, file, number)
      return at, number
    end
  else
    local entry = word and recipe_words[word]
    local text = entry and match(line, entry[1])
    if text then
      out[#out + 1] = {kind = entry[2], name = word == "EXPORT_FUNCTIONS" and state.class or nil,
        text = text, file = file, line = number}
      return at, number
    end
  end
  scan_config(line, file, number, out)
  return at, number
end

-- A comment goes on in comments only. Within a statement a line with # is text in a .conf file, and
-- refused elsewhere.
local function check_comment(state, comment, hash, line, first_line, number)
  if comment and not hash then
    refuse("a multiline comment that is followed by something else", state.file, first_line,
      "begin every line of it with '#', or end the comment without a backslash", "syntax")
  elseif hash and not comment and not state.config then
    refuse(("a comment in the middle of a multiline expression: '%s'"):format(line), state.file,
      number, "move the comment above the statement", "syntax")
  end
end

-- A continued line: join what follows.
local function continued(state, line, at, number)
  local text, file = state.text, state.file
  local parts, first_line = {}, number
  local comment = byte(line, 1) == 35
  while byte(line, -1) == 92 do -- backslash
    parts[#parts + 1] = sub(line, 1, -2)
    if at > #text and not state.config then
      refuse(("Unparsed lines %s: ['%s']"):format(file, table.concat(parts, "', '")), file,
        number + 1, "the last line ends in a backslash: remove it, or add the line that is missing")
    end
    local stop = find(text, "\n", at, true)
    line = stripped(sub(text, at, (stop or #text + 1) - 1))
    at = stop and stop + 1 or #text + 1
    number = number + 1
    check_comment(state, comment, byte(line, 1) == 35, line, first_line, number)
  end
  parts[#parts + 1] = line
  return table.concat(parts), at, number
end

--- Scan the text of a file.
---@param text string
---@param file string        the name used in messages and statements
---@return moonsand.recipe.Statement[]
function M.scan(text, file)
  local extension = match(file, "%.(%w+)$")
  local config = extension == "conf"
  local state = {
    text = text, file = file, out = {}, config = config,
    class = extension == "bbclass" and match(file, "([^/]*)%.bbclass$") or nil,
  }
  local at, number, length = 1, 0, #text
  while at <= length do
    local stop = find(text, "\n", at, true)
    local line = stripped(sub(text, at, (stop or length + 1) - 1))
    at = stop and stop + 1 or length + 1
    number = number + 1
    if byte(line, -1) == 92 then line, at, number = continued(state, line, at, number) end
    local first = byte(line, 1)
    if first and first ~= 35 then -- neither empty nor a comment
      if config then
        scan_config(line, file, number, state.out)
      else
        at, number = scan_recipe_line(state, line, at, number)
      end
    end
  end
  local out, warnings = state.out, state.out.warnings
  if not warnings then return out end
  out.warnings = nil -- they come before anything happens
  return table.move(out, 1, #out, #warnings + 1, warnings)
end

return M
