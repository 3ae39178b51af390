--- The names in a store, and the files that it was made from. These are methods of the datastore
--- (data.lua).
local override = require "moonsand.recipe.override"

---@class moonsand.recipe.Data
local Data = {}

--- All that one table of a store has of its own: of a configuration that was kept, some may wait to
--- be unpacked.
---@param part string
---@return table
function Data:whole(part)
  local t = self[part]
  local meta = getmetatable(t)
  if meta and meta.thaw then meta.thaw() end
  return t
end

-- A record that holds nothing counts as deleted.
local function present(record)
  return record and next(record) ~= nil
end

-- Has a base an active variant?
local function varied(self, name)
  local list = self.variants[name]
  if not list then return false end
  self:active_overrides()
  for i = 1, #list, 2 do
    if override.active(self.override_set, list[i + 1]) then return true end
  end
  return false
end

--- Is there such a variable, or an active variant of it?
---@param name string
---@return boolean
function Data:exists(name)
  self:depends_on_all()
  return present(self.vars[name]) or varied(self, name)
end

--- All names, sorted: own and inherited ones without the deleted, and bases with an active variant.
---@return string[]
function Data:names()
  self:depends_on_all()
  local names, seen, store = {}, {}, self
  while store do
    for name in next, store:whole "vars" do
      if not seen[name] then
        seen[name] = true
        if present(self.vars[name]) then names[#names + 1] = name else seen[name] = false end
      end
    end
    store = store.parent
  end
  store = self
  while store do
    for name in next, store:whole "variants" do
      if not seen[name] then
        seen[name] = true
        if varied(self, name) then names[#names + 1] = name end
      end
    end
    store = store.parent
  end
  table.sort(names)
  return names
end

-- The keys that one table of a store, and of what it is a copy of, has; sorted.
local function keys_of(store, field)
  local list, seen = {}, {}
  while store do
    for key in next, store[field] do
      if not seen[key] then
        seen[key] = true
        list[#list + 1] = key
      end
    end
    store = store.parent
  end
  table.sort(list)
  return list
end

--- Names that have, or had, the export or unexport flag, sorted.
---@return string[]
function Data:export_names()
  self:depends_on_all()
  return keys_of(self, "exported")
end

--- What BBINCLUDED says: the files that were read, or looked for in vain, sorted.
---@return string
function Data:included()
  self:depends_on_all()
  return table.concat(keys_of(self, "files"), " ")
end

return Data
