-- A directory with recipes of a spec's own over the classes that ship, and a store beside them.
local build = require "moonsand.build"
local core = require "moonsand.core"
local recipe = require "moonsand.recipe"

local Project = {}
Project.__index = Project

--- Write files: path below the project's recipes -> text.
function Project:write(files)
  for name, text in pairs(files) do
    local path = self.path .. "/recipes/" .. name
    assert(core.mkdirs(path:match "^(.*)/"))
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end
end

--- A builder. What it sends is kept in `events`.
function Project:builder(options)
  self.events = {}
  local all = {
    config = recipe.configure {
      path = {self.path .. "/recipes", "recipes"}, variables = {BBFILES =
        self.path .. "/recipes/*/*.bb"},
    },
    store = self.path .. "/store", sync = "off", downloads = self.path .. "/downloads",
    host = {name = "spec"},
    emit = function(event) self.events[#self.events + 1] = event end,
  }
  for name, value in pairs(options or {}) do all[name] = value end
  return build.new(all)
end

--- Build, with a builder of its own.
function Project:build(targets, options)
  local builder <close> = self:builder(options)
  return builder:run(targets)
end

--- The last event of a task's end.
function Project:ended(task)
  local found
  for _, event in ipairs(self.events) do
    if event.event == "task_ended" and event.task == task then found = event end
  end
  return found
end

--- Did a task of the last build say this?
function Project:said(text)
  for _, event in ipairs(self.events) do
    if event.event == "task_log" and event.text:find(text, 1, true) then return event end
  end
end

--- The text of a task's log.
function Project:log(task)
  local name, rest = task:match "^(.*):(.*)$"
  local file = assert(io.open(("%s/build/%s/log.do_%s"):format(self.path, name, rest)))
  local text = file:read "a"
  file:close()
  return text
end

--- The digests of the work layers ("layers") or trees of the store.
function Project:stored(kind)
  local list, home = {}, self.path .. "/store/" .. kind
  if kind == "layers" then home = ("%s/%d"):format(home, core.uid()) end
  for _, shard in ipairs(core.readdir(home) or {}) do
    for _, name in ipairs(core.readdir(home .. "/" .. shard)) do list[#list + 1] = shard .. name end
  end
  return list
end

function Project:close()
  assert(core.remove_tree(self.path))
end

return {
  -- Another process's view of a project.
  at = function(path) return setmetatable({path = path}, Project) end,
  new = function()
    local path = assert(core.mkdtemp "/tmp/moonsand-spec.")
    assert(core.mkdirs(path .. "/recipes"))
    return setmetatable({path = path}, Project)
  end,
}
