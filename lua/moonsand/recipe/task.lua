--- Tasks: addtask, deltask, and what a finished recipe says about them.
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.recipe.Task
---@field name string            "do_compile"
---@field after string[]         tasks of this recipe that run before it; they need not exist
---@field flags table<string, string>  the flags that shape the graph, expanded

-- The flags that a graph is made of.
M.graph_flags = {
  "mcdepends", "depends", "rdepends", "deptask", "rdeptask", "recrdeptask", "recideptask",
  "nostamp", "fakeroot", "noexec", "umask",
}

local function full(name)
  return name:sub(1, 3) == "do_" and name or "do_" .. name
end

local function contains(list, name)
  for i = 1, #list do
    if list[i] == name then return true end
  end
  return false
end

-- Lists of tasks are never changed, and most are those of other recipes, too: each is kept once.
local lists = setmetatable({}, {__mode = "v"})

local function shared(list)
  local key = table.concat(list, " ")
  local known = lists[key]
  if known then return known end
  lists[key] = list
  return list
end

--- addtask
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
function M.add(d, statement)
  for word in statement.name:gmatch("%S+") do
    local name = full(word)
    d:set_flag(name, "task", 1, {operator = "addtask", name = name, flag = "task",
      file = statement.file, line = statement.line, after = statement.after,
      before = statement.before})
    local tasks = d.state.tasks or {}
    if not contains(tasks, name) then
      tasks = {table.unpack(tasks)}
      tasks[#tasks + 1] = name
      d.state.tasks = shared(tasks)
    end
    local deps = {table.unpack(d:raw_flag(name, "deps") or {})}
    for each in statement.after:gmatch("%S+") do
      each = full(each)
      if not contains(deps, each) then deps[#deps + 1] = each end
    end
    d:set_flag(name, "deps", shared(deps), false)
    for each in statement.before:gmatch("%S+") do
      each = full(each)
      deps = d:raw_flag(each, "deps") or {}
      if not contains(deps, name) then
        d:set_flag(each, "deps", shared {name, table.unpack(deps)}, false)
      end
    end
  end
end

local function lacking(list, name)
  local new = {}
  for _, each in ipairs(list) do
    if each ~= name then new[#new + 1] = each end
  end
  return new
end

--- deltask
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
function M.delete(d, statement)
  for word in d:expand(statement.text):gmatch("%S+") do
    local name = full(word)
    local entry = {operator = "deltask", name = name, flag = "task", file = statement.file,
      line = statement.line}
    if contains(d.state.tasks or {}, name) then
      d.state.tasks = lacking(d.state.tasks, name)
      d:delete_flag(name, "task", entry)
    end
    d:delete_flag(name, "deps", false)
    for _, other in ipairs(d.state.tasks or {}) do
      local deps = d:raw_flag(other, "deps") or {}
      if contains(deps, name) then d:set_flag(other, "deps", lacking(deps, name), false) end
    end
  end
end

-- "recipe:do_task" with the recipe replaced when BB_RECIPE_VIRTUAL_PROVIDERS names it.
local function mapped(d, task, entry, virtual)
  local recipe, name = entry:match("^([^:]*):([^:]*)$")
  if not recipe then
    fault.throw("recipe", ("%s[depends] holds '%s'"):format(task, entry), {
      where = d:flag_place(task, "depends"), reason = "task", hint = "each word is RECIPE:do_TASK",
    })
  end
  if virtual[recipe] then recipe = d:get("PREFERRED_PROVIDER_" .. recipe) or "None" end
  return recipe .. ":" .. name
end

local function virtual_names(d)
  local virtual = {}
  for name in (d:get("BB_RECIPE_VIRTUAL_PROVIDERS") or ""):gmatch("%S+") do virtual[name] = true end
  return virtual
end

local function map_depends(d, virtual)
  local names = {}
  for name in (d:get("DEPENDS") or ""):gmatch("%S+") do
    if virtual[name] then
      local provider = d:get("PREFERRED_PROVIDER_" .. name)
      if not provider or provider == "" then
        fault.throw("recipe", ("PREFERRED_PROVIDER_%s is not set, but DEPENDS holds '%s'"):format(
          name, name), {where = d:place("DEPENDS"), reason = "task",
          hint = ("set PREFERRED_PROVIDER_%s in the configuration"):format(name)})
      end
      name = provider
    end
    names[#names + 1] = name
  end
  d:set("DEPENDS", table.concat(names, " "))
end

--- Replace recipe-level virtual providers in DEPENDS and in the tasks' `depends`.
---@param d moonsand.recipe.Data
function M.map_virtual(d)
  local virtual = virtual_names(d)
  map_depends(d, virtual)
  for _, task in ipairs(d.state.tasks or {}) do
    local entries = {}
    for entry in (d:flag(task, "depends") or ""):gmatch("%S+") do
      entries[#entries + 1] = mapped(d, task, entry, virtual)
    end
    d:set_flag(task, "depends", table.concat(entries, " "), false)
  end
end

local switches = {noexec = true, fakeroot = true, nostamp = true}
local not_one = "In a future version of BitBake, setting the '%s' flag to something other than " ..
  "'1' will result in the flag not being set. See YP bug #13808."

local function collect(d, name)
  local task = {name = name, after = {}, flags = {}}
  for _, flag in ipairs(M.graph_flags) do
    local value = d:flag(name, flag)
    if value then
      task.flags[flag] = value
      if switches[flag] and tostring(value) ~= "1" then d:warn(not_one:format(flag)) end
    end
  end
  for _, each in ipairs(d:raw_flag(name, "deps") or {}) do
    task.after[#task.after + 1] = d:expand(each)
  end
  return task
end

--- The tasks of a finished recipe, in the order of addtask.
---@param d moonsand.recipe.Data
---@return moonsand.recipe.Task[]
function M.collect(d)
  local tasks, seen = {}, {}
  for _, word in ipairs(d.state.tasks or {}) do
    local name = d:expand(word)
    if d:raw_flag(name, "task") ~= 1 then d:set_flag(name, "task", 1, false) end
    local task = collect(d, name)
    if seen[name] then
      tasks[seen[name]] = task
    else
      tasks[#tasks + 1] = task
      seen[name] = #tasks
    end
  end
  return tasks
end

return M
