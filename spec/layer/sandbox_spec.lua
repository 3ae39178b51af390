-- Layers and sandboxes together, as a build uses them.
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"
local sandbox = require "moonsand.sandbox"

-- Run a script over a stack; freeze what it wrote.
local function task(room, stack, script)
  local scratch <close> = room.store:scratch()
  local lower = layer.stack(stack).lower
  if #lower == 0 then lower = {(room.store:empty())} end
  local result = sandbox.new {
    script = script, cwd = "/work",
    overlays = {{target = "/work", lower = lower, upper = scratch.upper, work = scratch.work}},
  }:run()
  assert(result.ok, result.message or result.stderr)
  return room.store:freeze(scratch, {over = stack}), result.stdout
end

describe("tasks in sandboxes over layers", function()
  it("pass their files on, and the outputs become a tree that others mount read-only", function()
    local room <close> = layers.room()
    local unpacked = task(room, {}, "mkdir src; echo 1 > src/a.c; echo 2 > src/b.c")
    local compiled = task(room, {unpacked}, "rm src/b.c; mkdir build; cat src/a.c > build/a.o")
    local installed = task(room, {compiled, unpacked},
      "mkdir -p outputs/usr/include; cp build/a.o outputs/usr/include/a.h; test ! -e src/b.c")
    local tree = room.store:tree_from {stack = {installed, compiled, unpacked}, path = "outputs"}
    assert.are.equal("1\n", host.read(tree.path .. "/usr/include/a.h"))
    local sysroot = room.store:collect(tree, layer.SYSROOT)
    local result = sandbox.new {
      script = "cat /work/recipe-sysroot/usr/include/a.h; echo x > /work/recipe-sysroot/usr/x",
      overlays = {{target = "/work/recipe-sysroot", read_only = true,
        lower = layer.staging {{tree = sysroot, recipe = "a"}}}},
    }:run()
    assert.are.equal("1\n", result.stdout)
    assert.is_false(result.ok)
    assert.matches("Read%-only file system", result.stderr)
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("replace directories by files and others by directories, and the tree shows it", function()
    local room <close> = layers.room()
    local one = task(room, {}, "mkdir -p outputs/d/e; echo 1 > outputs/d/e/f; echo 1 > outputs/g")
    local two = task(room, {one}, "rm -r outputs/d outputs/g; echo 2 > outputs/d; mkdir outputs/g")
    local three = task(room, {two, one}, "rm outputs/d; mkdir outputs/d; echo 3 > outputs/d/new")
    local stack = {three, two, one}
    assert.are.same({d = "directory", ["d/new"] = "file", g = "directory"},
      layers.shape(room.store:tree_from {stack = stack, path = "outputs"}))
  end)

  it("give the same work layer when they run again", function()
    local room <close> = layers.room()
    local script = "mkdir a; echo 1 > a/b; ln -s b a/c; chmod 750 a"
    assert.are.equal(task(room, {}, script), (task(room, {}, script)))
  end)
end)
