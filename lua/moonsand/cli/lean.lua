--- A parser of only those options that stand on the command line: a verb has dozens, a command line
--- two or three. What it cannot make sense of is left to the parser of all options.
local M = {}

--- An option that nobody has given takes what is said about it, and has no say in the result.
local absent = setmetatable({}, {
  __index = function(_, property)
    assert(property ~= "default" and property ~= "init", "an option with a value of its own")
    return function(self) return self end
  end,
})

--- "--env=A=B" -> "--env"
local function options_in(words)
  local set = {}
  for _, word in ipairs(words) do
    if word:sub(1, 1) == "-" then set[word:match "^[^=]+"] = true end
  end
  return set
end

--- `parser` for a verb to define its options on.
---@param parser table    of argparse
---@param words string[]
---@return table parser
function M.parser(parser, words)
  local present = options_in(words)
  local function add(kind)
    return function(_, names)
      for name in names:gmatch "%S+" do
        if present[name] then return parser[kind](parser, names) end
      end
      return absent
    end
  end
  local own = {option = add "option", flag = add "flag"}
  return setmetatable(own, {
    __index = function(_, name)
      return function(_, ...) return parser[name](parser, ...) end
    end,
  })
end

return M
