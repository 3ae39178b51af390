-- A build script:   bin/moonsand examples/script.lua
--
-- Reads recipes, overrides a variable, adds a task, builds, and reacts to what happens.
local moonsand = require "moonsand"

local top = moonsand.core.realpath(arg[0]:match "^(.*)/examples/" or ".")
local place = assert(moonsand.core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-script."))
local undo <close> = moonsand.scope.new()
undo:defer(function() assert(moonsand.core.remove_tree(place)) end)

local config <close> = moonsand.recipe.configure {
  path = {top .. "/examples/recipes", top .. "/recipes"},
  variables = {GREETING = "hello from a script"},
}
moonsand.recipe.add_task(config:find "hello", {
  name = "check", after = "compile", before = "install", dirs = "${B}",
  script = [[
    ./hello | grep -q "from a script"
    echo "the program says what it should"
  ]],
})

local builder <close> = moonsand.build.new {
  config = config, store = place .. "/store", downloads = place .. "/downloads",
  emit = function(event)
    if event.event == "task_log" then io.write("  ", event.text) end
    if event.event == "task_ended" then print(event.task, event.outcome) end
  end,
}
os.exit(builder:run {"hello"}.ok, true)
