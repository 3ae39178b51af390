-- A root made of layers only:   bin/moonsand examples/image.lua [DIRECTORY]
--
-- Builds busybox, lua and squashfs-tools, puts what they install on top of each other as the root
-- of a sandbox in which there is nothing else, and lets the three work together in it.
local build = require "moonsand.build"
local core = require "moonsand.core"
local recipe = require "moonsand.recipe"
local sandbox = require "moonsand.sandbox"

local programs = {"busybox", "lua", "squashfs-tools"}
local place = arg[1] or "build/demo"
assert(core.mkdirs(place))
place = assert(core.realpath(place))
local recipes = assert(core.realpath(arg[0]:match("^(.*)/examples/") or ".")) .. "/recipes"

local builder <close> = build.new {
  config = recipe.configure {path = {recipes}},
  store = place .. "/store",
  downloads = place .. "/downloads",
  directory = place .. "/build",
  emit = function(event)
    if event.event == "task_ended" and event.outcome ~= "cached" then
      print(("%s: %s, %.1fs"):format(event.task, event.outcome, event.seconds))
    end
  end,
}

local summary = builder:run(programs)
assert(summary.ok, "a task failed; bin/moonsand build tells more")

local lower = {}
for i, name in ipairs(programs) do
  lower[i] = builder:tree(summary, name .. ":install", "outputs").path
  print(("layer %d  %s"):format(i, name))
end

local result = sandbox.new {
  root = "empty",
  overlays = {{target = "/", lower = lower}},
  script = [[
    echo "/bin/sh is $(readlink /bin/sh), and / has: $(echo /*)"
    uname -s -m
    mkdir /tmp/tree
    lua -e 'for i = 1, 9 do print(("%d squared is %d"):format(i, i * i)) end' >/tmp/tree/squares
    mksquashfs /tmp/tree /tmp/image -no-progress -quiet
    unsquashfs -no-progress -quiet -dest /tmp/again /tmp/image
    sort -r /tmp/again/squares | head -n 3
  ]],
  env = {PATH = "/usr/bin:/usr/sbin:/bin:/sbin"},
  stdout = "inherit", stderr = "inherit",
}:run()

print(result)
os.exit(result:code(), true)
