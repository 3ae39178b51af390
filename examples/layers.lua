-- Layers by hand:   bin/moonsand examples/layers.lua
--
-- What a sandbox writes becomes a layer of a store, named by its content. A second one stands on
-- it; a tree is taken out of both, and is the same whoever makes it.
local moonsand = require "moonsand"

local core = moonsand.core
local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-layers."))
local undo <close> = moonsand.scope.new()
undo:defer(function() assert(core.remove_tree(place)) end)
local store <close> = moonsand.layer.open(place .. "/store", {sync = "off"})

--- Run a script over layers; what it writes is a layer, too.
local function over(layers, script)
  local scratch <close> = store:scratch()
  local lower = moonsand.layer.stack(layers).lower
  if #lower == 0 then lower = {(store:empty())} end
  local result = moonsand.sandbox.new {
    script = script, cwd = "/work",
    overlays = {{target = "/work", lower = lower, upper = scratch.upper}},
  }:run()
  assert(result.ok, result.message or result.stderr)
  return store:freeze(scratch, {over = layers})
end

local source = over({}, "mkdir src; echo 'int answer = 42;' >src/a.c")
local built = over({source}, "mkdir out; cp src/a.c out/a.txt; rm -r src")
local again = over({source}, "mkdir out; cp src/a.c out/a.txt; rm -r src")
print("the same twice is one layer: " .. tostring(built.digest == again.digest))

local tree = store:tree_from {stack = {built, source}, path = "out"}
for _, entry in ipairs(tree:entries()) do print(entry.type, entry.path, entry.size) end
print("it is whole: " .. tostring(#store:verify() == 0))
