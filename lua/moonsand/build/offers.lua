--- Which recipe has what was looked for: by the sysroots that this build directory last made, also
--- of recipes that are no part of the build; of a recipe that it never made, by its name.
local core = require "moonsand.core"
local names = require "moonsand.build.names"
local read = require("moonsand.text").read
local resolve = require "moonsand.build.resolve"
local sought = require "moonsand.build.sought"

local M = {}

---@class moonsand.build.Offers
local Offers = {__name = "moonsand.build.Offers"}
Offers.__index = Offers

---@param build table   the builder
---@param catalogue moonsand.recipe.Catalogue
---@return moonsand.build.Offers
function M.new(build, catalogue)
  return setmetatable({build = build, catalogue = catalogue, known = {}}, Offers)
end

local function is_native(name) return name:find "%-native$" ~= nil end

local function tree_of(self, recipe)
  local text = read(names.place(self.build.directory, recipe) .. "/signature.do_populate_sysroot")
  local store = self.build.store
  local action = text and (store:record("intent", core.sha256(text)) or ""):match "^(%x+)\n$"
  local record = action and resolve.action(store, action)
  return record and record.trees.sysroot and store:tree(record.trees.sysroot) or nil
end

local function trees(self)
  if self.trees then return self.trees end
  self.trees = {}
  for _, recipe in ipairs(self.catalogue.recipes) do
    local tree = not recipe.skipped and not self.known[recipe.name] and tree_of(self, recipe)
    if tree then
      self.known[recipe.name] = true
      table.insert(self.trees, {name = recipe.name, path = tree.path})
    end
  end
  table.sort(self.trees, function(a, b) return a.name < b.name end)
  return self.trees
end

local function has(tree, name)
  for _, path in ipairs(sought.places(name)) do
    if core.stat(tree.path .. "/" .. path) then return true end
  end
end

-- Programs run while something is built: they are those of a native recipe.
local function wants_native(user, name) return name.kind == "program" or is_native(user) end

---@class moonsand.build.Offer
---@field name string     as DEPENDS has it
---@field recipe string
---@field sure boolean    it has the file; otherwise only the name fits

local function by_name(self, user, name)
  for _, word in ipairs(sought.names(name)) do
    if wants_native(user, name) then word = word .. "-native" end
    local recipe = self.catalogue:build(word)[1]
    if recipe and not self.known[recipe.name] then
      return {name = word, recipe = recipe.name, sure = false}
    end
  end
end

--- Who could have it for a recipe; several may.
---@param user string   the recipe
---@param name moonsand.build.Sought
---@return moonsand.build.Offer[]
function Offers:of(user, name)
  local list = {}
  for _, tree in ipairs(trees(self)) do
    if wants_native(user, name) == is_native(tree.name) and has(tree, name) then
      list[#list + 1] = {name = tree.name, recipe = tree.name, sure = true}
    end
  end
  return #list > 0 and list or {by_name(self, user, name)}
end

return M
