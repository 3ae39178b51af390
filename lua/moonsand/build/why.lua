--- Why a task runs: what differs between two of its signatures, in words.
local signature = require "moonsand.build.signature"

local M = {}

local function shorten(text)
  text = text:gsub("%s+", " ")
  if text:find "^%x+$" and #text == 64 then return text:sub(1, 8) .. "…" end
  if #text > 60 then text = text:sub(1, 57) .. "…" end
  return '"' .. text .. '"'
end

local nouns = {
  input = "what %s made", source = "%s", variable = "%s", ["function"] = "function %s",
  host = "the host's %s", flag = "flag [%s]", layout = "the sandbox (%s)", export = "export of %s",
  order = "place of %s in SRC_URI", fetch = "%s", value = "%s", remove = "%s",
}

local function name_of(entry)
  return (nouns[entry.kind] or entry.kind .. " %s"):format(entry.name)
end

--- One difference as a clause.
---@param entry moonsand.build.Difference
---@return string
function M.clause(entry)
  local name = name_of(entry)
  if not entry.old then return name .. " is new" end
  if not entry.new then return name .. " is gone" end
  if entry.kind == "function" or entry.kind == "input" or entry.kind == "listing" then
    return name .. " changed"
  end
  return ("%s is %s, was %s"):format(name, shorten(entry.new), shorten(entry.old))
end

-- What a person changed comes first; that an input changed is only a consequence of it.
local weight = {variable = 1, value = 1, ["function"] = 1, source = 1, flag = 1, input = 3}

--- A sentence about two signature texts; nil when they are equal.
---@param old string
---@param new string
---@return string?
function M.sentence(old, new)
  local list = signature.difference(old, new)
  if #list == 0 then return nil end
  local best = list[1]
  for _, entry in ipairs(list) do
    if (weight[entry.kind] or 2) < (weight[best.kind] or 2) then best = entry end
  end
  local text = M.clause(best)
  if #list > 1 then text = ("%s, and %d more"):format(text, #list - 1) end
  return text
end

return M
