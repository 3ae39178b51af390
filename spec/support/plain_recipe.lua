-- A recipe made of plain tables, for specs of the rooms that only ask a recipe questions.
local Data = {}
Data.__index = Data

function Data:get(name) return self.values[name] end
function Data:raw(name) return self.values[name] end
function Data:set(name, value) self.values[name] = value end
function Data:flag(name, flag) return (self.flags_of[name] or {})[flag] end
function Data:flags(name) return self.flags_of[name] or {} end
function Data:where(name) return self.places[name] or {} end

-- spec: {name, depends = {...}, tasks = {{"do_a", after = {...}, flag = value, ...}, ...},
--        values = {}, flags = {NAME = {flag = value}}, places = {NAME = {{text, file, line}, ...}}}
return function(spec)
  local data = setmetatable({
    values = spec.values or {}, flags_of = spec.flags or {}, places = spec.places or {},
  }, Data)
  local tasks = {}
  for i, task in ipairs(spec.tasks or {}) do
    local flags = data.flags_of[task[1]] or {}
    tasks[i] = {name = task[1], after = task.after or {}, flags = flags}
    for key, value in pairs(task) do
      if type(key) == "string" and key ~= "after" then flags[key] = value end
    end
    data.flags_of[task[1]] = flags
  end
  return {
    name = spec.name, version = spec.version or "1", tasks = tasks, data = data,
    file = spec.file or "/r/" .. spec.name .. ".bb", variant = "", priority = 0, preference = 0,
    depends = spec.depends or {}, provides = spec.provides or {spec.name},
    rdepends = spec.rdepends or {}, packages = spec.packages or {spec.name},
    rprovides = spec.rprovides or {}, dynamic = spec.dynamic or {}, skipped = spec.skipped,
    world = spec.world ~= false,
  }
end
