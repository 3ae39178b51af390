--- Why a task runs, found when it is decided and written down beside its log: what differs from
--- what the result before was made from, with both values and both places, and which tasks that it
--- needs came out anew. Their own decisions are the next links of the chain (explain.lua).
local core = require "moonsand.core"
local execute = require "moonsand.build.execute"
local intent = require "moonsand.build.intent"
local json = require "dkjson"
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"
local record = require "moonsand.build.record"
local signature = require "moonsand.build.signature"
local read = require("moonsand.text").read

local M = {}

---@class moonsand.build.Change            one entry of a signature that differs
---@field kind string
---@field name string
---@field old? string
---@field new? string
---@field where? string                    "file:line" of the new value
---@field old_where? string                of the old one

---@class moonsand.build.Link              a task that is needed, and is not what it was
---@field task string
---@field old? string                      its intent key then
---@field new? string                      its intent key now; nil: it is not needed any more
---@field where? string                    who says that it is needed
---@field pending? boolean                 whether its result differs is not known yet

---@class moonsand.build.Decision
---@field task string
---@field time integer                     nanoseconds of the wall clock
---@field cause "new"|"asked"|"always"|"gone"|"changed"
---@field new string                       intent key
---@field old? string                      that of the result it was compared with
---@field old_time? integer                when that result was made
---@field changes moonsand.build.Change[]
---@field inputs moonsand.build.Link[]
---@field same table<string, integer>      kind of entry -> how many are as they were

local key_order = {
  "task", "time", "cause", "new", "old", "old_time", "changes", "inputs", "same", "kind", "name",
  "where", "old_where",
}

--- The result with an intent key, as its record has it.
---@param store moonsand.Store
---@param key string
---@return moonsand.build.Record?
function M.known(store, key)
  local action = (store:record("intent", key) or ""):match "^(%x+)\n$"
  return action and record.decode(store:record("action", action))
end

local known = M.known

local function equal(a, b)
  if a.layer ~= b.layer then return false end
  for name, digest in pairs(a.trees) do
    if b.trees[name] ~= digest then return false end
  end
  for name in pairs(b.trees) do
    if not a.trees[name] then return false end
  end
  return true
end

local function needed(node, name)
  for _, edge in ipairs(node.needs) do
    if edge.node.name == name then return edge end
  end
end

-- A task that was made anew and came out the same is no reason for anything.
local function link_of(store, node, change)
  local name = multiconfig.absolute(node.recipe.configuration, change.name)
  local edge = needed(node, name)
  local link = {task = name, old = change.old, new = change.new,
    where = edge and node.graph:where(node, edge)}
  local now = edge and edge.node.record
  local before = change.old and known(store, change.old)
  if now and before and equal(now, before) then return nil end
  link.pending = edge and not now and edge.node.kind ~= "noexec" and edge.node.run or nil
  return link
end

-- The nodes whose layers are mounted, and are not those of the result before; the last one first.
local function mounted_anew(store, node, key)
  local action = (store:record("intent", key) or ""):match "^(%x+)\n$"
  local text = action and store:record("log", "signature." .. action)
  local before, list = text and signature.parse(text), {}
  for _, input in ipairs(before and node.mounted or {}) do
    if before["input\t" .. input.place] ~= input.digest then table.insert(list, 1, input.node) end
  end
  return list
end

-- The intent key that a task had when the result before was made: through what was needed then.
-- Each text has the names of the configuration that its task is of.
local function old_key(store, key, name, own, seen)
  local before = not seen[key] and intent.find(store, key)
  seen[key] = true
  if not before then return nil end
  local entries = signature.parse(before.text)
  local direct = entries["input\t" .. multiconfig.relative(own, name)]
  if direct then return direct end
  for entry, value in order.sorted(entries) do
    local input = entry:match "^input\t(.*)$"
    local theirs = input and multiconfig.split(multiconfig.absolute(own, input))
    local found = input and old_key(store, value, name, theirs, seen)
    if found then return found end
  end
end

local function contains(list, wanted)
  for _, node in ipairs(list) do
    if node == wanted then return true end
  end
  return false
end

-- Is a task explained by a link: is it that one, or does that one see it, too?
local function covered(node, links, wanted)
  for _, link in ipairs(links) do
    local edge = needed(node, link.task)
    local other = edge and edge.node or link.node
    if other and (other == wanted or contains(other.before, wanted)
      or contains(other.sysroots, wanted)) then
      return true
    end
  end
  return false
end

-- What is mounted anew although what is needed directly came out the same: the sysroots that the
-- tasks before see, too, and what was asked to run again and came out otherwise.
local function renewed(store, node, links, key)
  for _, other in ipairs(mounted_anew(store, node, key)) do
    if not covered(node, links, other) then
      local edge = needed(node, other.name)
      links[#links + 1] = {task = other.name, new = other.intent, node = other,
        old = old_key(store, key, other.name, node.recipe.configuration, {}) or other.intent,
        where = edge and node.graph:where(node, edge)}
    end
  end
  for _, link in ipairs(links) do link.node = nil end
end

-- The same before anything ran: what may come out otherwise.
local function stale(node, links)
  for _, edge in ipairs(node.needs) do
    local other = edge.node
    if other.stale and other.run then
      links[#links + 1] = {task = other.name, old = other.intent, new = other.intent,
        where = node.graph:where(node, edge), pending = true}
    end
  end
end

--- Sort what differs into changes of the task's own and links to what it needs.
---@param before moonsand.build.Intent
---@param after moonsand.build.Intent
---@param link fun(change: moonsand.build.Difference): moonsand.build.Link?
---@return {changes: moonsand.build.Change[], inputs: moonsand.build.Link[],
---  same: table<string, integer>}
function M.compare(before, after, link)
  local list, same = signature.difference(before.text, after.text)
  local found = {changes = {}, inputs = {}, same = same}
  for _, change in ipairs(list) do
    if change.kind == "input" then
      local one = link(change)
      if not one then same.input = (same.input or 0) + 1 end
      found.inputs[#found.inputs + 1] = one
    else
      found.changes[#found.changes + 1] = {
        kind = change.kind, name = change.name, old = change.old, new = change.new,
        where = after.places[change.entry], old_where = before.places[change.entry],
      }
    end
  end
  return found
end

local function made_at(store, key, path)
  local action = (store:record("intent", key) or ""):match "^(%x+)\n$"
  local st = action and core.stat(store:record_path("action", action)) or core.stat(path)
  return st and st.mtime_ns
end

local function cause_of(build, node, old, found)
  if build.forced[node.name] then return "asked" end
  if node.fresh then return "always" end
  if not old then return "new" end
  return #found.changes + #found.inputs > 0 and "changed" or "gone"
end

--- Why a node runs, compared with what its result in this build directory was made from.
---@param build moonsand.build.Builder
---@param node moonsand.build.Node   resolved
---@return moonsand.build.Decision
function M.of(build, node)
  local path = execute.path(build.directory, node, "signature")
  local text = read(path)
  local decision = {task = node.name, time = core.time_ns(), new = node.intent}
  local found = {changes = {}, inputs = {}, same = {}}
  if text then
    decision.old = core.sha256(text)
    decision.old_time = made_at(build.store, decision.old, path)
    local before = intent.find(build.store, decision.old) or {text = text, places = {}}
    found = M.compare(before, intent.of(node), function(change)
      return link_of(build.store, node, change)
    end)
    if node.mounted then
      renewed(build.store, node, found.inputs, decision.old)
    elseif #found.changes + #found.inputs == 0 then
      stale(node, found.inputs)
    end
  end
  for name, value in pairs(found) do decision[name] = value end
  decision.cause = cause_of(build, node, text, found)
  return decision
end

-- What the tasks need that came out the same although they ran again.
local function through(store, own, before, after, seen)
  local links = {}
  for _, change in ipairs((signature.difference(before.text, after.text))) do
    local task = multiconfig.absolute(own, change.name)
    if change.kind == "input" and change.old and change.new and not seen[task] then
      seen[task] = true
      local found = M.between(store, {task = task, old = change.old, new = change.new}, seen)
      for _, link in ipairs(found and found.inputs or {}) do links[#links + 1] = link end
    end
  end
  return links
end

--- What happened between two results of which only the intent keys are known; nil when the store
--- has not kept what they were made from.
---@param store moonsand.Store
---@param link moonsand.build.Link
---@param seen? table<string, boolean>   tasks that were looked through
---@return moonsand.build.Decision?
function M.between(store, link, seen)
  local before, after = intent.find(store, link.old), intent.find(store, link.new)
  if not before or not after then return nil end
  local own = multiconfig.split(link.task)
  local decision = M.compare(before, after, function(change)
    local old = change.old and known(store, change.old)
    local new = change.new and known(store, change.new)
    if old and new and equal(old, new) then return nil end
    return {task = multiconfig.absolute(own, change.name), old = change.old, new = change.new}
  end)
  if #decision.changes + #decision.inputs == 0 then
    decision.inputs = through(store, own, before, after, seen or {})
  end
  decision.task, decision.cause = link.task, "changed"
  decision.old, decision.new = link.old, link.new
  return decision
end

--- As it is kept.
---@param decision moonsand.build.Decision
---@return string
function M.encode(decision)
  local lists = {changes = setmetatable(decision.changes, {__jsontype = "array"}),
    inputs = setmetatable(decision.inputs, {__jsontype = "array"}),
    same = setmetatable(decision.same, {__jsontype = "object"})}
  for name, value in pairs(decision) do lists[name] = lists[name] or value end
  return json.encode(lists, {indent = true, keyorder = key_order}) .. "\n"
end

--- A decision from its text; nil when it is something else.
---@param text? string
---@return moonsand.build.Decision?
function M.decode(text)
  local value = text and json.decode(text)
  if type(value) ~= "table" or not (value.cause and value.changes and value.inputs) then
    return nil
  end
  return value
end

return M
