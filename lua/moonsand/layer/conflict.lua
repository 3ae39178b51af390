--- Conflicts: do two trees of one sysroot claim a path with different content? Overlay would show
--- the upper one and say nothing. Answered from the manifests, before anything is mounted.
local order = require "moonsand.order"

local M = {}

---@class moonsand.Claim
---@field item table            what claims; `recipes` says who
---@field entry moonsand.TreeEntry

local function same(a, b)
  if a.type ~= b.type then return false end
  if a.type == "file" then return a.digest == b.digest and a.executable == b.executable end
  return a.target == b.target -- nil for directories
end

-- Others with the same content count once the path is contested: any of them may be the winner.
local function add_same(claim, item)
  local others = claim.others or {}
  others[#others + 1], claim.others = item, others
end

local function all_claims(first, second)
  local claims = {first}
  for _, item in ipairs(first.others or {}) do
    claims[#claims + 1] = {item = item, entry = first.entry}
  end
  claims[#claims + 1] = second
  return claims
end

-- One pass over all entries: the first claim of each path, and all claims of the contested ones.
local function collect(items)
  local first, contested = {}, {}
  for _, item in ipairs(items) do
    for _, entry in ipairs(item.entries) do
      local path = entry.path
      local claim, fight = first[path], contested[path]
      if not claim then
        first[path] = {item = item, entry = entry}
      elseif fight then
        fight[#fight + 1] = {item = item, entry = entry}
      elseif same(claim.entry, entry) then
        if entry.type ~= "directory" then add_same(claim, item) end
      else
        contested[path] = all_claims(claim, {item = item, entry = entry})
      end
    end
  end
  return contested
end

--- Who wins a path: the exact path in `allow`, or the longest "directory/" that leads to it.
---@param allow table<string, string>
---@param path string
---@return string? recipe
function M.winner(allow, path)
  if allow[path] then return allow[path] end
  local parent = path
  repeat
    parent = parent:match("^(.*)/[^/]*$")
    if parent and allow[parent .. "/"] then return allow[parent .. "/"] end
  until not parent
end

local function winning_claim(claims, recipe)
  for _, claim in ipairs(claims) do
    if claim.item.recipes[recipe] then return claim end
  end
end

local function other(claims)
  for i = 2, #claims do
    if not same(claims[1].entry, claims[i].entry) then return claims[i] end
  end
end

--- In words: what differs.
---@param a moonsand.TreeEntry
---@param b moonsand.TreeEntry
---@return string
function M.difference(a, b)
  if a.type ~= b.type then return ("%s and %s"):format(a.type, b.type) end
  if a.type == "symlink" then
    return ("links to '%s' and '%s'"):format(a.target, b.target)
  end
  if a.digest ~= b.digest then return "different content" end
  return "executable and not"
end

---@class moonsand.Conflict
---@field path string
---@field first string   recipe
---@field second string  recipe
---@field why string

--- Compare the trees of a sysroot.
---@param items {entries: moonsand.TreeEntry[], recipe: string, recipes: table<string, boolean>}[]
---@param allow table<string, string>  path, or "directory/", -> the recipe that wins there
---@return moonsand.Conflict[] conflicts  by path
---@return {above: table, below: table}[] wins  items that must lie above others
function M.find(items, allow)
  local conflicts, wins = {}, {}
  for path, claims in order.sorted(collect(items)) do
    local recipe = M.winner(allow, path)
    local best = recipe and winning_claim(claims, recipe)
    if best then
      for _, claim in ipairs(claims) do
        if not same(claim.entry, best.entry) then
          wins[#wins + 1] = {above = best.item, below = claim.item}
        end
      end
    else
      local a, b = claims[1], other(claims)
      conflicts[#conflicts + 1] = {path = path, first = a.item.recipe, second = b.item.recipe,
        why = M.difference(a.entry, b.entry)}
    end
  end
  return conflicts, wins
end

return M
