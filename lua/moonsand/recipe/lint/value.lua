--- Slips that show once a recipe is read: what a statement of a file came to, in all its variants.
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local of_packages = require("moonsand.recipe.lint.text").of_packages

local M = {}

-- The entries of the variables' histories that a file made.
local function each_entry(recipe, above, file, visit)
  local store, seen = recipe.data, {}
  while store and store ~= above do
    for name, list in pairs(store:whole "history") do
      for _, entry in ipairs(list) do
        if entry.file == file and entry.line and not seen[entry] then
          seen[entry] = true
          visit(name, entry)
        end
      end
    end
    store = store.parent
  end
end

-- Names that are there only while a task runs.
local function is_late(name)
  return name:find("^BB_") or name == "PKG" or name == "SOURCEDATE"
end

local function literals(value)
  local found = {}
  for name in value:gmatch("%${([%a_][%w_%-]*)}") do
    if not is_late(name) then found[#found + 1] = name end
  end
  return found
end

local function value_of(d, name)
  local ok, value = pcall(d.get, d, name)
  if not ok then d:abandon() end
  return ok and value or nil
end

-- References of a text that are still there when a variable is expanded, as nothing sets the name.
local function missing_in(d, name, text)
  local found = {}
  for _, each in ipairs(literals(value_of(d, name) or "")) do
    if text:find("${" .. each .. "}", 1, true) and value_of(d, each) == nil then
      found[each] = true
    end
  end
  return found
end

-- ${NAME} that nothing sets stays as it is, in every variant.
local function check_undefined(recipes, name, entry, add)
  local text = entry.text
  if entry.flag or type(text) ~= "string" or not text:find("${", 1, true) then return end
  text = text:gsub("%${@.-}", "")
  local missing
  for _, recipe in ipairs(recipes) do
    if recipe.data:flag(name, "func") then return end
    local here = missing_in(recipe.data, name, text)
    for each in pairs(missing or here) do
      if not here[each] then missing[each] = nil end
    end
    missing = missing or here
  end
  for each in order.sorted(missing) do
    local near = fault.nearest(each, recipes[1].data:names())
    add(entry.line, "undefined", ("'%s' refers to '%s', which nothing sets: '${%s}' stays as it is")
      :format(name, each, each), near and ("did you mean '%s'?"):format(near)
      or ("set '%s', or take the reference out"):format(each))
  end
end

local function active_in_any(recipes, override)
  for _, recipe in ipairs(recipes) do
    recipe.data:active_overrides()
    if recipe.data.override_set[override] then return true end
  end
  return false
end

local function near_override(recipes, override)
  if #override < 6 then return nil end
  for _, recipe in ipairs(recipes) do
    for _, known in ipairs(recipe.data:active_overrides()) do
      if fault.distance(known, override) == 1 and not (known .. override):find("%d") then
        return known
      end
    end
  end
end

local function has_task(recipes, name)
  for _, recipe in ipairs(recipes) do
    for _, task in ipairs(recipe.tasks) do
      if task.name:gsub("^do_", ""):gsub("_", "-") == name then return true end
    end
  end
  return false
end

local operators = {append = true, prepend = true, remove = true}

local function check_override(recipes, entry, override, add)
  if active_in_any(recipes, override) then return end
  local name = entry.name
  if override:find("^class%-") then
    add(entry.line, "override", ("'%s' has no effect: no variant of the recipe is '%s'"):format(
      name, override), ("take it out, or add '%s' to BBCLASSEXTEND"):format(override:sub(7)))
  elseif override:find("^pn%-") and not override:find("$", 1, true) then
    add(entry.line, "override", ("'%s' has no effect: the recipe is called '%s'"):format(name,
      recipes[1].name), ("write ':pn-%s', or leave the override out"):format(recipes[1].name))
  elseif override:find("^task%-") and not has_task(recipes, override:sub(6)) then
    add(entry.line, "override", ("'%s' has no effect: there is no task '%s'"):format(name,
      "do_" .. override:sub(6):gsub("%-", "_")), "moonsand tasks RECIPE shows what there is")
  else
    local near = near_override(recipes, override)
    if near then
      add(entry.line, "override", ("'%s' has no effect: '%s' is no override"):format(name,
        override), ("did you mean '%s'?"):format(near))
    end
  end
end

-- The text of all that was ever said of PACKAGES: what is made on a condition is no slip.
local function told_of_packages(recipe)
  local parts = {}
  for _, name in ipairs {"PACKAGES", "PACKAGE_BEFORE_PN", "PACKAGES_DYNAMIC",
    "PACKAGESPLITFUNCS"} do
    for _, entry in ipairs(recipe.data:where(name)) do parts[#parts + 1] = tostring(entry.text) end
  end
  return table.concat(parts, " ")
end

local function made(catalogue_matches, recipe, package)
  for _, name in ipairs(recipe.packages) do
    if name == package then return true end
  end
  for _, pattern in ipairs(recipe.dynamic) do
    if catalogue_matches(recipe.data, pattern, package) then return true end
  end
  return false
end

-- FILES:${PN}-tols: a package that the recipe does not make.
local function check_package(context, recipes, entry, base, part, add)
  if not of_packages[base] or not part:find("^%${B?PN}.") then return end
  for _, recipe in ipairs(recipes) do
    local ok, package = pcall(recipe.data.expand, recipe.data, part)
    if not ok or made(context.matches, recipe, package) then return end
    if told_of_packages(recipe):find(part:gsub("^%${B?PN}", ""), 1, true) then return end
  end
  local near = fault.nearest(recipes[1].data:expand(part), recipes[1].packages)
  add(entry.line, "package", ("'%s' has no effect: the recipe makes no package '%s'"):format(
    entry.name, part), near and ("did you mean '%s'?"):format(near) or "add it to PACKAGES")
end

local function check_names(context, recipes, all, entry, add)
  local base, rest = (entry.name or ""):match("^([^:]+):(.*)$")
  if not base then return end
  for part in rest:gmatch("[^:]+") do
    if not operators[part] then
      if part:find("$", 1, true) then
        check_package(context, recipes, entry, base, part, add)
      else
        check_override(all, entry, part, add)
      end
    end
  end
end

local adds = {["+="] = true, ["=+"] = true, [".="] = true, ["=."] = true}

local function has_text(entry)
  return type(entry.text) == "string" and entry.text:find("%S") ~= nil
end

local function shown(entry)
  return ("%s:%d"):format(entry.file:match("[^/]*$"), entry.line)
end

-- `A += "x"` sets A, so that a `?=` that comes later finds it set, and a `??=` counts no more.
local function check_default(recipe, name, file, add)
  local weak, first, set
  for _, entry in ipairs(recipe.data:where(name)) do
    local operator = entry.operator
    if entry.flag or entry.name ~= name or not entry.line then goto continue end
    if operator == "??=" then
      weak = entry
      if first and has_text(entry) and (first.file == file or entry.file == file) then
        add((first.file == file and first or entry).line, "lost-default",
          ("'%s' gets a text by '%s' in %s, so the default of '??=' in %s is lost"):format(name,
          first.operator, shown(first), shown(entry)), "use ':append', which keeps the default")
      end
    elseif operator == "?=" then
      if first and has_text(entry) and (first.file == file or entry.file == file) then
        add((first.file == file and first or entry).line, "lost-default",
          ("'%s' gets a text by '%s' in %s, so '?=' in %s has no effect"):format(name,
          first.operator, shown(first), shown(entry)), "use ':append', or move it below the '?='")
      end
      set = true
    elseif adds[operator] then
      if not set then first = first or entry end
      if not set and weak and has_text(weak) and entry.file == file then
        add(entry.line, "lost-default", ("'%s' of '%s' throws the default of '??=' in %s away")
          :format(operator, name, shown(weak)), "use ':append', which keeps the default")
      end
      set = true
    else
      set, first = operator ~= "unset", nil
    end
    ::continue::
  end
end

--- Check what a file says, in a recipe with its variants.
---@param context {above: moonsand.recipe.Data, matches: fun(d: table, pattern: string,
---  name: string): boolean}
---@param recipes moonsand.recipe.Recipe[]   the variants that did not take themselves out
---@param all moonsand.recipe.Recipe[]       all variants
---@param file string
---@param add fun(line: integer, rule: string, message: string, fix: string)
function M.check(context, recipes, all, file, add)
  local names = {}
  for _, recipe in ipairs(recipes) do
    each_entry(recipe, context.above, file, function(name, entry)
      if names[name] == nil then names[name] = {} end
      if not names[name][entry] then
        names[name][entry] = true
        check_undefined(recipes, name, entry, add)
        check_names(context, recipes, all, entry, add)
      end
    end)
  end
  for name in pairs(names) do check_default(recipes[1], name, file, add) end
end

return M
