local changes = require "moonsand.layer.changes"
local layers = require "spec.support.layers"

--- "A /path size" for each change that a script makes when it writes over layers.
local function changed(room, stack, script)
  local paths = {}
  for i, item in ipairs(stack) do paths[i] = item.path end
  local scratch <close> = room.store:scratch()
  layers.overlay(paths, scratch, script)
  local lines = {}
  for i, one in ipairs(changes.list(scratch.upper, paths)) do
    lines[i] = one.mark .. " " .. one.path .. (one.size and " " .. one.size or "")
  end
  return lines
end

describe("the changes of an upper", function()
  it("are what came, what is other, and what went, sorted", function()
    local room <close> = layers.room()
    local bottom = room:layer {["d/old"] = "1", ["d/same"] = "1", gone = "1"}
    assert.are.same({"M /d/old 5", "D /gone", "A /link", "A /n/new 3"}, changed(room, {bottom},
      "echo text > d/old; rm gone; mkdir n; echo ab > n/new; ln -s d link"))
  end)

  it("name a directory only when nothing in it does", function()
    local room <close> = layers.room()
    local bottom = room:layer {a = "1"}
    assert.are.same({"A /e", "A /f/g"}, changed(room, {bottom}, "mkdir e f f/g"))
  end)

  it("know what a removed directory held, and a file in its place", function()
    local room <close> = layers.room()
    local bottom = room:layer {["d/a"] = "1", ["d/b"] = "1", ["e/x"] = "1"}
    assert.are.same({"D /d/a", "D /d/b", "A /d/c 2", "M /e 2"},
      changed(room, {bottom}, "rm -r d; mkdir d; echo 1 > d/c; rm -r e; echo 1 > e"))
  end)

  it("look through all layers below", function()
    local room <close> = layers.room()
    local bottom, top = room:layer {a = "1"}, room:layer {b = "1"}
    assert.are.same({"M /a 2", "D /b"}, changed(room, {top, bottom}, "echo 2 > a; rm b"))
  end)
end)
