local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

local SECOND = 1000000000

describe("a tree from a directory", function()
  it("has the digest that the Remote Execution API gives it", function()
    local room <close> = layers.room()
    local path = room:files("in", {["src/main.c"] = "int main(void){return 0;}\n",
      ["run.sh"] = "#!/bin/sh\necho hi\n", latest = "->src/main.c"})
    assert(core.chmod(path .. "/run.sh", 448)) -- 0700
    local tree = room.store:tree_from(path)
    assert.are.equal("fddc10c60c81cc7e3f1739515e3bd7083cf13397cbd3013ed456547a56966f9b",
      tree.digest)
    assert.are.equal("5403275e0742ab4e3fb602df91e6134482cd11210b6cd6dc30a3fa343f03a0a3",
      core.sha256(tree:read_manifest()))
    assert.are.same({3, 44}, {tree.files, tree.bytes})
  end)

  it("is normalised on disk, and the source is left as it was", function()
    local room <close> = layers.room()
    local path = room:files("in", {["d/data"] = "x", tool = "y", link = "->d"})
    assert(core.chmod(path .. "/d", 511)) -- 0777
    assert(core.chmod(path .. "/d/data", 384)) -- 0600
    assert(core.chmod(path .. "/tool", 457)) -- 0711
    assert(core.set_xattr(path .. "/tool", "user.note", "x"))
    local tree = room.store:tree_from(path)
    local function look(name)
      local st = core.stat(tree.path .. "/" .. name)
      return {st.mode, st.mtime_ns}
    end
    assert.are.same({493, SECOND}, look "d")
    assert.are.same({493, SECOND}, look "")
    assert.are.same({420, SECOND}, look "d/data")
    assert.are.same({493, SECOND}, look "tool")
    assert.are.equal(SECOND, look("link")[2])
    assert.is_nil((core.xattr(tree.path .. "/tool", "user.note")))
    assert.are.equal(384, core.stat(path .. "/d/data").mode)
    assert.are.equal("x", core.xattr(path .. "/tool", "user.note"))
  end)

  it("is the same on disk whatever the umask", function()
    local room <close> = layers.room()
    room:files("in", {["d/x"] = "1"})
    local text = ([[local store <close> = require "moonsand.layer".open("%s", {sync = "off"})
      io.write(store:tree_from("%s/in").path)]]):format(room.store_path, room.path)
    layers.write(room.path .. "/make.lua", text)
    local path, ok = layers.sh(("umask 077; LUA_PATH='%s' LUA_CPATH='%s' lua5.4 %s/make.lua")
      :format(package.path, package.cpath, room.path))
    assert.is_true(ok, path)
    assert.are.equal(493, core.stat(path).mode)
    assert.are.equal(493, core.stat(path .. "/d").mode)
    assert.are.equal(420, core.stat(path .. "/d/x").mode)
  end)

  it("is one tree, however often and from where it is made", function()
    local room <close> = layers.room()
    local one = room:tree("one", {a = "1"})
    local two = room:tree("two", {a = "1"})
    assert.are.equal(one, two)
    assert.are_not.equal(one.digest, room:tree("three", {a = "2"}).digest)
  end)

  it("keeps empty directories and links that lead nowhere or to absolute paths", function()
    local room <close> = layers.room()
    local tree = room:tree("in", {["empty/"] = "", bad = "->nowhere", abs = "->/usr/bin/env"})
    assert.are.same({empty = "directory", bad = "-> nowhere", abs = "-> /usr/bin/env"},
      layers.shape(tree))
    assert.are.equal("/usr/bin/env", core.readlink(tree.path .. "/abs"))
  end)

  it("has copies of its own where the source had hard links", function()
    local room <close> = layers.room()
    local path = room:files("in", {a = "1"})
    assert(core.link(path .. "/a", path .. "/b"))
    local tree = room.store:tree_from(path)
    assert.are.equal(1, core.stat(tree.path .. "/a").nlink)
    assert.are_not.equal(core.stat(path .. "/a").ino, core.stat(tree.path .. "/a").ino)
  end)

  local function refused(files, change)
    local room <close> = layers.room()
    local path = room:files("in", files)
    change(path)
    local fault = layers.fault(room.store.tree_from, room.store, path)
    assert.are.equal("layer", fault.kind)
    assert.are.same({}, core.readdir(room.store_path .. "/trees"))
    assert.are.same({}, core.readdir(room.store_path .. "/tmp"))
    return fault.message
  end

  it("keeps holes, which are no content", function()
    local room <close> = layers.room()
    room:files("in", {["x/"] = ""})
    layers.sh(("cd %s/in && truncate -s 64M sparse && printf end >>sparse"):format(room.path))
    local tree = room.store:tree_from(room.path .. "/in")
    assert.are.equal((64 << 20) + 3, core.stat(tree.path .. "/sparse").size)
    assert.is_true(tonumber((layers.sh("stat -c %b " .. tree.path .. "/sparse"))) < 2048)
    assert.are.equal("end", layers.sh("tail -c 3 " .. tree.path .. "/sparse"))
  end)

  it("refuses a fifo", function()
    assert.are.equal("'run/pipe' is a fifo, which a tree cannot hold",
      refused({["run/"] = ""}, function(path) os.execute("mkfifo " .. path .. "/run/pipe") end))
  end)

  it("refuses a socket", function()
    local message = refused({x = ""}, function(path)
      layers.sh("cd " .. path .. [[ && python3 -c 'import socket
socket.socket(socket.AF_UNIX).bind("s")' || mkfifo s]])
    end)
    assert.matches("^'s' is a %a+, which a tree cannot hold$", message)
  end)

  it("refuses a device, and calls a whiteout by its name", function()
    local made
    local ok, err = pcall(refused, {x = ""}, function(path)
      made = os.execute("mknod " .. path .. "/null c 1 3 2>/dev/null")
      if not made then layers.write(path .. "/bad\xff", "") end
    end)
    if not made then return pending("only root makes devices") end
    assert.is_true(ok, tostring(err))
    assert.are.equal("'null' is a device, which a tree cannot hold", err)
    assert.are.equal("'gone' is a whiteout, which a tree cannot hold",
      refused({x = ""}, function(path) os.execute("mknod " .. path .. "/gone c 0 0") end))
  end)

  it("refuses setuid and setgid programs", function()
    local message = refused({["bin/su"] = ""}, function(path)
      assert(core.chmod(path .. "/bin/su", 2541)) -- 04755
    end)
    assert.are.equal("'bin/su' is setuid or setgid (mode 4755)", message)
    message = refused({wall = ""}, function(path)
      assert(core.chmod(path .. "/wall", 1517)) -- 02755
    end)
    assert.are.equal("'wall' is setuid or setgid (mode 2755)", message)
  end)

  it("refuses attributes that overlay would obey, on files and directories", function()
    local message = refused({["d/x"] = ""}, function(path)
      assert(core.set_xattr(path .. "/d", "user.overlay.opaque", "y"))
    end)
    assert.are.equal("'d' carries 'user.overlay.opaque', which overlay would obey", message)
    message = refused({x = ""}, function(path)
      assert(core.set_xattr(path .. "/x", "user.overlay.whiteout", "y"))
    end)
    assert.are.equal("'x' carries 'user.overlay.whiteout', which overlay would obey", message)
  end)

  it("refuses names and targets that are not UTF-8", function()
    local message = refused({x = ""}, function(path) layers.write(path .. "/n\xe4me", "") end)
    assert.are.equal("'n\\xE4me' has a name that is not UTF-8", message)
    message = refused({x = ""}, function(path) assert(core.symlink("\xff", path .. "/l")) end)
    assert.are.equal("'l' is a link to a name that is not UTF-8", message)
  end)

  it("names a directory that is not there", function()
    local room <close> = layers.room()
    local fault = layers.fault(room.store.tree_from, room.store, room.path .. "/none")
    assert.are.equal("fs", fault.kind)
    assert.matches("none: No such file or directory", fault.message)
  end)

  it("says what a file cannot be read for", function()
    if host.is_root() then return pending("root may read everything") end
    local room <close> = layers.room()
    local path = room:files("in", {["a/secret"] = "x"})
    assert(core.chmod(path .. "/a/secret", 0))
    assert.matches("a/secret: Permission denied",
      layers.fault(room.store.tree_from, room.store, path).message)
  end)

  it("refuses unknown options", function()
    local room <close> = layers.room()
    assert.has_error(function() room.store:tree_from("/tmp", {tkae = true}) end,
      "unknown option 'tkae'")
  end)
end)

describe("a tree taken from a scratch directory", function()
  it("is moved, not copied", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.path .. "/out", {["d/a"] = "1"})
    local ino = core.stat(scratch.path .. "/out/d/a").ino
    local tree = room.store:tree_from(scratch.path .. "/out", {take = true})
    assert.are.equal(ino, core.stat(tree.path .. "/d/a").ino)
    assert.are.equal(SECOND, core.stat(tree.path .. "/d").mtime_ns)
    assert.is_nil((core.stat(scratch.path .. "/out")))
    assert.are.equal(tree, room:tree("same", {["d/a"] = "1"}))
  end)

  it("does not share a file with a name outside", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.path .. "/out", {a = "1"})
    assert(core.chmod(scratch.path .. "/out/a", 384)) -- 0600
    assert(core.link(scratch.path .. "/out/a", room.path .. "/outside"))
    local tree = room.store:tree_from(scratch.path .. "/out", {take = true})
    layers.write(room.path .. "/outside", "changed")
    assert.are.equal("1", host.read(tree.path .. "/a"))
    assert.are.equal(420, core.stat(tree.path .. "/a").mode)
    assert.are.equal(384, core.stat(room.path .. "/outside").mode)
  end)

  it("opens directories that nobody may enter", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.path .. "/out", {["d/e/a"] = "1"})
    for _, name in ipairs {"d/e/a", "d/e", "d"} do
      assert(core.chmod(scratch.path .. "/out/" .. name, 0))
    end
    local tree = room.store:tree_from(scratch.path .. "/out", {take = true})
    assert.are.equal("1", host.read(tree.path .. "/d/e/a"))
  end)

  it("must lie in a scratch of the same store", function()
    local room <close> = layers.room()
    assert.has_error(function()
      room.store:tree_from(room:files("in", {a = "1"}), {take = true})
    end, "only a directory in one of the store's scratch directories can be taken")
  end)
end)
