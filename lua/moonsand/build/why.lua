--- Why a task runs, in words: one clause for each thing that differs, one sentence for a decision.
local M = {}

--- A value as a person reads it: short, on one line, quoted unless it is a digest.
---@param text string
---@param most? integer   characters; 60 unless given
---@return string
function M.shorten(text, most)
  most = most or 60
  if text:find "^%x+$" and #text == 64 then return text:sub(1, 8) .. "…" end
  text = text:gsub("%s+", " "):gsub("%f[%w]%x+%f[%W]", function(word)
    return #word == 64 and word:sub(1, 8) .. "…" or nil
  end)
  if (utf8.len(text) or #text) > most then
    text = text:sub(1, (utf8.offset(text, most - 2) or most - 2) - 1) .. "…"
  end
  return '"' .. text .. '"'
end

local nouns = {
  source = "%s", variable = "%s", ["function"] = "function %s", host = "the host's %s",
  flag = "flag [%s]", layout = "the sandbox (%s)", export = "export of %s",
  order = "place of %s in SRC_URI", fetch = "%s", value = "value of %s",
}

--- What an entry of a signature is called.
---@param entry {kind: string, name: string}
---@return string
function M.name(entry)
  return (nouns[entry.kind] or entry.kind .. " %s"):format(entry.name)
end

--- One difference as a clause.
---@param entry moonsand.build.Change
---@return string
function M.clause(entry)
  local name = M.name(entry)
  if not entry.old then return name .. " is new" end
  if not entry.new then return name .. " is gone" end
  if entry.kind == "function" or entry.kind == "listing" then return name .. " changed" end
  return ("%s is %s, was %s"):format(name, M.shorten(entry.new), M.shorten(entry.old))
end

-- Of what changed, what a person wrote says more than what follows from it.
local weight = {variable = 1, value = 2, ["function"] = 1, source = 1, flag = 1}

local function heaviest(changes)
  local best = changes[1]
  for _, entry in ipairs(changes) do
    if (weight[entry.kind] or 3) < (weight[best.kind] or 3) then best = entry end
  end
  return best
end

local causes = {
  new = "not built yet", asked = "asked for", always = "it always runs",
  gone = "its result is gone from the store",
}

local function link_clause(link)
  if not link.new then return link.task .. " is not needed any more" end
  if not link.old then return link.task .. " is needed now" end
  return link.task .. (link.pending and " runs" or " came out anew")
end

--- A decision as a sentence.
---@param decision moonsand.build.Decision
---@return string
function M.sentence(decision)
  if causes[decision.cause] then return causes[decision.cause] end
  local count = #decision.changes + #decision.inputs
  local text = #decision.changes > 0 and M.clause(heaviest(decision.changes))
    or link_clause(decision.inputs[1])
  if count > 1 then text = ("%s, and %d more"):format(text, count - 1) end
  return text
end

return M
