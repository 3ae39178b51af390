--- Conflicts: do two trees of one sysroot claim a path with different content? Overlay would show
--- the upper one and say nothing. Answered from the manifests, before anything is mounted.
local order = require "moonsand.order"

local M = {}

---@class moonsand.Claim
---@field item table     what claims; `recipes` says who
---@field type "file"|"symlink"|"directory"
---@field entry table    of the node

local function same(a, b)
  if a.type ~= b.type then return false end
  local x, y = a.entry, b.entry
  if a.type == "file" then return x.digest == y.digest and x.executable == y.executable end
  return x.target == y.target -- nil for directories
end

local kinds = {{"files", "file"}, {"symlinks", "symlink"}, {"directories", "directory"}}

-- The names that more than one place has, with all that claim each.
local function shared(places)
  local claims, names = {}, {}
  for _, place in ipairs(places) do
    for _, kind in ipairs(kinds) do
      for _, entry in ipairs(place.node[kind[1]]) do
        local list = claims[entry.name]
        local claim = {item = place.item, type = kind[2], entry = entry}
        if not list then
          claims[entry.name] = {claim}
        else
          list[#list + 1] = claim
          if #list == 2 then names[#names + 1] = entry.name end
        end
      end
    end
  end
  return claims, names
end

-- Can two of these directories disagree? Equal ones do not, and some pairs are known to agree.
local function may_differ(places, agree)
  for i, place in ipairs(places) do
    for j = i + 1, #places do
      local other = places[j]
      if place.node.digest ~= other.node.digest and not agree(place.item, other.item) then
        return true
      end
    end
  end
  return false
end

local visit

local function judge(job, path, claims)
  local places, differ = {}, false
  for _, claim in ipairs(claims) do
    differ = differ or not same(claims[1], claim)
    if claim.type == "directory" then
      places[#places + 1] = {item = claim.item, node = claim.entry.node}
    end
  end
  if differ then job.contested[path] = claims end
  if may_differ(places, job.agree) then visit(job, path .. "/", places) end
end

-- Only directories that two trees share are looked into.
function visit(job, prefix, places)
  local claims, names = shared(places)
  for _, name in ipairs(names) do judge(job, prefix .. name, claims[name]) end
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
    if not same(claims[1], claims[i]) then return claims[i] end
  end
end

--- In words: what differs.
---@param a moonsand.Claim
---@param b moonsand.Claim
---@return string
function M.difference(a, b)
  if a.type ~= b.type then return ("%s and %s"):format(a.type, b.type) end
  if a.type == "symlink" then
    return ("links to '%s' and '%s'"):format(a.entry.target, b.entry.target)
  end
  if a.entry.digest ~= b.entry.digest then return "different content" end
  return "executable and not"
end

---@class moonsand.Conflict
---@field path string
---@field first string   recipe
---@field second string  recipe
---@field why string

--- Compare the trees of a sysroot: a step for each path in a directory that two of them share.
---@param items {node: moonsand.Node, recipe: string, recipes: table<string, boolean>}[]
---@param allow table<string, string>  path, or "directory/", -> the recipe that wins there
---@param agree fun(a: table, b: table): boolean   are two items known to agree on all paths?
---@return moonsand.Conflict[] conflicts  by path
---@return {above: table, below: table}[] wins  items that must lie above others
function M.find(items, allow, agree)
  local conflicts, wins = {}, {}
  local job, places = {contested = {}, agree = agree}, {}
  for i, item in ipairs(items) do places[i] = {item = item, node = item.node} end
  if may_differ(places, agree) then visit(job, "", places) end
  for path, claims in order.sorted(job.contested) do
    local recipe = M.winner(allow, path)
    local best = recipe and winning_claim(claims, recipe)
    if best then
      for _, claim in ipairs(claims) do
        if not same(claim, best) then
          wins[#wins + 1] = {above = best.item, below = claim.item}
        end
      end
    else
      local a, b = claims[1], other(claims)
      conflicts[#conflicts + 1] = {path = path, first = a.item.recipe, second = b.item.recipe,
        why = M.difference(a, b)}
    end
  end
  return conflicts, wins
end

return M
