local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"

local function keys(tree)
  local out = {}
  for _, entry in ipairs(tree:entries()) do out[#out + 1] = entry.path end
  table.sort(out)
  return out
end

local function collect(room, files, rules)
  return room.store:collect(room:tree("whole", files), rules)
end

describe("collecting a sysroot", function()
  it("takes headers, libraries and data, and leaves programs and manuals", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/include/z.h"] = "1", ["usr/lib/libz.so.1"] = "2",
      ["usr/lib/libz.so"] = "->libz.so.1", ["usr/bin/tool"] = "3", ["usr/share/man/z.3"] = "4",
      ["usr/share/aclocal/z.m4"] = "5", ["etc/z.conf"] = "6"}, layer.SYSROOT)
    assert.are.same({"usr", "usr/include", "usr/include/z.h", "usr/lib", "usr/lib/libz.so",
      "usr/lib/libz.so.1", "usr/share", "usr/share/aclocal", "usr/share/aclocal/z.m4"}, keys(tree))
    assert.are.same(layers.paths(tree.path), keys(tree))
  end)

  it("takes programs, too, for tools that run while building", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/bin/tool"] = "3", ["usr/share/doc/x"] = "4"}, layer.NATIVE)
    assert.are.same({"usr", "usr/bin", "usr/bin/tool", "usr/share"}, keys(tree))
  end)

  it("shares the files with the whole tree, and is a whole tree itself", function()
    local room <close> = layers.room()
    local whole = room:tree("whole", {["usr/lib/a"] = "1", ["usr/bin/b"] = "2",
      ["usr/lib/d/"] = ""})
    local tree = room.store:collect(whole, {directories = {"/usr/lib"}})
    assert.are.equal(core.stat(whole.path .. "/usr/lib/a").ino,
      core.stat(tree.path .. "/usr/lib/a").ino)
    assert.are.equal(1000000000, core.stat(tree.path .. "/usr").mtime_ns)
    local same = room:tree("same", {["usr/lib/a"] = "1", ["usr/lib/d/"] = ""})
    assert.are.equal(tree.digest, same.digest)
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("takes single files and links that a rule names", function()
    local room <close> = layers.room()
    local tree = collect(room, {lib = "->usr/lib", ["usr/lib/x"] = "1", ["bin/a"] = "1",
      ["bin/b"] = "1"}, {directories = {"/lib", "/bin/a"}})
    assert.are.same({"bin", "bin/a", "lib"}, keys(tree))
  end)

  it("leaves out what the rules ignore, with a star for one name", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/lib/a.la"] = "1", ["usr/lib/a.so"] = "1",
      ["usr/lib/p/q.la"] = "1"}, {directories = {"/usr/lib"}, ignore = {"/usr/lib/*.la"}})
    assert.are.same({"usr", "usr/lib", "usr/lib/a.so", "usr/lib/p", "usr/lib/p/q.la"}, keys(tree))
  end)

  it("does not take a directory for its namesake", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/lib64/a"] = "1", ["usr/lib/b"] = "1"},
      {directories = {"/usr/lib"}})
    assert.are.same({"usr", "usr/lib", "usr/lib/b"}, keys(tree))
  end)

  it("puts the result below a prefix", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/lib/a"] = "1"}, {directories = {"/"}, prefix = "/cross/arm"})
    assert.are.same({"cross", "cross/arm", "cross/arm/usr", "cross/arm/usr/lib",
      "cross/arm/usr/lib/a"}, keys(tree))
    assert.are.equal("1", host.read(tree.path .. "/cross/arm/usr/lib/a"))
    assert.are.equal(1000000000, core.stat(tree.path).mtime_ns)
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("of everything is the tree itself", function()
    local room <close> = layers.room()
    local whole = room:tree("whole", {a = "1"})
    assert.are.equal(whole, room.store:collect(whole, {directories = {"/"}}))
  end)

  it("of nothing is the empty tree", function()
    local room <close> = layers.room()
    local tree = collect(room, {["usr/bin/a"] = "1"}, {directories = {"/usr/lib"}})
    assert.are.equal(core.sha256(""), tree.digest)
  end)

  it("refuses unknown rules", function()
    local room <close> = layers.room()
    assert.has_error(function() collect(room, {a = "1"}, {directories = {}, ingore = {}}) end,
      "unknown rule 'ingore'")
  end)
end)
