local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

local function freeze_overlay(room, lower, text, options)
  local scratch <close> = room.store:scratch()
  layers.overlay(lower, scratch, text)
  return room.store:freeze(scratch, options)
end

describe("freezing an upper directory", function()
  it("moves it into the store and keeps its times", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["a/b"] = "text"})
    assert(core.touch(scratch.upper .. "/a/b", 1234567890123456789))
    local ino = core.stat(scratch.upper .. "/a/b").ino
    local work = room.store:freeze(scratch)
    local st = core.stat(work.path .. "/a/b")
    assert.are.equal(ino, st.ino)
    assert.are.equal(1234567890123456789, st.mtime_ns)
    assert.are.same({1, 4}, {work.files, work.bytes})
  end)

  it("names it by the SHA-256 of its canonical text", function()
    local room <close> = layers.room()
    local work = room:layer {["a b"] = "x", link = "->t\u{e4}"}
    assert.are.equal(work.digest, core.sha256(work:read_manifest()))
    assert.are.equal(table.concat({"moonsand layer 2", "d 0755 - .",
      "f 0644 1 " .. core.sha256("x") .. " a%20b", "l t%C3%A4 link", ""}, "\n"),
      work:read_manifest())
  end)

  it("gives the same digest for the same content at another time", function()
    local room <close> = layers.room()
    local one = room:layer {a = "1"}
    local two = room:layer {a = "1"}
    assert.are.equal(one.digest, two.digest)
    assert.are.equal(one.path, two.path)
  end)

  it("gives another digest for another mode, name, content, target or kind", function()
    local room <close> = layers.room()
    local seen = {}
    local function add(files, mode)
      local scratch <close> = room.store:scratch()
      layers.fill(scratch.upper, files)
      if mode then assert(core.chmod(scratch.upper .. "/a", mode)) end
      local digest = room.store:freeze(scratch).digest
      assert.is_nil(seen[digest])
      seen[digest] = true
    end
    add {a = "1"}
    add({a = "1"}, 493)
    add {a = "2"}
    add {b = "1"}
    add {a = "->1"}
    add {a = "->2"}
    add {["a/"] = ""}
  end)

  it("tells apart what was written over other layers", function()
    local room <close> = layers.room()
    local base, other = room:layer {x = "1"}, room:layer {x = "2"}
    local one = room:layer({a = "1"}, {over = {base}})
    local two = room:layer({a = "1"}, {over = {other.digest}})
    assert.are_not.equal(one.digest, two.digest)
    assert.are.equal(one.digest, room:layer({a = "1"}, {over = {base.digest}}).digest)
  end)

  it("keeps whiteouts of a real overlay, and the layer hides the file below it", function()
    local room <close> = layers.room()
    local lower = room:layer {gone = "1", stays = "2"}
    local work = freeze_overlay(room, {lower.path}, "rm gone; echo 3 > new")
    assert.matches("\nw gone\n", work:read_manifest())
    local scratch <close> = room.store:scratch()
    assert.are.equal("new\nstays\n", layers.overlay({work.path, lower.path}, scratch, "ls"))
  end)

  it("keeps opaque directories of a real overlay", function()
    local room <close> = layers.room()
    local lower = room:layer {["d/old"] = "1"}
    local work = freeze_overlay(room, {lower.path}, "rm -r d; mkdir d; echo 2 > d/new")
    assert.matches("\nd 0755 opaque d\n", work:read_manifest())
    local scratch <close> = room.store:scratch()
    assert.are.equal("new\n", layers.overlay({work.path, lower.path}, scratch, "ls d"))
  end)

  it("does not let overlay's notes for itself into the digest", function()
    local room <close> = layers.room()
    local lower = room:layer {["d/file"] = "1"}
    local copied_up = freeze_overlay(room, {lower.path}, "echo 2 > d/file")
    local written = room:layer {["d/file"] = "2\n"}
    assert.are.equal(written.digest, copied_up.digest)
  end)

  it("keeps other attributes", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {a = "1"})
    assert(core.set_xattr(scratch.upper .. "/a", "user.note", "x y"))
    local work = room.store:freeze(scratch)
    assert.matches("\nx user.note x%%20y a\n", work:read_manifest())
    assert.are.equal("x y", core.xattr(work.path .. "/a", "user.note"))
  end)

  it("takes fifos, and names that are not UTF-8", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    assert(os.execute("mkfifo -m 600 " .. scratch.upper .. "/fifo"))
    layers.write(scratch.upper .. "/\xff\xfe", "")
    local text = room.store:freeze(scratch):read_manifest()
    assert.matches("\np 0600 0 fifo\n", text)
    assert.matches(" %%FF%%FE\n", text)
  end)

  it("tells two names of one file from two files", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["d/a"] = "1"})
    assert(core.link(scratch.upper .. "/d/a", scratch.upper .. "/b"))
    local linked = room.store:freeze(scratch)
    assert.matches("\nh b d/a\n", linked:read_manifest())
    assert.are.equal(core.stat(linked.path .. "/b").ino, core.stat(linked.path .. "/d/a").ino)
    assert.are_not.equal(linked.digest, room:layer({["d/a"] = "1", b = "1"}).digest)
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("knows owners other than its own, and devices", function()
    if core.uid() ~= 0 then return pending("only root can give files away") end
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {a = "1", b = "2", ["d/c"] = "3"})
    local output, ok = layers.sh(("cd %s && chown 33:44 b d && mknod null c 1 3")
      :format(scratch.upper))
    assert(ok, output)
    local work = room.store:freeze(scratch)
    assert.matches("\no 33 44 b\n", work:read_manifest())
    assert.matches("\no 33 44 d\n", work:read_manifest())
    assert.matches("\nc %d+ 259 null\n", work:read_manifest())
    assert.is_nil(work:read_manifest():find("o %d+ %d+ a\n"))
    layers.sh("chown 33:45 " .. work.path .. "/b")
    assert.matches("'b' is not as it was frozen",
      room.store:verify({full = true})[1].problems[1])
  end)

  it("refuses a redirect: what it shows lies in another layer", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["moved/"] = ""})
    assert(core.set_xattr(scratch.upper .. "/moved", "user.overlay.redirect", "/old"))
    local fault = layers.fault(room.store.freeze, room.store, scratch)
    assert.are.equal("'moved' carries 'user.overlay.redirect': its content lies in another layer",
      fault.message)
  end)

  it("gives the owner the right to read what a task made unreadable", function()
    local room <close> = layers.room()
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["d/secret"] = "x"})
    assert(core.chmod(scratch.upper .. "/d/secret", 0))
    assert(core.chmod(scratch.upper .. "/d", 0))
    local work = room.store:freeze(scratch)
    assert.matches("\nf 0400 1 %x+ d/secret\n", work:read_manifest())
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("of a scratch that nobody wrote to gives an empty layer", function()
    local room <close> = layers.room()
    local work = room:layer {}
    assert.are.same({0, 0}, {work.files, work.bytes})
    assert.are.equal("work layer " .. work.digest:sub(1, 12) .. " (0 files)", tostring(work))
  end)

  it("is found again by another process", function()
    local room <close> = layers.room()
    local digest = room:layer({a = "1"}).digest
    room:reopen()
    local work = assert(room.store:layer(digest))
    assert.are.equal("1", host.read(work.path .. "/a"))
    assert.is_nil((room.store:tree(digest)))
  end)
end)
