--- `--audit=full`: what the tasks of a recipe used of the host that neither a layer nor a declared
--- tool explains, and what they looked for in vain although a recipe has it.
local offers = require "moonsand.build.offers"
local order = require "moonsand.order"
local packages = require "moonsand.build.packages"
local place = require "moonsand.build.place"
local sought = require "moonsand.build.sought"

local M = {}

-- What programs make for themselves of what packages bring; and directories that a program reads as
-- a whole, whatever is in them: aclocal its macros, ld its plugins.
local passed_over = {"/locale/", "/gconv/gconv%-modules", "%.pyc$", "/mime/", "/info/dir$",
  "/aclocal[^/]*/[^/]*%.m4$", "/bfd%-plugins/", "/gettext/its/", "/zoneinfo/"}

---@class moonsand.build.Outside
local Outside = {__name = "moonsand.build.Outside"}
Outside.__index = Outside

-- A library that is loaded belongs to the program that needs it.
local function counts(path)
  if path:find "%.so%.[%d.]+$" then return false end
  for _, pattern in ipairs(passed_over) do
    if path:find(pattern) then return false end
  end
  return true
end

local function each_used(own, visit)
  for _, node in ipairs(own.nodes) do
    for _, one in ipairs(own.seen[node] and own.seen[node].host or {}) do
      if counts(one.path) then visit(one, node) end
    end
  end
end

--- Be ready to look at recipes.
---@param build table      the builder
---@param subjects table[]   of the audit
---@return moonsand.build.Outside
function M.new(build, subjects)
  local self = setmetatable({rest = 0, owners = {}, packages = packages.open()}, Outside)
  local wanted = {}
  for _, own in ipairs(subjects) do
    each_used(own, function(one)
      wanted[packages.merged(one.path)], wanted[packages.merged(one.real)] = true, true
    end)
  end
  if self.packages and next(wanted) then self.owners = self.packages:owners(wanted) end
  self.build, self.offers = build, {} -- by the configuration
  return self
end

function Outside:owner(one)
  return self.owners[packages.merged(one.path)] or self.owners[packages.merged(one.real)]
end

-- What the recipes of a configuration have.
local function offers_of(self, own)
  local name = own.recipe.configuration or ""
  self.offers[name] = self.offers[name] or
    offers.new(self.build, own.nodes[1].graph:needs_of(own.recipe).catalogue)
  return self.offers[name]
end

-- Who has what a path is looked for as: the line to write, or that nothing has to be written.
function Outside:answer(own, path)
  local name = sought.of(path)
  local list = name and offers_of(self, own):of(own.recipe.name, name) or {}
  for _, offer in ipairs(list) do
    if offer.recipe == own.recipe.name or own.ignored[offer.name] then return nil, "known" end
    if own.direct[offer.recipe] then return offer, "declared" end
  end
  return list[1], list[1] and "missing"
end

-- Tools that DEPENDS names and ASSUME_PROVIDED leaves to the host.
local function declared_tools(own)
  local needs = own.nodes[1].graph:needs_of(own.recipe)
  local set = {}
  for _, name in ipairs(needs:depends(own.recipe)) do
    if needs.catalogue:assumed(name) then set[name:gsub("%-native$", "")] = true end
  end
  return set
end

-- In the recipe itself, also when only a class or a configuration file says DEPENDS.
local function place_in(recipe)
  local where = place.of(recipe, "DEPENDS")
  return where:sub(1, #recipe.file + 1) == recipe.file .. ":" and where or recipe.file
end

-- The packages that were used without being explained, each with the best of its files.
function Outside:used(own)
  local tools, used, stray = declared_tools(own), {}, {}
  each_used(own, function(one, node)
    local package = self:owner(one)
    local entry = {use = one.use, path = one.path, task = node.name, package = package}
    if package and tools[one.path:match "[^/]*$"] then tools[package] = true end
    if not package then
      if not own.ignored[one.path] then stray[#stray + 1] = entry end
    elseif not self.packages.base[package] and (not used[package] or
      used[package].use == "opens" and one.use == "runs") then
      used[package] = entry
    end
  end)
  return used, stray, tools
end

-- What another package that is told, or need not be, needs is used on its behalf.
function Outside:without_explained(own, used, tools)
  local left, known = {}, {}
  for package in pairs(used) do
    if own.ignored[package] or tools[package] then known[#known + 1] = package end
  end
  local explained = self.packages:closure(known)
  local closures = {}
  for package in pairs(used) do closures[package] = self.packages:closure {package} end
  for package, entry in order.sorted(used) do
    local behind = explained[package]
    for other in pairs(used) do
      local mutual = closures[package][other]
      behind = behind or other ~= package and closures[other][package]
        and (not mutual or other < package)
    end
    if not behind then left[#left + 1] = entry end
  end
  return left
end

local SENTENCE <const> = "%s %s %s of the host%s"

function Outside:tell_used(own, entry, add)
  local offer, how = self:answer(own, entry.path)
  if how == "known" then return end
  local text = SENTENCE:format(entry.task, entry.use, entry.path, (" (package %s)"):format(
    entry.package))
  local fix = ('MOONSAND_AUDIT_IGNORE += "%s"'):format(entry.package)
  if how == "declared" then
    text = ("%s, not that of '%s', which is declared"):format(text, offer.recipe)
    fix = ("let it find that of '%s' first, in the sysroot"):format(offer.recipe)
  elseif offer then
    fix = ('DEPENDS += "%s"'):format(offer.name)
  end
  add {kind = "host", task = entry.task, path = entry.path, fix = fix, text = text,
    dependency = offer and offer.recipe or entry.package, where = place_in(own.recipe)}
end

local function tell_stray(own, list, add)
  local first = list[1]
  if not first then return end
  local more = #list > 1 and (" (and %d more)"):format(#list - 1) or ""
  add {kind = "host", task = first.task, path = first.path,
    fix = ('MOONSAND_AUDIT_IGNORE += "%s"'):format(first.path),
    where = place_in(own.recipe), text = SENTENCE:format(first.task, first.use,
      first.path, more .. ", which is in no package: no signature knows of it")}
end

--- Files of the host that nothing explains.
---@param own table   a recipe, as the audit looks at it
---@param add fun(finding: moonsand.build.Finding)
function Outside:host(own, add)
  local used, stray, tools = self:used(own)
  if not self.packages then return end -- nobody knows whose they are
  for _, entry in ipairs(self:without_explained(own, used, tools)) do
    self:tell_used(own, entry, add)
  end
  tell_stray(own, stray, add)
end

local function each_sought(own, visit)
  local seen = {}
  for _, node in ipairs(own.nodes) do
    for _, path in ipairs(own.seen[node] and own.seen[node].sought or {}) do
      local name = sought.of(path)
      if name and not seen[name.key] then
        seen[name.key] = true
        visit(name, path, node)
      end
    end
  end
end

--- What was looked for in vain, and would be there with one more dependency.
---@param own table
---@param add fun(finding: moonsand.build.Finding)
function Outside:probes(own, add)
  local by = {}
  each_sought(own, function(name, path, node)
    local offer, how = self:answer(own, path)
    if how == "missing" then
      local one = by[offer.name] or {name = name, path = path, task = node.name, offer = offer,
        more = -1}
      by[offer.name], one.more = one, one.more + 1
    elseif not how then
      self.rest = self.rest + 1
    end
  end)
  for name, one in order.sorted(by) do
    local more = one.more > 0 and (" and %d more"):format(one.more) or ""
    add {kind = "probe", task = one.task, path = one.path, dependency = one.offer.recipe,
      fix = ('DEPENDS += "%s"'):format(name), where = place_in(own.recipe),
      text = ("%s looked in vain for %s (%s)%s; %s"):format(one.task, one.name.name,
        one.path:match "^(.*)/" .. "/", more, one.offer.sure
          and ("'%s' has it"):format(one.offer.recipe)
          or ("there is a recipe '%s'"):format(one.offer.recipe))}
  end
end

return M
