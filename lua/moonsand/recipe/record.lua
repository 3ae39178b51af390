--- What is known of a recipe once it was read: the fields that providers and graphs are made of,
-- and how the parse cache keeps them.
local data = require "moonsand.recipe.data"
local lua = require "moonsand.recipe.lua"
local order = require "moonsand.order"
local task = require "moonsand.recipe.task"
local words = require("moonsand.text").words

local M = {}

local pack, unpack = string.pack, string.unpack

---@class moonsand.recipe.Recipe
---@field name string            PN
---@field version string         PV
---@field revision? string       PR
---@field epoch? string          PE
---@field file string
---@field configuration? string  one of BBMULTICONFIG; nil: the main one
---@field variant string         "" or a word of BBCLASSEXTEND
---@field data moonsand.recipe.Data
---@field tasks moonsand.recipe.Task[]
---@field provides string[]
---@field depends string[]
---@field packages string[]      PACKAGES, or its name
---@field rprovides string[]     RPROVIDES, of all packages
---@field dynamic string[]       PACKAGES_DYNAMIC: expressions
---@field rdepends string[]      RDEPENDS and RRECOMMENDS, of all packages
---@field world boolean          not EXCLUDE_FROM_WORLD
---@field extra? string          calculate_extra_depends: Python that adds to DEPENDS
---@field skipped? string        why the recipe took itself out
---@field layer? string          its metadata layer, of BBFILE_COLLECTIONS
---@field priority integer       of that
---@field preference integer     DEFAULT_PREFERENCE

-- Each word once; notes in parentheses such as "(>= 1.2)" are not for us.
local function add_names(list, seen, text)
  local note = false
  for word in (text or ""):gmatch("%S+") do
    note = note or word:sub(1, 1) == "("
    if not note and not seen[word] then
      seen[word] = true
      list[#list + 1] = word
    end
    if word:sub(-1) == ")" then note = false end
  end
end

-- A variable, and its forms for the packages.
local function of_packages(d, packages, list, seen, name)
  add_names(list, seen, d:get(name))
  for _, package in ipairs(packages) do add_names(list, seen, d:get(name .. ":" .. package)) end
end

local function names_of(d, name)
  local list = {}
  add_names(list, {}, d:get(name))
  return list
end

local function provides_of(d, name)
  local list, seen = {name}, {[name] = true}
  add_names(list, seen, d:get("PROVIDES"))
  return list
end

--- The recipe that a finished store is.
---@param d moonsand.recipe.Data
---@param file string
---@param variant string
---@return moonsand.recipe.Recipe   without its metadata layer
function M.of(d, file, variant)
  local from_name, from_version = lua.from_file(file)
  local name = d:get("PN") or from_name
  local recipe = {
    name = name, version = d:get("PV") or from_version or "1.0", revision = d:get("PR"),
    epoch = d:get("PE"), file = file, variant = variant, data = d, tasks = d.state.collected,
    provides = provides_of(d, name), depends = names_of(d, "DEPENDS"), skipped = d.state.skipped,
    preference = math.tointeger(tonumber(d:get("DEFAULT_PREFERENCE") or "0")) or 0,
    packages = words(d:get("PACKAGES")), dynamic = words(d:get("PACKAGES_DYNAMIC")),
    rprovides = {}, rdepends = {}, world = not data.truth(d:get("EXCLUDE_FROM_WORLD")),
  }
  if #recipe.packages == 0 then recipe.packages[1] = name end
  of_packages(d, recipe.packages, recipe.rprovides, {}, "RPROVIDES")
  if recipe.skipped then return recipe end
  local seen = {}
  of_packages(d, recipe.packages, recipe.rdepends, seen, "RDEPENDS")
  of_packages(d, recipe.packages, recipe.rdepends, seen, "RRECOMMENDS")
  local extra = d:get("calculate_extra_depends")
  recipe.extra = extra ~= "" and extra or nil
  return recipe
end

-- Keeping ------------------------------------------------------------------------------------

-- Fields that are kept, with what they hold.
local texts = {"name", "version", "revision", "epoch", "variant", "skipped", "layer", "file",
  "extra"}
local numbers = {"priority", "preference"}
local lists = {"provides", "depends", "packages", "rprovides", "dynamic", "rdepends"}

local function quoted(list)
  local parts = {}
  for i, each in ipairs(list) do parts[i] = ("%q"):format(each) end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A task as one text. Most tasks of most recipes are the same, and are kept once.
local function line_of(each)
  local parts = {pack("<s4s4", each.name, table.concat(each.after, " "))}
  for _, flag in ipairs(task.graph_flags) do
    local value = each.flags[flag]
    if value then parts[#parts + 1] = pack("<s4s4", flag, tostring(value)) end
  end
  return table.concat(parts)
end

--- The task that a line was made of.
---@param line string
---@return moonsand.recipe.Task
function M.task(line)
  local name, after, at = unpack("<s4s4", line)
  local each = {name = name, after = words(after), flags = {}}
  while at <= #line do
    local flag, value
    flag, value, at = unpack("<s4s4", line, at)
    each.flags[flag] = value
  end
  return each
end

---@class moonsand.recipe.Record     what is known of a file
---@field paths string[]             that it was made from, or that were looked for
---@field text string                Lua: the fields of its recipes, one table a variant
---@field skipped string             for each variant why it took itself out, or nothing
---@field tasks string[][]           for each variant the lines of its tasks

--- The record of a file's recipes.
---@param recipes moonsand.recipe.Recipe[]   the variants
---@param above moonsand.recipe.Data         the configuration: what it read is not repeated
---@return moonsand.recipe.Record
function M.record(recipes, above)
  local paths, parts, tasks, skipped = {}, {}, {}, {}
  for i, recipe in ipairs(recipes) do
    skipped[i] = pack("<s4", recipe.skipped and "=" .. recipe.skipped or "")
    local fields = {"world=" .. tostring(recipe.world)}
    for _, name in ipairs(texts) do
      if recipe[name] then fields[#fields + 1] = ("%s=%q"):format(name, recipe[name]) end
    end
    for _, name in ipairs(numbers) do fields[#fields + 1] = ("%s=%d"):format(name, recipe[name]) end
    for _, name in ipairs(lists) do
      fields[#fields + 1] = ("%s=%s"):format(name, quoted(recipe[name]))
    end
    parts[i] = "{" .. table.concat(fields, ",") .. "}"
    tasks[i] = {}
    for j, each in ipairs(recipe.tasks) do tasks[i][j] = line_of(each) end
    local store = recipe.data
    while store and store ~= above do
      for path in pairs(store.files) do paths[path] = true end
      store = store.parent
    end
  end
  return {paths = order.keys(paths), text = "return {" .. table.concat(parts, ",") .. "}",
    tasks = tasks, skipped = table.concat(skipped)}
end

--- The fields of the variants of a file.
---@param text string   `text` of its record
---@return table[]
function M.fields(text)
  return load(text, "=record", "t", {})()
end

--- Why the variants of a file took themselves out.
---@param text string   `skipped` of its record
---@return (string|false)[]
function M.skipped(text)
  local list, at = {}, 1
  while at <= #text do
    local reason
    reason, at = unpack("<s4", text, at)
    list[#list + 1] = reason ~= "" and reason:sub(2)
  end
  return list
end

return M
