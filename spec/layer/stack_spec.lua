local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"

local function outputs(room, stack, options)
  return room.store:tree_from({stack = stack, path = "outputs"}, options)
end

local function write_over(room, lower, text)
  local paths = {}
  for i, item in ipairs(lower) do paths[i] = item.path end
  local scratch <close> = room.store:scratch()
  layers.overlay(paths, scratch, text)
  return room.store:freeze(scratch, {over = lower})
end

describe("a stack", function()
  it("gives the paths of its layers, first wins", function()
    local room <close> = layers.room()
    local a, b = room:layer {a = "1"}, room:layer {b = "1"}
    assert.are.same({a.path, b.path}, layer.stack({a, b}).lower)
  end)

  it("of 500 layers is the largest that overlay takes", function()
    local many = {}
    for i = 1, 500 do many[i] = {path = "/l" .. i} end
    assert.are.equal(500, #layer.stack(many).lower)
    many[501] = {path = "/l501"}
    local fault = layers.fault(layer.stack, many)
    assert.are.equal("501 layers in one stack: the kernel's overlay takes at most 500",
      fault.message)
  end)
end)

describe("a subtree of a stack of work layers", function()
  it("merges directories, and the first layer wins", function()
    local room <close> = layers.room()
    local bottom = room:layer {["outputs/usr/a"] = "old", ["outputs/usr/b"] = "b", src = "no"}
    local top = room:layer {["outputs/usr/a"] = "new", ["outputs/etc/c"] = "c"}
    local tree = outputs(room, {top, bottom})
    assert.are.same({usr = "directory", ["usr/a"] = "file", ["usr/b"] = "file",
      etc = "directory", ["etc/c"] = "file"}, layers.shape(tree))
    assert.are.equal("new", host.read(tree.path .. "/usr/a"))
    assert.are.equal(room:tree("same", {["usr/a"] = "new", ["usr/b"] = "b",
      ["etc/c"] = "c"}).digest, tree.digest)
  end)

  it("obeys the whiteouts and opaque directories of real overlays", function()
    local room <close> = layers.room()
    local bottom = room:layer {["outputs/gone"] = "1", ["outputs/d/old"] = "1",
      ["outputs/e/deep/x"] = "1", ["outputs/keep"] = "1"}
    local middle = write_over(room, {bottom},
      "cd outputs; rm gone; rm -r d; mkdir d; echo > d/new; rm -r e")
    local top = write_over(room, {middle, bottom}, "cd outputs; mkdir e; echo > e/other")
    assert.are.same({keep = "file", d = "directory", ["d/new"] = "file", e = "directory",
      ["e/other"] = "file"}, layers.shape(outputs(room, {top, middle, bottom})))
  end)

  it("shows just what the mounted overlay shows", function()
    local room <close> = layers.room()
    local stack = {room:layer {["outputs/a/b/c"] = "1", ["outputs/f"] = "1", ["outputs/l"] = "->f"}}
    local changes = {"mkdir -p outputs/a/x; echo 1 > outputs/a/x/y; rm outputs/f; mkdir outputs/f",
      "rm -r outputs/a/b; ln -s x outputs/a/b; echo 2 > outputs/f/g",
      "rm outputs/l; rm -r outputs/f; echo 3 > outputs/f; mv outputs/a/x/y outputs/z",
      "rm -r outputs/a; mkdir -p outputs/a/b/c; chmod 755 outputs/z"}
    for _, text in ipairs(changes) do
      table.insert(stack, 1, write_over(room, stack, text))
      local scratch <close> = room.store:scratch()
      local shown = layers.overlay(layer.stack(stack).lower, scratch,
        "cd outputs; find . -mindepth 1 | sort")
      local tree = outputs(room, stack)
      assert.are.equal(shown, (layers.sh("cd " .. tree.path .. "; find . -mindepth 1 | sort")))
    end
  end)

  it("obeys whiteouts that are attributes, of user and trusted kind", function()
    local room <close> = layers.room()
    local bottom = room:layer {["outputs/gone"] = "1", ["outputs/stays"] = "1"}
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["outputs/gone"] = ""})
    assert(core.set_xattr(scratch.upper .. "/outputs", "user.overlay.opaque", "x"))
    assert(core.set_xattr(scratch.upper .. "/outputs/gone", "user.overlay.whiteout", "y"))
    local top = room.store:freeze(scratch)
    assert.are.same({stays = "file"}, layers.shape(outputs(room, {top, bottom})))
  end)

  it("lets a file hide a directory, and a directory a file", function()
    local room <close> = layers.room()
    local bottom = room:layer {["outputs/x/y"] = "1", ["outputs/z"] = "1"}
    local middle = room:layer {["outputs/x"] = "file", ["outputs/z/new"] = "1"}
    local top = room:layer {["outputs/x/other"] = "1"}
    assert.are.same({x = "file", z = "directory", ["z/new"] = "file"},
      layers.shape(outputs(room, {middle, bottom})))
    assert.are.same({x = "directory", ["x/other"] = "file", z = "directory", ["z/new"] = "file"},
      layers.shape(outputs(room, {top, middle, bottom})))
  end)

  it("leaves the work layers as they are", function()
    local room <close> = layers.room()
    local work = room:layer {["outputs/a"] = "1"}
    local before = core.stat(work.path .. "/outputs/a")
    outputs(room, {work})
    assert.are.same(before, core.stat(work.path .. "/outputs/a"))
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("that nobody wrote is a fault, or an empty tree where that is wanted", function()
    local room <close> = layers.room()
    local work = room:layer {src = "1"}
    assert.are.equal("there is no 'outputs' in the stack",
      layers.fault(outputs, room, {work}).message)
    local tree = outputs(room, {work}, {missing = "empty"})
    assert.are.equal(core.sha256(""), tree.digest)
    assert.are.same({}, core.readdir(tree.path))
  end)

  it("that is no directory is a fault", function()
    local room <close> = layers.room()
    local fault = layers.fault(outputs, room, {room:layer {outputs = "1"}})
    assert.are.equal("'outputs' is a file, not a directory", fault.message)
  end)

  it("refuses what a tree cannot hold, with its path", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["outputs/bin/"] = ""})
    assert(os.execute("mkfifo " .. scratch.upper .. "/outputs/bin/pipe"))
    local fault = layers.fault(outputs, room, {room.store:freeze(scratch)})
    assert.are.equal("'outputs/bin/pipe' is a fifo, which a tree cannot hold", fault.message)
  end)
end)
