local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"
local layout = require "moonsand.layer.layout"

describe("opening a store", function()
  it("makes one of a directory that is missing, with its format", function()
    local dir <close> = host.scratch()
    local store <close> = layer.open(dir.path .. "/a/b")
    assert.are.equal("2 sha256 flat\n", dir:read("a/b/format"))
    assert.are.equal("store " .. dir.path .. "/a/b", tostring(store))
  end)

  it("opens it again, also through a link and while it is open", function()
    local room <close> = layers.room()
    assert(core.symlink("store", room.path .. "/link"))
    local again <close> = layer.open(room.path .. "/link")
    assert.are.equal(room.store.path, again.path)
  end)

  it("refuses a newer format and says which one it knows", function()
    local room <close> = layers.room()
    layers.write(room.store_path .. "/format", "3 sha256 packed\n")
    local fault = layers.fault(layer.open, room.store_path)
    assert.are.equal("layer", fault.kind)
    assert.are.equal(("the store '%s' has format '3 sha256 packed'; this moonsand knows "
      .. "'2 sha256 flat'"):format(room.store_path), fault.message)
    assert.are.equal("use a newer moonsand, or another store", fault.hint)
  end)

  it("refuses an older format, and says what to do, instead of calling all damaged", function()
    local room <close> = layers.room()
    layers.write(room.store_path .. "/format", "1 sha256 flat\n")
    for _, look in ipairs {layer.open, layout.find} do
      local fault = layers.fault(look, room.store_path)
      assert.are.equal(("the store '%s' has format '1 sha256 flat', of an older moonsand; this one "
        .. "has '2 sha256 flat'"):format(room.store_path), fault.message)
      assert.matches("remove it: it is a cache", fault.hint, 1, true)
    end
  end)

  it("refuses a format that is none", function()
    local room <close> = layers.room()
    layers.write(room.store_path .. "/format", "hello\n")
    assert.matches("which is no store's format", layers.fault(layer.open, room.store_path).message)
  end)

  it("refuses a directory with other things in it, and changes nothing there", function()
    local dir <close> = host.scratch()
    dir:file("home/letter.txt", "dear")
    local fault = layers.fault(layer.open, dir.path .. "/home")
    assert.matches("no store, and not empty: there is 'letter.txt' in it", fault.message)
    assert.are.same({"letter.txt"}, core.readdir(dir.path .. "/home"))
  end)

  it("completes a creation that was cut off", function()
    local dir <close> = host.scratch()
    dir:dir("store/trees")
    dir:file("store/format.123", "1 sha")
    local store <close> = layer.open(dir.path .. "/store")
    assert.are.equal("2 sha256 flat\n", dir:read("store/format"))
    assert.is_nil((store:tree(core.sha256("none"))))
  end)

  it("knows the file systems where no upper directory works", function()
    assert.are.equal("the kernel takes no upper directory on an overlay", layout.unfit("overlay"))
    assert.is_string(layout.unfit("nfs"))
    assert.is_nil(layout.unfit("ext4"))
  end)

  it("refuses to lie on an overlay, with the reason and a next step", function()
    local dir <close> = host.scratch()
    for _, name in ipairs {"lower", "upper", "work", "point"} do dir:dir(name) end
    local output = layers.unshared(([[cd %s
      mount -t overlay overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work point
      LUA_PATH="%s" LUA_CPATH="%s" lua5.4 -e '
        print(select(2, pcall(require "moonsand.layer".open, "point/store")))'
    ]]):format(dir.path, package.path:gsub("%./", core.realpath(".") .. "/"),
      (package.cpath:gsub("%./", core.realpath(".") .. "/"))))
    assert.matches("the store '.*/point/store' would lie on overlay: the kernel takes no upper",
      output)
    assert.matches("choose a directory on a local file system", output)
  end)

  it("refuses unknown options", function()
    local dir <close> = host.scratch()
    assert.has_error(function() layer.open(dir.path, {snyc = "off"}) end, "unknown option 'snyc'")
  end)

  it("leaves nothing in tmp and leases after closing", function()
    local room <close> = layers.room {sync = "batch"}
    room:tree("a", {file = "x"})
    room.store:close()
    assert.are.same({}, core.readdir(room.store_path .. "/tmp"))
    assert.are.same({}, core.readdir(room.store_path .. "/leases"))
    room.store:close() -- twice is fine
  end)
end)

describe("a scratch directory", function()
  it("is private, on the store's file system, and gone when closed", function()
    local room <close> = layers.room()
    local path
    do
      local scratch <close> = room.store:scratch()
      path = scratch.path
      assert.are.equal(core.stat(room.store_path).dev, core.stat(scratch.upper).dev)
      assert.are.equal(448, core.stat(path).mode) -- 0700
      assert.are.equal("directory", core.stat(scratch.work).type)
    end
    assert.is_nil((core.stat(path)))
  end)

  it("is removed although overlay left a workdir without any rights", function()
    local room <close> = layers.room()
    local scratch = room.store:scratch()
    layers.overlay({room:files("lower", {a = "1"})}, scratch, "echo 2 > a; rm -f none; mkdir d")
    assert.are.equal(0, core.stat(scratch.work .. "/work").mode)
    scratch:close()
    assert.is_nil((core.stat(scratch.path)))
  end)

  it("can be kept under a name, and mounted again", function()
    local room <close> = layers.room()
    local lower = room:files("lower", {a = "1"})
    local scratch = room.store:scratch()
    layers.overlay({lower}, scratch, "echo 2 > b")
    scratch:keep("zlib:compile")
    scratch:close()
    local kept = assert(room.store:kept("zlib:compile"))
    assert.are.equal("1\n2\n", layers.overlay({lower}, kept, "echo $(cat a); cat b"))
    assert.is_nil(room.store:kept("zlib:install"))
  end)

  it("kept again under the same name replaces the first", function()
    local room <close> = layers.room()
    for i = 1, 2 do
      local scratch = room.store:scratch()
      layers.write(scratch.upper .. "/file" .. i, "")
      scratch:keep("x:y")
    end
    assert.are.same({"file2"}, core.readdir(room.store:kept("x:y").upper))
  end)
end)

describe("a record", function()
  it("comes back as it was, whatever is in it", function()
    local room <close> = layers.room()
    local key = core.sha256("key")
    room.store:put_record("action", key, "a\0b\n")
    assert.are.equal("a\0b\n", room.store:record("action", key))
    assert.is_nil(room.store:record("intent", key))
    assert.is_nil(room.store:record("action", core.sha256("other")))
  end)

  it("is replaced by a newer one", function()
    local room <close> = layers.room()
    room.store:put_record("intent", "key", "1")
    room.store:put_record("intent", "key", "2")
    assert.are.equal("2", room.store:record("intent", "key"))
  end)

  it("that a crash cut off is not there", function()
    local room <close> = layers.room()
    local path = room.store:put_record("action", "key", "some text")
    layers.write(path, host.read(path):sub(1, -2))
    assert.is_nil(room.store:record("action", "key"))
    layers.write(path, "")
    assert.is_nil(room.store:record("action", "key"))
  end)

  it("of a log is the plain text in a file", function()
    local room <close> = layers.room()
    local path = room.store:put_record("log", "zlib:compile", "cc -c a.c\n")
    assert.are.equal("cc -c a.c\n", host.read(path))
    assert.are.equal(path, room.store:record_path("log", "zlib:compile"))
  end)

  it("never leaves the store, whatever its key", function()
    local room <close> = layers.room()
    local path = room.store:put_record("log", "../../../etc", "x")
    assert.are.equal(room.store_path .. "/logs/", path:sub(1, #room.store_path + 6))
    assert.are.equal("x", room.store:record("log", "../../../etc"))
    assert.is_nil(path:find("/../", 1, true))
  end)
end)

describe("a lock", function()
  it("excludes other holders of the same name only", function()
    local room <close> = layers.room()
    local held = room.store:lock("zlib/compile")
    assert.is_nil(room.store:lock("zlib/compile", "try"))
    local other <close> = assert(room.store:lock("zlib/install", "try"))
    assert.are_not.equal(held, other)
    held:close()
    local again <close> = assert(room.store:lock("zlib/compile", "try"))
    assert.is_userdata(again)
  end)
end)

describe("a store in a loop", function()
  local loop = require "moonsand.loop"

  it("lets one coroutine wait for a lock of another", function()
    local room <close> = layers.room()
    local events = {}
    local tasks <close> = loop.new()
    for i = 1, 2 do
      tasks:spawn(function()
        local _ <close> = room.store:lock("same")
        events[#events + 1] = "in " .. i
        loop.wait({}, 0.01)
        events[#events + 1] = "out " .. i
      end)
    end
    tasks:run()
    assert.are.same({"in 1", "out 1", "in 2", "out 2"}, events)
  end)

  it("freezes the same layer from two coroutines that take turns", function()
    local room <close> = layers.room()
    local pace = require "moonsand.layer.pace"
    local step, turns = pace.step, 0
    pace.step = function() -- a turn at every directory
      turns = turns + 1
      loop.wait({}, 0)
    end
    local found = {}
    do
      local tasks <close> = loop.new()
      for i = 1, 2 do
        tasks:spawn(function()
          local work = room:layer {["a/b/c"] = "1", ["d/e"] = "2"}
          found[i] = room.store:tree_from {stack = {work}}
        end)
      end
      tasks:run()
    end
    pace.step = step
    assert.are.equal(found[1], found[2])
    assert.is_true(turns > 8)
    assert.are.same({{}, 2}, {room.store:verify {full = true}})
  end)
end)

describe("a digest that is none", function()
  it("is the caller's mistake", function()
    local room <close> = layers.room()
    assert.has_error(function() room.store:tree("../x") end)
    assert.has_error(function() room.store:tree(("A"):rep(64)) end)
  end)
end)
