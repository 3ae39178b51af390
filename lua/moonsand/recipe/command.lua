--- Command words of a shell text: what it calls, found without running it.
local M = {}

local find, match, sub, byte = string.find, string.match, string.sub, string.byte

---@class moonsand.recipe.Commands
---@field called table<string, boolean>    command words
---@field defined table<string, boolean>   functions that the text itself defines

-- After these the next word is a command again.
local openers = {
  ["if"] = true, ["then"] = true, ["else"] = true, ["elif"] = true, ["fi"] = true, ["do"] = true,
  ["done"] = true, ["while"] = true, ["until"] = true, ["!"] = true, ["{"] = true, ["}"] = true,
  ["esac"] = true, ["time"] = true,
}

local scan

-- The end of `${...}` that begins at `at`; substitutions inside count.
local function parameter_end(found, text, at)
  at = at + 2
  while at <= #text do
    local stop = find(text, "[}'\"\\$`]", at)
    if not stop then return #text + 1 end
    local c = byte(text, stop)
    if c == 125 then return stop + 1 end
    if c == 92 then
      at = stop + 2
    elseif c == 39 then
      -- An odd quote, as in ${x%'}, ends nothing.
      local close = find(text, "'", stop + 1, true)
      local brace = find(text, "}", stop + 1, true)
      at = close and brace and close < brace and close + 1 or stop + 1
    elseif c == 34 then
      at = stop + 1
    else
      at = M.substitution(found, text, stop)
    end
  end
  return #text + 1
end

-- The end of `((...))` whose first parenthesis is at `at`.
local function arithmetic_end(text, at)
  local _, last = find(text, "^%b()", at)
  return (last or #text) + 1
end

--- What begins with `$` or a backquote at `at`: commands inside are collected; where it ends.
---@param found moonsand.recipe.Commands
---@param text string
---@param at integer
---@return integer
function M.substitution(found, text, at)
  if byte(text, at) == 96 then
    local stop = at + 1
    while true do
      stop = find(text, "[`\\]", stop)
      if not stop then return #text + 1 end
      if byte(text, stop) == 96 then break end
      stop = stop + 2
    end
    scan(found, (sub(text, at + 1, stop - 1):gsub("\\([\\`$])", "%1")), 1, false)
    return stop + 1
  end
  local two = sub(text, at + 1, at + 1)
  if two == "(" then
    if sub(text, at + 2, at + 2) == "(" then
      local stop = arithmetic_end(text, at + 1)
      if sub(text, stop - 2, stop - 1) == "))" then return stop end
    end
    return scan(found, text, at + 2, true)
  elseif two == "{" then
    return parameter_end(found, text, at)
  end
  return at + 1
end

-- The end of a double-quoted piece that begins at `at`.
local function quoted_end(found, text, at)
  at = at + 1
  while true do
    local stop = find(text, '["\\$`]', at)
    if not stop then return #text + 1 end
    local c = byte(text, stop)
    if c == 34 then return stop + 1 end
    at = c == 92 and stop + 2 or c ~= 92 and M.substitution(found, text, stop)
  end
end

--- The end of the word that begins at `at`.
local function word_end(found, text, at)
  while true do
    at = match(text, "^[^ \t\r\n;&|<>()$`'\"\\]*()", at) or #text + 1
    local c = byte(text, at)
    if c == 39 then
      at = (find(text, "'", at + 1, true) or #text) + 1
    elseif c == 34 then
      at = quoted_end(found, text, at)
    elseif c == 92 then
      at = math.min(at + 2, #text + 1)
    elseif c == 36 or c == 96 then
      at = math.min(M.substitution(found, text, at), #text + 1)
    else
      return at
    end
  end
end

-- Here-documents that wait for the end of the line; returns the line after them.
local function skip_documents(found, text, at, waiting)
  for _, document in ipairs(waiting) do
    local start = at
    while at <= #text do
      local stop = find(text, "\n", at, true) or #text + 1
      local line = sub(text, at, stop - 1)
      if document.tabs then line = line:gsub("^\t+", "") end
      local ended = line == document.word
      if ended and not document.quoted then
        local body, from = sub(text, start, at - 1), 1
        while from <= #body do
          local special = find(body, "[\\$`]", from)
          if not special then break end
          from = byte(body, special) == 92 and special + 2 or M.substitution(found, body, special)
        end
      end
      at = stop + 1
      if ended then break end
    end
  end
  return at
end

-- `<`, `>` and their kin at `at`: where they end, and the document they announce.
local function redirection(found, text, at)
  local tabs, after = match(text, "^<<(%-?)()", at)
  if tabs and sub(text, at, at + 2) ~= "<<<" then
    local from = match(text, "^[ \t]*()", after)
    local stop = word_end(found, text, from)
    local word = sub(text, from, stop - 1)
    local plain = word:gsub("[\\'\"]", "")
    return stop, {word = plain, tabs = tabs == "-", quoted = plain ~= word}
  end
  return match(text, "^[<>]+[&|]?%-?()", at)
end

-- `for NAME in words`: only substitutions count, up to the end of the command.
local function for_words(found, text, at)
  while true do
    at = match(text, "^[ \t]*()", at)
    local c = byte(text, at)
    if c == nil or c == 10 or c == 59 or c == 41 then return at end
    if c == 92 and byte(text, at + 1) == 10 then
      at = at + 2
    elseif c == 40 then
      at = arithmetic_end(text, at)
    else
      local stop = word_end(found, text, at)
      at = stop > at and stop or at + 1
    end
  end
end

-- A pattern of `case`, up to its closing parenthesis; nil when `esac` comes.
local function case_pattern(found, text, at)
  while true do
    local after = match(text, "^[%s;]*#[^\n]*()", at)
    if not after then break end
    at = after
  end
  at = match(text, "^[%s;]*()", at)
  if find(text, "^esac%f[^%w_]", at) or at > #text then return nil, at + 4 end
  if byte(text, at) == 40 then at = at + 1 end
  while at <= #text do
    local c = byte(text, at)
    if c == 41 then return true, at + 1 end
    local stop = word_end(found, text, at)
    at = stop > at and stop or at + 1
  end
  return nil, at
end

-- The text of eval's arguments, without their quotes.
local function evaluated(text, at, stop)
  local words = sub(text, at, stop - 1)
  return (words:gsub("\\(.)", "%1"):gsub("['\"]", ""))
end

local function end_of_command(text, at)
  return find(text, "[\n;]", at) or #text + 1
end

local handlers = {}

function handlers.case(found, text, at)
  local from = match(text, "^%s*()", at)
  local stop = word_end(found, text, from)
  return match(text, "^%s*in%f[^%w_]()", stop) or stop, "case"
end

handlers["for"] = function(found, text, at)
  return for_words(found, text, at)
end

handlers.select = handlers["for"]

function handlers.eval(found, text, at)
  scan(found, evaluated(text, at, end_of_command(text, at)), 1, false)
  return at, "argument"
end

handlers["function"] = function(found, text, at)
  local name, after = match(text, "^[ \t]+([%w_.+%-]+)[ \t]*%(?[ \t]*%)?()", at)
  if name then found.defined[name] = true end
  return after or at
end

-- One word in command position: returns where to go on and the state after it.
local function command_word(found, text, at, stop)
  local word = sub(text, at, stop - 1)
  if openers[word] then return stop end
  if handlers[word] then return handlers[word](found, text, stop) end
  if find(word, "^[%a_][%w_]*%+?=") then return stop end
  local after = match(text, "^[ \t]*%([ \t]*%)()", stop)
  if after then
    found.defined[word] = true
    return after
  end
  if byte(word, 1) ~= 36 and byte(word, 1) ~= 96 then found.called[word] = true end
  return stop, "argument"
end

-- Operators other than a newline at `at`; changes the stack of open constructs.
local function operator(text, at, c, open)
  if c == 59 and find(text, "^;;&?", at) and open[#open] == "case" then
    return at + 2, "pattern"
  elseif c == 40 then
    if byte(text, at + 1) == 40 then
      local stop = arithmetic_end(text, at)
      if sub(text, stop - 2, stop - 1) == "))" then return stop end
    end
    open[#open + 1] = "group"
  elseif c == 41 then
    if open[#open] == "group" then
      open[#open] = nil
    elseif #open == 0 then
      return nil
    end
  end
  return at + 1
end

--- Scan commands from `at`; when `inside`, up to the parenthesis that closes a substitution.
scan = function(found, text, at, inside)
  local open, waiting, state, redirected = {}, {}, nil, false
  while at <= #text do
    if state == "pattern" then
      local more
      more, at = case_pattern(found, text, at)
      if not more then open[#open] = nil end
      state = nil
    end
    at = match(text, "^[ \t\r]*()", at) or #text + 1
    local c = byte(text, at)
    if c == nil then break end
    if c == 10 then
      at, state, redirected = at + 1, nil, false
      if #waiting > 0 then at, waiting = skip_documents(found, text, at, waiting), {} end
    elseif c == 35 then
      at = find(text, "\n", at, true) or #text + 1
    elseif c == 92 and byte(text, at + 1) == 10 then
      at = at + 2
    elseif c == 60 or c == 62 then
      local document
      at, document = redirection(found, text, at)
      if document then waiting[#waiting + 1] = document else redirected = true end
    elseif c == 59 or c == 38 or c == 124 or c == 40 or c == 41 then
      local after
      after, state = operator(text, at, c, open)
      if not after then
        if inside then return at + 1 end
        after = at + 1
      end
      at, redirected = after, false
    else
      local number = match(text, "^%d+()[<>]", at)
      local stop = number or word_end(found, text, at)
      if number then
        at = number
      elseif redirected then
        at, redirected = stop, false
      elseif state == "argument" then
        at = stop
      elseif open[#open] == "case" and sub(text, at, stop - 1) == "esac" then
        open[#open] = nil
        at = stop
      else
        at, state = command_word(found, text, at, stop)
        if state == "case" then
          open[#open + 1] = "case"
          state = "pattern"
        end
      end
    end
  end
  return at
end

local MOST <const> = 4 << 20 -- bytes of texts that are remembered

local known, held = {}, 0

--- The command words of a shell text. The answer is not to be changed.
---@param text string
---@return moonsand.recipe.Commands
function M.words(text)
  local found = known[text]
  if found then return found end
  found = {called = {}, defined = {}}
  scan(found, text, 1, false)
  for name in pairs(found.defined) do found.called[name] = nil end
  held = held + #text
  if held > MOST then known, held = {}, #text end
  known[text] = found
  return found
end

return M
