--- Comments in functions say nothing to what runs them, so they are in no signature. Only whole
--- lines are taken out, and only where they can be nothing else; in doubt a line stays.
local mixed = require "moonsand.build.mixed"

local M = {}

-- A piece of shell that begins at `at`, closed on the same line: its end; nil when it is not.
local function substitution_end(line, at)
  for _, whole in ipairs {"%([^()'\"\\`]*%)", "%(%([^()'\"\\`]*%)%)", "{[^{}'\"\\`]*}"} do
    local after = line:match("^%$" .. whole .. "()", at)
    if after then return after end
  end
  if not line:find("^%$[({']", at) then return at + 1 end
end

local function double_quote_end(line, at)
  at = at + 1
  while at do
    at = line:find('["\\$`]', at)
    local c = at and line:sub(at, at)
    if c == '"' then return at + 1 end
    if c == "`" then return nil end
    at = c == "\\" and at + 2 or c and substitution_end(line, at)
  end
end

local pieces = {
  ["'"] = function(line, at) return line:match("^'[^']*'()", at) end,
  ['"'] = double_quote_end,
  ["\\"] = function(line, at) return at < #line and at + 2 or nil end,
  ["$"] = function(line, at)
    -- What a substitution opens here is commands again, with comments of their own.
    return line:match("^%$%(()[^(]", at) or substitution_end(line, at)
  end,
  ["<"] = function(line, at) return line:match("^<()[^<]", at) end,
  ["`"] = function() end,
}

-- Is nothing open at the end of a line of shell text? joined: it is more than one, with backslashes
-- between them; where a comment holds one, nobody joins.
local function shell_ends(line, joined)
  local at = 1
  while true do
    at = line:find("['\"\\$<`#]", at)
    if not at then return true end
    local c = line:sub(at, at)
    if c == "#" then
      if at == 1 or line:find("^[ \t;]", at - 1) and not line:find("^\\", at - 2) then
        return not joined
      end
      at = at + 1
    else
      at = pieces[c](line, at)
      if not at then return false end
    end
  end
end

-- Strings of several lines have triple quotes, or a backslash at a line's end.
local function python_ends(line)
  return not (line:find('"""', 1, true) or line:find("'''", 1, true) or line:find "\\$")
end

-- Long brackets; strings that go on behind a line's end.
local function lua_ends(line)
  return not (line:find "%[=*%[" or line:find "\\$" or line:find("\\z", 1, true))
end

local languages = {
  shell = {comment = "^[ \t]*#", goes_on = "^(.-)(\\+)$", ends = shell_ends},
  python = {comment = "^[ \t]*#", ends = python_ends},
  lua = {comment = "^[ \t]*%-%-", block = "^[ \t]*%-%-%[=*%[", ends = lua_ends},
}

-- The part of a line before a backslash at its end that joins it with the next one.
local function joining(line, language)
  if not language.goes_on then return nil end
  local before, backslashes = line:match(language.goes_on)
  return before and #backslashes % 2 == 1 and before .. backslashes:sub(2) or nil
end

-- A text without its comments, and these. After a line that may go on nothing is a comment.
local function split(text, language)
  local kept, taken, sure, open = {}, {}, true, nil
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    local block = language.block and line:find(language.block)
    if sure and not open and not block and line:find(language.comment) then
      taken[#taken + 1] = line
    else
      kept[#kept + 1] = line
      local before, whole = joining(line, language), (open or "") .. line
      if not before then sure = sure and language.ends(whole, open ~= nil) end
      open = before and (open or "") .. before
    end
  end
  return table.concat(kept, "\n"), table.concat(taken, "\n")
end

--- The text that a signature has of a function, without comments.
---@param d moonsand.recipe.Data
---@param name string
---@param text string   begins with the function's own, unexpanded
---@return string
function M.without(d, name, text)
  local raw = d:raw(name) or ""
  if text:sub(1, #raw) ~= raw then return text end
  local kind = mixed.language(d, name)
  local language = languages[kind]
  if not ("\n" .. raw):find("\n" .. language.comment:sub(2)) then return text end
  local kept, taken = split(raw, language)
  -- In what variables put there a quote may be open.
  if kind == "shell" and select(2, split(d:get(name) or "", language)) ~= taken then return text end
  return kept .. text:sub(#raw + 1)
end

return M
