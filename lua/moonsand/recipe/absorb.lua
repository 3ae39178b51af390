--- A store takes in what is in its parent, and stands upon the one below: a recipe without variants
--- needs one store, not two, in each of which every task had its record. This is a method of the
--- datastore (data.lua).
---@class moonsand.recipe.Data
local Data = {}

-- Tables that every store has; those that are its parent's until they are written to (`own`).
local parts = {"vars", "variants", "state", "files"}
local lent = {"keyed", "exported", "decisive", "defs", "filters"}

-- The parent's entries that the store has no own ones for; those below shine through.
local function take(store, parent, part)
  local mine, theirs = store[part], parent[part]
  for name, value in next, theirs do
    if rawget(mine, name) == nil then mine[name] = value end
  end
  setmetatable(mine, getmetatable(theirs))
end

-- The parent's entries come first. A link counts those of its own store.
local function take_history(store, parent)
  local before = parent.history
  for name, list in next, store.history do
    local all = table.move(before[name] or {}, 1, #(before[name] or {}), 1, {})
    for _, entry in ipairs(list) do
      local linked = entry.link and before[entry.link]
      if linked then entry = {link = entry.link, count = entry.count + #linked} end
      all[#all + 1] = entry
    end
    store.history[name] = all
  end
  for name, list in next, before do
    if not store.history[name] then store.history[name] = list end
  end
end

--- Take in the parent. Nobody else may use that one, which has a parent itself.
function Data:absorb()
  local parent = self.parent
  local below = assert(parent.parent, "the configuration is everybody's")
  for _, part in ipairs(parts) do take(self, parent, part) end
  for _, part in ipairs(lent) do
    if self[part] ~= parent[part] and parent[part] ~= below[part] then take(self, parent, part) end
  end
  take_history(self, parent)
  self.parent = below
end

return Data
