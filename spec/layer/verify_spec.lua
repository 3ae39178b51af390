local core = require "moonsand.core"
local layers = require "spec.support.layers"
local seal = require "moonsand.layer.seal"

local function problems(room, options)
  local findings = room.store:verify(options)
  return #findings == 1 and findings[1].problems or findings
end

describe("verify", function()
  it("finds nothing in a sound store, and counts what it looked at", function()
    local room <close> = layers.room()
    room:tree("a", {x = "1", ["d/e/"] = "", l = "->x"})
    room:layer {y = "2"}
    assert.are.same({{}, 2}, {room.store:verify {full = true}})
  end)

  it("sees in a tree what is missing, added, shorter or of another kind", function()
    local room <close> = layers.room()
    local tree = room:tree("a", {a = "1", b = "22", c = "3", d = "->a", e = "5"})
    assert(core.unlink(tree.path .. "/a"))
    layers.write(tree.path .. "/b", "2")
    assert(core.chmod(tree.path .. "/c", 493))
    assert(core.unlink(tree.path .. "/d"))
    assert(core.symlink("b", tree.path .. "/d"))
    assert(core.unlink(tree.path .. "/e"))
    assert(core.mkdir(tree.path .. "/e"))
    layers.write(tree.path .. "/f", "")
    assert.are.same({"'a' is missing", "'b' has 1 bytes, not 2", "'c' has another mode",
      "'e' is a directory, not a file", "'d' leads to 'b', not to 'a'",
      "'f' does not belong here"}, problems(room))
  end)

  it("sees changed bytes of the same length only when it reads them all", function()
    local room <close> = layers.room()
    layers.write(room:tree("a", {a = "1"}).path .. "/a", "2")
    assert.are.same({}, problems(room))
    assert.are.same({"'a' has other content"}, problems(room, {full = true}))
  end)

  it("sees changes in a work layer", function()
    local room <close> = layers.room()
    local work = room:layer {["d/a"] = "1"}
    layers.write(work.path .. "/d/a", "2")
    assert.are.same({}, problems(room))
    assert.are.same({"'d/a' is not as it was frozen"}, problems(room, {full = true}))
    assert(core.chmod(work.path .. "/d/a", 384))
    assert.are.same({"'d/a' is not as it was frozen"}, problems(room))
  end)

  it("puts bad ones aside when asked to repair, and they are simply not there", function()
    local room <close> = layers.room()
    local tree = room:tree("a", {a = "1"})
    layers.write(tree.path .. "/a", "2")
    room.store:verify {full = true, repair = true}
    assert.is_nil((room.store:tree(tree.digest)))
    assert.are.equal(1, #core.readdir(room.store_path .. "/quarantine"))
    assert.are.equal("1", io.lines(room:tree("b", {a = "1"}).path .. "/a")())
    assert.are.same({}, problems(room, {full = true}))
    room.store:gc() -- it may be mounted still
    assert.are.equal(1, #core.readdir(room.store_path .. "/quarantine"))
    room:reopen():gc()
    assert.are.same({}, core.readdir(room.store_path .. "/quarantine"))
  end)
end)

describe("the first use of a tree by a process", function()
  local function damaged(change, options)
    local room <close> = layers.room()
    local tree = room:tree("a", {["d/a"] = "1"})
    change(tree.path:gsub("/t$", ""))
    local found, why = room:reopen(options):tree(tree.digest)
    assert.is_nil(found)
    assert.are.equal(1, #core.readdir(room.store_path .. "/quarantine"))
    return why
  end

  it("notices a manifest that is not its own", function()
    assert.matches("not the one of this digest", damaged(function(place)
      layers.write(place .. "/manifest", "\n\0")
    end))
    assert.matches("not a tree's manifest", damaged(function(place)
      layers.write(place .. "/manifest", "")
    end))
  end)

  it("notices that a part is missing", function()
    for _, name in ipairs {"manifest", "meta", "t"} do
      assert.matches("is missing", damaged(function(place)
        assert(core.remove_tree(place .. "/" .. name))
      end))
    end
  end)

  it("looks at sizes or at content when the store is opened so", function()
    assert.are.equal("'d/a' has 3 bytes, not 1", damaged(function(place)
      layers.write(place .. "/t/d/a", "333")
    end, {sync = "off", check = "sizes"}))
    assert.are.equal("'d/a' has other content", damaged(function(place)
      layers.write(place .. "/t/d/a", "2")
    end, {sync = "off", check = "full"}))
  end)

  -- A crash is played by a meta file of another boot.
  local function of_another_boot(store, meta)
    local text = assert((seal.read(store, meta)))
    layers.write(meta, seal.close(store, meta, (text:gsub("boot %S+", "boot other"))))
  end

  local function after_a_crash(options, synced)
    local room <close> = layers.room(options)
    local tree = room:tree("a", {a = "1"})
    if synced then room.store:sync() end
    local meta = tree.path:gsub("/t$", "/meta")
    of_another_boot(room.store_path, meta)
    layers.write(tree.path .. "/a", "2")
    room.store.dirty = false
    local found, why = room:reopen(options):tree(tree.digest)
    return found ~= nil, why
  end

  it("reads everything after a crash when it was not known to be on the disk", function()
    assert.are.same({false, "'a' has other content"}, {after_a_crash {sync = "batch"}})
    assert.are.same({false, "'a' has other content"}, {after_a_crash {sync = "off"}})
  end)

  it("reads everything once after a crash, not every time", function()
    local room <close> = layers.room()
    local tree = room:tree("a", {a = "1"})
    local meta = tree.path:gsub("/t$", "/meta")
    of_another_boot(room.store_path, meta)
    assert.is_table(room:reopen():tree(tree.digest))
    assert.matches("\ndurable yes\n", assert(io.open(meta)):read("a"))
    assert.is_table(room:reopen():tree(tree.digest))
    assert.are.equal(1, room.store:tree(tree.digest).files)
  end)

  it("believes after a crash what had been synced", function()
    assert.is_true((after_a_crash({sync = "batch"}, true)))
    assert.is_true((after_a_crash {sync = "each"}))
  end)
end)
