--- Slips in metadata that BitBake takes without a word.
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local listing = require "moonsand.recipe.listing"
local regex = require "moonsand.recipe.regex"
local scan = require "moonsand.recipe.scan"
local text = require "moonsand.recipe.lint.text"
local use = require "moonsand.recipe.lint.use"
local value = require "moonsand.recipe.lint.value"

local M = {}

---@class moonsand.recipe.Finding
---@field file string
---@field line integer
---@field rule string
---@field message string   what is wrong
---@field fix string       what to do

---@class moonsand.recipe.Lint
local Lint = {__name = "moonsand.recipe.Lint"}
Lint.__index = Lint

--- A checker of files with the configuration that they are read with.
---@param config moonsand.recipe.Configuration
---@return moonsand.recipe.Lint
function M.new(config)
  local disk = config.reader.disk
  local self = setmetatable({config = config, matchers = {}}, Lint)
  self.uses = use.new(function(path)
    local ok, statements = pcall(scan.scan, disk.read(path) or "", path)
    return ok and statements or nil
  end, disk, find.split(config.data:get("BBPATH")))
  self.context = {above = config.data, matches = function(d, pattern, name)
    pattern = pattern:gsub("%+", "\\+")
    local match = self.matchers[pattern] or regex.matcher(d, pattern, true)
    self.matchers[pattern] = match
    return match(name)
  end}
  return self
end

local function reads(recipe, path)
  local store = recipe.data
  while store do
    if store.files[path] then return true end
    store = store.parent
  end
  return false
end

-- Recipe files that a file has a part in: itself; what an append fits; for an include those beside
-- it. A class has a part in so many that none is looked at.
local function recipe_files(self, file)
  local all, list = self.config:recipes(), {}
  local directory = find.directory(file)
  for _, each in ipairs(all) do
    local part = each == file
      or file:find("%.bbappend$") and #listing.appends(each, {file}) > 0
      or file:find("%.inc$") and find.directory(each) == directory
    if part then list[#list + 1] = each end
  end
  return list
end

local function problem_of(file, problem)
  if not fault.is(problem) then error(problem, 0) end
  local place, line = (problem.where or ""):match("^(.*):(%d+)$")
  return {file = place or problem.where or file, line = math.tointeger(tonumber(line)) or 0,
    rule = "error", message = problem.message, fix = problem.hint or "moonsand parse " .. file}
end

-- What was found in every recipe that the file has a part in, once each.
local function common(found, count)
  local list = {}
  for _, each in pairs(found) do
    if each.count == count then list[#list + 1] = each.finding end
  end
  table.sort(list, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    if a.rule ~= b.rule then return a.rule < b.rule end
    return a.message < b.message
  end)
  return list
end

local function collector(file)
  local found = {}
  return found, function(round)
    return function(line, rule, message, fix)
      local key = ("%d %s %s"):format(line, rule, message)
      local each = found[key] or {count = 0, finding = {file = file, line = line, rule = rule,
        message = message, fix = fix}}
      if each.round ~= round then each.count, each.round = each.count + 1, round end
      found[key] = each
    end
  end
end

local function usable(recipes)
  local list = {}
  for _, recipe in ipairs(recipes) do
    if not recipe.skipped then list[#list + 1] = recipe end
  end
  return list
end

-- The rules for which the recipes must be read. One that took itself out was not read to the end.
local function check_recipes(self, file, statements)
  local found, round = collector(file)
  local count, problems = 0, {}
  for _, each in ipairs(recipe_files(self, file)) do
    local ok, first, variants = pcall(self.config.load, self.config, each)
    if not ok then
      problems[1] = problem_of(file, first)
    else
      local recipes = usable(variants)
      if #recipes > 0 and reads(first, file) then
        count = count + 1
        value.check(self.context, recipes, variants, file, round(count))
        self.uses:check(statements, recipes, round(count))
      end
      self.config.loaded[each] = nil
    end
  end
  for _, each in ipairs(common(found, count)) do problems[#problems + 1] = each end
  return problems
end

--- Check one file.
---@param file string   an absolute path
---@return moonsand.recipe.Finding[]
function Lint:check(file)
  local ok, statements = pcall(scan.scan, find.text(self.config.reader.disk, file), file)
  if not ok then return {problem_of(file, statements)} end
  local found, round = collector(file)
  text.check(statements, round(1))
  local list = common(found, 1)
  for _, each in ipairs(check_recipes(self, file, statements)) do list[#list + 1] = each end
  table.sort(list, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.rule < b.rule
  end)
  return list
end

return M
