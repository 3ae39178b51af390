--- How a value looks at the prompt: short, sorted, and never deeper than a screen can hold.
local order = require "moonsand.order"

local M = {}

local most = 40 -- entries of one table
local width = 76 -- what fits on one line

local quoted = {["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\"}

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127]', function(char)
    return quoted[char] or ("\\x%02x"):format(char:byte())
  end) .. '"'
end

local function key_text(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
  return "[" .. (type(key) == "string" and quote(key) or tostring(key)) .. "]"
end

--- Only numbers and strings can be sorted; other keys are shown by their count.
local function sortable(value)
  local copy, others = {}, 0
  for key, part in pairs(value) do
    if type(key) == "string" or type(key) == "number" then
      copy[key] = part
    else
      others = others + 1
    end
  end
  return copy, others
end

local show

local function entries(value, depth, seen)
  local list, count = {}, 0
  local copy, others = sortable(value)
  for key, part in order.sorted(copy) do
    count = count + 1
    if count <= most then
      local text = show(part, depth + 1, seen)
      local positional = math.type(key) == "integer" and key == count
      list[#list + 1] = positional and text or key_text(key) .. " = " .. text
    end
  end
  if count > most then list[#list + 1] = ("… %d more"):format(count - most) end
  if others > 0 then list[#list + 1] = ("… %d other keys"):format(others) end
  return list
end

local function show_table(value, depth, seen)
  if seen[value] then return "{…}" end
  if depth > 2 then return next(value) == nil and "{}" or "{…}" end
  seen[value] = true
  local list = entries(value, depth, seen)
  seen[value] = nil
  local line = "{" .. table.concat(list, ", ") .. "}"
  if #line <= width - 2 * depth and not line:find("\n") then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(list, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

function show(value, depth, seen)
  if type(value) == "string" then
    if depth == 0 and value:find("\n") then return value end
    return quote(value)
  end
  local meta = getmetatable(value)
  if type(value) == "table" and not (type(meta) == "table" and meta.__tostring) then
    return show_table(value, depth, seen)
  end
  return tostring(value)
end

--- "16 KB"
---@param bytes integer
---@return string
function M.size(bytes)
  if bytes < 1000 then return ("%d B"):format(bytes) end
  for _, unit in ipairs {"KB", "MB", "GB"} do
    bytes = bytes / 1000
    if bytes < 999.5 or unit == "GB" then
      return (bytes < 9.95 and "%.1f %s" or "%.0f %s"):format(bytes, unit)
    end
  end
end

-- What a program said, of which the result at the prompt keeps both streams: the last lines.
local function said(text, name)
  if type(text) ~= "string" or text == "" then return "" end
  local lines = {}
  for line in text:gsub("\n$", ""):gmatch "([^\n]*)\n?" do lines[#lines + 1] = line end
  local first = math.max(1, #lines - most + 1)
  local before = first > 1 and ("… %d lines before, all in _.%s\n"):format(first - 1, name) or ""
  return before .. table.concat(lines, "\n", first) .. "\n"
end

--- The value as text. A text with several lines is shown as it is, the result of a sandbox after
--- what its program said, everything else as Lua.
---@param value any
---@return string
function M.text(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) == "table" and meta.__name == "moonsand.sandbox.Result" then
    return said(value.stdout, "stdout") .. said(value.stderr, "stderr") .. tostring(value)
  end
  return show(value, 0, {})
end

return M
