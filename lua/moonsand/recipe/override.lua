--- Overrides: which variants of a variable there are, and which one a list of overrides chooses
--- (bitbake.md 3.5, 3.6). The store keeps the lists; the rules are here.
--
-- A list of variants holds pairs, (`A:x:y`, "x:y"), and a set of the names in it. It belongs to the
-- store that wrote it: a store on top takes a copy before it adds to one.
local M = {}

local find, match, sub = string.find, string.match, string.sub

local function copied(t)
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
end

--- The list, and a set: override -> its first place in the list.
---@param text? string   the value of OVERRIDES
---@return string[] list
---@return table<string, integer> set
function M.split(text)
  local list, set = {}, {}
  for word in ((text or "") .. ":"):gmatch("([^:]*):") do
    list[#list + 1] = word
    set[word] = set[word] or #list
  end
  return list, set
end

--- Are two lists the same?
---@param a string[]
---@param b string[]
---@return boolean
function M.same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

--- Is an override (perhaps several, joined by colons) active?
---@param set table<string, integer>
---@param override string
---@return boolean
function M.active(set, override)
  if set[override] then return true end
  if not find(override, ":", 1, true) then return false end
  for word in (override .. ":"):gmatch("([^:]*):") do
    if not set[word] then return false end
  end
  return true
end

--- Register a variant at each level: `A:x:y` is a variant of `A:x` (y) and of `A` (x:y).
---@param store moonsand.recipe.Data
---@param name string
function M.register(store, name)
  local at = match(name, "^.*():")
  while at and at > 1 and find(name, "^[a-z0-9]", at + 1) do
    local base = sub(name, 1, at - 1)
    local list = store.variants[base]
    if not (list and list[name]) then
      if not rawget(store.variants, base) then
        list = list and copied(list) or {}
        store.variants[base] = list
        if find(base, "${", 1, true) then store:own("keyed")[base] = true end
      end
      local n = #list
      list[n + 1], list[n + 2], list[name] = name, sub(name, at + 1), true
    end
    at = match(base, "^.*():")
  end
end

--- Take a variant out of the lists of its bases. Digits alone do not count as lower case here.
---@param store moonsand.recipe.Data
---@param name string
function M.unregister(store, name)
  local at = match(name, "^.*():")
  while at and at > 1 do
    local override = sub(name, at + 1)
    if not find(override, "%l") or find(override, "%u") then return end
    local base = sub(name, 1, at - 1)
    local list = store.variants[base]
    if list and list[name] then
      local new = {}
      for i = 1, #list, 2 do
        if list[i] ~= name then
          new[#new + 1] = list[i]
          new[#new + 1] = list[i + 1]
          new[list[i]] = true
        end
      end
      store.variants[base] = new
    end
    at = match(base, "^.*():")
  end
end

--- Replace all occurrences of `what`, as plain text.
---@param text string
---@param what string
---@param by string
---@return string
function M.replaced(text, what, by)
  return (text:gsub(what:gsub("%p", "%%%0"), (by:gsub("%%", "%%%%"))))
end

-- One round: each collected key that ends in `:override` is shortened, an equal one is the choice.
local function shorten(chosen, keys, by, override)
  local changed, suffix = false, ":" .. override
  for _, key in ipairs(copied(keys)) do
    local variant = by[key]
    if variant and key ~= override and sub(key, -#suffix) == suffix then
      by[key] = nil
      for i, each in ipairs(keys) do
        if each == key then table.remove(keys, i) break end
      end
      local new = M.replaced(key, suffix, "")
      if by[new] == nil then keys[#keys + 1] = new end
      by[new] = variant
      changed = true
    elseif variant and key == override then
      chosen = variant
      by[key] = nil
      for i, each in ipairs(keys) do
        if each == key then table.remove(keys, i) break end
      end
    end
  end
  return chosen, changed
end

--- The variant that the overrides choose, or nil.
---@param overrides string[]
---@param set table<string, integer>
---@param list table   pairs of variants
---@return string?
function M.choose(overrides, set, list)
  local by, keys, combined = {}, {}, false
  for i = 1, #list, 2 do
    local override = list[i + 1]
    if M.active(set, override) then
      if by[override] == nil then keys[#keys + 1] = override end
      by[override] = list[i]
      combined = combined or find(override, ":", 1, true) ~= nil
    end
  end
  if #keys == 0 then return nil end
  if not combined then -- the last one wins; of an override given twice, the first place counts
    local best = keys[1]
    for i = 2, #keys do
      if set[keys[i]] > set[best] then best = keys[i] end
    end
    return by[best]
  end
  local chosen, changed = nil, true
  while changed do
    changed = false
    for i = 1, #overrides do
      local some
      chosen, some = shorten(chosen, keys, by, overrides[i])
      changed = changed or some
    end
  end
  return chosen
end

return M
