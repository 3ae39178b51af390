--- References that can be read off a text without expanding it: every `${` in it begins a
--- `${NAME}`, and no value that is put in their place brings another reference, or completes one.
--- Most texts of recipes are of this kind, and most of them stand in many recipes.
local M = {}

local byte, find, gmatch, gsub = string.byte, string.find, string.gmatch, string.gsub

local BRACE <const> = 123
local MOST <const> = 4 << 20 -- bytes of texts that are remembered

local known, held = {}, 0

-- The names that a text refers to, each once, sorted; false when it is of another kind.
local function read(text)
  if find(text, "$${", 1, true) then return false end
  local names, seen, references = {}, {}, 0
  for name, after in gmatch(text, "%${([%w%-_+./~:]+)}()") do
    if byte(text, after) == BRACE then return false end
    references = references + 1
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  if select(2, gsub(text, "%${", "")) ~= references then return false end
  table.sort(names)
  return names
end

local function remembered(text)
  local names = known[text]
  if names == nil then
    names, held = read(text), held + #text
    if held > MOST then known, held = {}, #text end
    known[text] = names
  end
  return names
end

-- Can a text stand beside others, so that no reference is made of them?
local function stands_alone(text)
  return not find(text, "^{") and not find(text, "%$$")
end

-- Is the value of a name without references? `settled` remembers the answers for one store.
local function is_settled(d, name, settled)
  local answer = settled[name]
  if answer ~= nil then return answer end
  settled[name] = false -- who needs itself is told so when it is expanded
  local raw = d:raw(name)
  if type(raw) ~= "string" then return false end
  local names = stands_alone(raw) and not d.filters[name:match "^[^:]*"] and remembered(raw)
  answer = names ~= false
  for _, each in ipairs(names or {}) do answer = answer and is_settled(d, each, settled) end
  if not answer then
    local value = d:get(name)
    answer = type(value) == "string" and stands_alone(value) and not find(value, "${", 1, true)
  end
  settled[name] = answer
  return answer
end

--- The names that a text refers to, sorted, as expanding finds them; nil: only that can tell.
---@param d moonsand.recipe.Data
---@param text string
---@param name? string                        the variable whose value this is
---@param settled table<string, boolean>      empty at first, one for all questions to a store
---@return string[]? names   not to be changed
function M.names(d, text, name, settled)
  local names = remembered(text)
  if not names then return nil end
  for _, each in ipairs(names) do
    if each == name then return nil end
    if not is_settled(d, each, settled) and d:raw(each) ~= nil then return nil end
  end
  return names
end

return M
