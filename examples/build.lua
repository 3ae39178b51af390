-- A build driven from Lua:   bin/moonsand examples/build.lua [GREETING]
--
-- Builds a recipe, runs what it installed as the only thing in a sandbox, and builds again: no task
-- runs a second time. With another GREETING, only what depends on it does.
local build = require "moonsand.build"
local core = require "moonsand.core"
local recipe = require "moonsand.recipe"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"

local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-build."))
local undo <close> = scope.new()
undo:defer(function() assert(core.remove_tree(place)) end)

local top = assert(core.realpath(arg[0]:match("^(.*)/examples/") or "."))

--- Build hello with a greeting; say what was done.
local function make(greeting)
  local builder <close> = build.new {
    config = recipe.configure {
      path = {top .. "/examples/recipes", top .. "/recipes"},
      variables = {GREETING = greeting},
    },
    store = place .. "/store",
    downloads = place .. "/downloads",
    emit = function(event)
      if event.event == "task_ended" then print(event.task, event.outcome) end
    end,
  }
  local summary = builder:run {"hello"}
  assert(summary.ok, "hello could not be built")

  local result = sandbox.new {
    root = builder:tree(summary, "hello:install", "outputs").path,
    command = {"/usr/bin/hello"},
  }:run()
  assert(result.ok, result.message)
  print("it says: " .. result.stdout)
end

make(arg[1] or "hello, moon")
make(arg[1] or "hello, moon")
make("hello, sand")
