-- What two stores came to that were filled by the same build in two places: `make clones`.
--
--   lua5.4 spec/support/clones.lua STORE STORE
--
-- Every task must have one result in each, with the same key and the same digests. What differs is
-- printed: first the tasks that were made from the same and came out otherwise, and how; then those
-- that differ because of them.
local clue = require "moonsand.build.clue"
local contrast = require "moonsand.layer.contrast"
local core = require "moonsand.core"
local order = require "moonsand.order"
local record = require "moonsand.build.record"
local signature = require "moonsand.build.signature"

local MOST <const> = 10 -- paths of a task that are named

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

-- Every file of a directory of records: its key -> its text.
local function files(directory)
  local list = {}
  for _, shard in ipairs(core.readdir(directory) or {}) do
    for _, name in ipairs(core.readdir(directory .. "/" .. shard) or {}) do
      list[shard .. name] = read(("%s/%s/%s"):format(directory, shard, name))
    end
  end
  return list
end

local function open(store)
  local self = {path = store, tasks = {}, intents = {}, owner = {}}
  for _, text in pairs(files(store .. "/ac")) do
    local one = record.decode(text:sub(66)) -- without the seal
    if one then
      assert(not self.tasks[one.task], one.task .. " has two results in " .. store)
      self.tasks[one.task] = one
    end
  end
  for key, text in pairs(files(store .. "/ik")) do
    local action = text:sub(66):match "^(%x+)\n$"
    if action then self.intents[key] = action end
  end
  for _, uid in ipairs(core.readdir(store .. "/layers") or {}) do self.uid = uid end
  return self
end

local function layer(store, digest)
  local place = ("%s/layers/%s/%s/%s"):format(store.path, store.uid, digest:sub(1, 2),
    digest:sub(3))
  return {text = read(place .. "/manifest") or "", path = place .. "/t"}
end

local function signature_of(store, action)
  return read(("%s/logs/%s"):format(store.path, ("signature." .. action):gsub("^(..)", "%1/")))
end

local function say(text, ...) print(text:format(...)) end

local function show_layers(a, b, one, other)
  local list = contrast.list(layer(a, one.layer), layer(b, other.layer))
  for i, change in ipairs(list) do
    if i > MOST then return say("    and %d more", #list - MOST) end
    say("    %s: %s%s, %s and %s", change.path, change.what,
      change.offset and (" from byte %d on"):format(change.offset) or "", change.old, change.new)
    if change.old_bytes then
      local at = math.min(change.offset, contrast.AROUND) + 1
      say("      %s\n      %s", clue.piece(change.old_bytes, at), clue.piece(change.new_bytes, at))
    end
  end
end

local function differs(one, other)
  if one.layer ~= other.layer then return "layer" end
  for name, digest in pairs(one.trees) do
    if other.trees[name] ~= digest then return "tree " .. name end
  end
  for name in pairs(other.trees) do
    if not one.trees[name] then return "tree " .. name end
  end
  if table.concat(one.over, " ") ~= table.concat(other.over, " ") then return "the layers below" end
end

-- Other keys: only because of other layers below, or for a reason of their own?
local function own_reason(a, b, one, other)
  local list = signature.difference(signature_of(a, one.action) or "",
    signature_of(b, other.action) or "")
  local own = {}
  for _, change in ipairs(list) do
    if change.kind ~= "input" then own[#own + 1] = change end
  end
  return own
end

local a, b = open(arg[1]), open(arg[2])
local equal, other_result, other_key, inherited, alone = 0, 0, 0, 0, 0
local names = {}
for name in pairs(a.tasks) do names[name] = true end
for name in pairs(b.tasks) do names[name] = true end
for name in order.sorted(names) do
  local one, other = a.tasks[name], b.tasks[name]
  if not one or not other then
    alone = alone + 1
    say("%s has no result in %s", name, one and b.path or a.path)
  elseif one.action ~= other.action then
    local own = own_reason(a, b, one, other)
    if #own > 0 then other_key = other_key + 1 else inherited = inherited + 1 end
    for _, change in ipairs(own) do
      say("%s has another key: %s %s\n    %s\n    %s", name, change.kind, change.name, change.old,
        change.new)
    end
  elseif differs(one, other) then
    other_result = other_result + 1
    say("%s was made from the same and came out otherwise: %s", name, differs(one, other))
    if one.layer ~= other.layer then show_layers(a, b, one, other) end
  else
    equal = equal + 1
  end
end
local intents, other_intents = 0, 0
for key in pairs(a.intents) do
  intents = intents + 1
  if not b.intents[key] then other_intents = other_intents + 1 end
end
for key in pairs(b.intents) do
  if not a.intents[key] then other_intents = other_intents + 1 end
end
say("%d tasks: %d with equal keys, layers and trees; %d with another result, %d with a key that " ..
  "differs by itself, %d because of those; %d in one store only", #order.keys(names), equal,
  other_result, other_key, inherited, alone)
say("%d intent keys, %d of them in one store only", intents, other_intents)
os.exit(equal == #order.keys(names) and equal > 0 and other_intents == 0)
