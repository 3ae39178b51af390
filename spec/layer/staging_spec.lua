local layer = require "moonsand.layer"
local layers = require "spec.support.layers"

local function item(room, recipe, files, subtree)
  return {tree = room:tree(recipe, files), recipe = recipe, subtree = subtree}
end

local function conflict(...)
  return layers.fault(layer.staging, ...)
end

describe("staging", function()
  it("gives the trees as lowers in the order of the list", function()
    local room <close> = layers.room()
    local a, b = item(room, "a", {["usr/a"] = "1"}), item(room, "b", {["usr/b"] = "1"})
    assert.are.same({a.tree.path, b.tree.path}, layer.staging {a, b})
    assert.are.same({b.tree.path, a.tree.path}, layer.staging {b, a})
  end)

  it("adds empty layers until an overlay can be mounted read-only", function()
    local room <close> = layers.room()
    local a = item(room, "a", {["usr/a"] = "1"})
    local lower = layer.staging {a}
    assert.are.equal(2, #lower)
    local none = layer.staging({}, {}, room.store)
    for _, list in ipairs {lower, none} do
      assert.are.equal(2, #list)
      layers.unshared(("mkdir %s/point; mount -t overlay overlay -o ro,userxattr,lowerdir=%s "
        .. "%s/point; ls %s/point; umount %s/point; rmdir %s/point"):format(room.path,
        table.concat(list, ":"), room.path, room.path, room.path, room.path))
    end
  end)

  it("takes one tree that two recipes bring as one layer", function()
    local room <close> = layers.room()
    local a, b = item(room, "a", {x = "1"}), item(room, "b", {x = "1"})
    local c = item(room, "c", {y = "1"})
    assert.are.same({a.tree.path, c.tree.path}, layer.staging {a, b, c})
  end)

  it("accepts the same file in two trees", function()
    local room <close> = layers.room()
    local a = item(room, "a", {["usr/share/licence"] = "MIT", a = "1"})
    local b = item(room, "b", {["usr/share/licence"] = "MIT", b = "1"})
    assert.are.equal(2, #layer.staging {a, b})
  end)

  it("refuses two contents of a path and names both recipes and the path", function()
    local room <close> = layers.room()
    local a = item(room, "zlib", {["usr/include/zlib.h"] = "1"})
    local b = item(room, "zlib-ng", {["usr/include/zlib.h"] = "2"})
    local fault = conflict {a, b}
    assert.are.equal("layer", fault.kind)
    assert.are.equal("'zlib' and 'zlib-ng' both bring '/usr/include/zlib.h': different content",
      fault.message)
    assert.are.equal("say which one wins '/usr/include/zlib.h', or depend on one of them only",
      fault.hint)
    assert.are.same({{path = "usr/include/zlib.h", first = "zlib", second = "zlib-ng",
      why = "different content"}}, fault.conflicts)
  end)

  it("counts further conflicts, and takes the caller's hint", function()
    local room <close> = layers.room()
    local a = item(room, "a", {p = "1", q = "1", r = "1"})
    local b = item(room, "b", {p = "2", q = "2", r = "1"})
    local fault = conflict({a, b}, {hint = "SYSROOT_WINS"})
    assert.are.equal("'a' and 'b' both bring '/p': different content (and 1 more paths)",
      fault.message)
    assert.are.equal("SYSROOT_WINS", fault.hint)
  end)

  local cases = {
    {"a file against a directory", {x = "1"}, {["x/y"] = "1"}, "file and directory"},
    {"a link against a directory", {lib = "->usr/lib"}, {["lib/x"] = "1"},
      "symlink and directory"},
    {"a file against a link", {x = "1"}, {x = "->y"}, "file and symlink"},
    {"two links that lead elsewhere", {x = "->a"}, {x = "->b"}, "links to 'a' and 'b'"},
  }
  for _, case in ipairs(cases) do
    it("refuses " .. case[1], function()
      local room <close> = layers.room()
      local fault = conflict {item(room, "a", case[2]), item(room, "b", case[3])}
      assert.are.equal(case[4], fault.conflicts[1].why)
    end)
  end

  it("refuses an executable against the same bytes that are not", function()
    local room <close> = layers.room()
    local a = item(room, "a", {tool = "x"})
    local path = room:files("b", {tool = "x"})
    layers.sh("chmod 755 " .. path .. "/tool")
    local b = {tree = room.store:tree_from(path), recipe = "b"}
    assert.are.equal("executable and not", conflict({a, b}).conflicts[1].why)
  end)

  it("puts the winner of an allowed path on top", function()
    local room <close> = layers.room()
    local a = item(room, "busybox", {["bin/sh"] = "1", a = "1"})
    local b = item(room, "coreutils", {["usr/b"] = "1"})
    local c = item(room, "dash", {["bin/sh"] = "2"})
    assert.are.same({b.tree.path, c.tree.path, a.tree.path},
      layer.staging({a, b, c}, {allow = {["bin/sh"] = "dash"}}))
    assert.are.same({a.tree.path, b.tree.path, c.tree.path},
      layer.staging({a, b, c}, {allow = {["/bin/sh"] = "busybox"}}))
  end)

  it("lets a directory name the winner of all below it", function()
    local room <close> = layers.room()
    local a = item(room, "a", {["usr/share/info/dir"] = "1"})
    local b = item(room, "b", {["usr/share/info/dir"] = "2"})
    assert.are.same({b.tree.path, a.tree.path},
      layer.staging({a, b}, {allow = {["usr/share/"] = "b"}}))
  end)

  it("does not take a rule for a recipe that does not bring the path", function()
    local room <close> = layers.room()
    local a, b = item(room, "a", {x = "1"}), item(room, "b", {x = "2"})
    conflict({a, b}, {allow = {x = "c"}})
    conflict({a, b}, {allow = {y = "a"}})
  end)

  it("finds the winner among three that claim a path", function()
    local room <close> = layers.room()
    local a, b, c = item(room, "a", {x = "1", a = ""}), item(room, "b", {x = "1", b = ""}),
      item(room, "c", {x = "2"})
    assert.are.same({a.tree.path, b.tree.path, c.tree.path},
      layer.staging({c, a, b}, {allow = {x = "b"}}))
  end)

  it("refuses rules by which two trees lie above each other", function()
    local room <close> = layers.room()
    local a, b = item(room, "a", {x = "1", y = "1"}), item(room, "b", {x = "2", y = "2"})
    local fault = conflict({a, b}, {allow = {x = "a", y = "b"}})
    assert.are.equal("'a' and 'b' each win over the other on some path", fault.message)
  end)

  it("can show a part of a tree, and compares just that", function()
    local room <close> = layers.room()
    local a = item(room, "a", {["cross/usr/x"] = "1", y = "1"}, "/cross/")
    local b = item(room, "b", {y = "2", ["usr/z"] = "1"})
    assert.are.same({a.tree.path .. "/cross", b.tree.path}, layer.staging {a, b})
    local fault = conflict {item(room, "c", {q = "1"}, "none"), b}
    assert.are.equal("the tree of 'c' has no directory 'none'", fault.message)
  end)

  it("refuses unknown fields and options", function()
    local room <close> = layers.room()
    local tree = room:tree("a", {x = "1"})
    assert.has_error(function() layer.staging {{tree = tree, recipe = "a", prefix = "x"}} end,
      "unknown field 'prefix'")
    assert.has_error(function() layer.staging({}, {alow = {}}, room.store) end,
      "unknown option 'alow'")
  end)
end)
