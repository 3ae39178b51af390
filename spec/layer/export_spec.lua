-- A result as one file, from one store to another; and files that somebody made to do harm.
local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"
local pack = require "moonsand.layer.pack"
local tar = require "moonsand.layer.tar"

local function key(letter) return letter:rep(64) end

-- A room with a result: two work layers and a tree.
local function made()
  local room = layers.room()
  local store = room.store
  local base = room:layer {["src/a.c"] = "int a;\n", ["src/old"] = "1"}
  local scratch = store:scratch()
  layers.fill(scratch.upper, {["src/a.o"] = "object", ["out/" .. ("n"):rep(120)] = "long",
    link = "->src/a.o"})
  assert(core.whiteout(scratch.upper .. "/src/old"))
  assert(core.link(scratch.upper .. "/src/a.o", scratch.upper .. "/second"))
  assert(core.set_xattr(scratch.upper .. "/out", "user.overlay.opaque", "y"))
  assert(core.set_xattr(scratch.upper .. "/src/a.o", "user.note", "a\nb"))
  assert(core.chmod(scratch.upper .. "/src/a.o", 488))
  assert(core.touch(scratch.upper .. "/src/a.o", 1234567890123456789))
  local work = store:freeze(scratch, {over = {base}})
  scratch:close()
  local tree = room:tree("out", {["usr/bin/x"] = "program", ["usr/lib"] = "->lib64",
    ["etc/\u{e4}"] = "1"})
  store:put_record("action", key "a", ("layer %s\nover %s\ntree outputs %s\n"):format(work.digest,
    base.digest, tree.digest))
  store:put_record("intent", key "b", key "a" .. "\n")
  store:put_record("log", key "a", "what it said\n")
  room.closure = {task = "x:install", trees = {{name = "outputs", digest = tree.digest}},
    layers = {base.digest, work.digest}, records = {{kind = "action", key = key "a"},
      {kind = "intent", key = key "b"}, {kind = "log", key = key "a"},
      {kind = "log", key = "signature." .. key "a"}}}
  room.work, room.tree_digest, room.file = work, tree.digest, room.path .. "/result.tar"
  return room
end

local function exported()
  local room = made()
  room.store:export(room.closure, room.file)
  return room
end

describe("a result that is exported", function()
  it("comes out of the file as it went in", function()
    local from <close> = exported()
    local to <close> = layers.room()
    assert.are.same({task = "x:install", trees = 1, layers = 2, records = 3},
      to.store:import(from.file))
    local work = to.store:layer(from.work.digest)
    assert.are.equal(1234567890123456789, core.stat(work.path .. "/src/a.o").mtime_ns)
    assert.are.equal(from.work:read_manifest(), work:read_manifest())
    assert.are.equal("program", host.read(to.store:tree(from.tree_digest).path .. "/usr/bin/x"))
    assert.are.equal(key "a" .. "\n", to.store:record("intent", key "b"))
    assert.are.equal("what it said\n", to.store:record("log", key "a"))
    assert.are.same({}, (to.store:verify {full = true}))
    assert.are.same({task = "x:install", trees = 0, layers = 0, records = 0},
      to.store:import(from.file))
  end)

  it("is the same file each time, also from the store it came to", function()
    local from <close> = exported()
    local to <close> = layers.room()
    local text = host.read(from.file)
    from.store:export(from.closure, from.file)
    assert.is_true(text == host.read(from.file))
    to.store:import(from.file)
    to.store:export(from.closure, to.path .. "/again.tar")
    assert.is_true(text == host.read(to.path .. "/again.tar"))
  end)

  it("leaves the records that are there", function()
    local from <close> = exported()
    local to <close> = layers.room()
    to.store:put_record("action", key "a", "ours\n")
    assert.are.equal(2, to.store:import(from.file).records)
    assert.are.equal("ours\n", to.store:record("action", key "a"))
  end)

  it("is no file at all when there is no room or something is missing", function()
    local room <close> = made()
    room.closure.trees[2] = {name = "sysroot", digest = key "0"}
    assert.matches("the tree 000000000000 is not in the store",
      layers.fault(room.store.export, room.store, room.closure, room.file).message)
    assert.is_nil((core.stat(room.file)))
    table.remove(room.closure.trees)
    assert.are.equal("fs", layers.fault(room.store.export, room.store, room.closure,
      room.path .. "/none/x").kind)
  end)

  it("refuses what an archive cannot carry, with its path", function()
    local room <close> = layers.room()
    local function refused(make)
      local scratch <close> = room.store:scratch()
      make(scratch.upper)
      local work = room.store:freeze(scratch)
      return layers.fault(room.store.export, room.store, {task = "x:y", trees = {},
        layers = {work.digest}, records = {}}, room.path .. "/f").message
    end
    assert.are.equal("'d/p' is a fifo, which an archive cannot carry", refused(function(upper)
      layers.sh(("mkdir %s/d && mkfifo %s/d/p"):format(upper, upper))
    end))
    assert.are.equal("'s' is setuid or setgid, which an archive cannot carry",
      refused(function(upper)
        layers.write(upper .. "/s", "")
        assert(core.chmod(upper .. "/s", 2541)) -- 04755
      end))
    assert.are.equal("'.wh.x' has the name of a whiteout, which an archive cannot carry",
      refused(function(upper) layers.write(upper .. "/.wh.x", "") end))
  end)
end)

describe("the file of a result", function()
  local function tool(name, text, ...)
    if not layers.sh("command -v " .. name):find("/") then return nil end
    local output, ok = layers.sh(text:format(...))
    assert.is_truthy(ok, output)
    return output
  end

  it("is an OCI image layout that skopeo reads", function()
    local room <close> = exported()
    local output = tool("skopeo", "skopeo inspect oci-archive:%s:outputs", room.file)
    if not output then return pending("there is no skopeo") end
    assert.matches('"Os": "linux"', output)
    output = tool("skopeo", "skopeo copy -q oci-archive:%s:work dir:%s/copy && ls %s/copy",
      room.file, room.path, room.path)
    assert.matches("manifest.json", output)
  end)

  it("is unpacked by umoci to what the stack shows", function()
    local room <close> = exported()
    local output = tool("umoci", "cd %s && mkdir oci && tar -xf %s -C oci && umoci unpack "
      .. "--rootless --image oci:work bundle >&2 && cd bundle/rootfs && find . -type f | sort",
      room.path, room.file)
    if not output then return pending("there is no umoci") end
    assert.matches("%./out/n+\n%./second\n%./src/a%.c\n%./src/a%.o\n$", output)
  end)
end)

-- A copy of the archive in which one text was changed; both have the same length.
local function changed(room, from, to)
  assert(#from == #to)
  local text = host.read(room.file)
  local at = assert(text:find(from, 1, true), from .. " is not in the archive")
  layers.write(room.file, text:sub(1, at - 1) .. to .. text:sub(at + #to))
end

-- Import must refuse with these words, and leave the store as it was.
local function refused(room, words)
  local to <close> = layers.room()
  local before = layers.sh(("cd %s && find . | sort"):format(to.store_path))
  local fault = layers.fault(to.store.import, to.store, room.file)
  assert.matches(words, fault.message)
  to:reopen()
  local after = layers.sh(("cd %s && find . | sort"):format(to.store_path))
  assert.are.equal((before:gsub("/leases/[^\n]*", "")), (after:gsub("/leases/[^\n]*", "")))
end

describe("an archive with damage", function()
  it("is refused whatever bit of it is flipped", function()
    local room <close> = exported()
    local text = host.read(room.file)
    for at = 1, #text, 1009 do
      layers.write(room.file, text:sub(1, at - 1) .. string.char(text:byte(at) ~ 4)
        .. text:sub(at + 1))
      local to <close> = layers.room()
      local problem = layers.fault(to.store.import, to.store, room.file)
      assert.are.equal("layer", problem.kind, tostring(problem))
      assert.are.equal(0, select(2, to.store:verify {full = true}))
    end
  end)

  it("is refused when it is cut off anywhere", function()
    local room <close> = exported()
    local text = host.read(room.file)
    for length = 0, #text - 513, 3001 do
      layers.write(room.file, text:sub(1, length))
      local to <close> = layers.room()
      assert.are.equal("layer", layers.fault(to.store.import, to.store, room.file).kind)
    end
  end)

  it("is refused when a blob is missing, or is not what it is said to be", function()
    local room <close> = exported()
    changed(room, "tree " .. room.tree_digest, "tree " .. key "1")
    refused(room, "the blob %x+ has another digest")
  end)

  it("is refused when it is something else", function()
    local room <close> = exported()
    layers.write(room.file, ("hello\n"):rep(1000))
    refused(room, "it is no archive, or a header is damaged")
    layers.sh(("cd %s && mkdir -p e/blobs/sha256 && echo {} >e/index.json && "
      .. "tar --format=ustar -cf result.tar -C e index.json"):format(room.path))
    refused(room, "it holds no result of moonsand")
    layers.write(room.path .. "/e/index.json", ('{"manifests":['):rep(100000))
    layers.sh(("cd %s && tar --format=ustar -cf result.tar -C e index.json"):format(room.path))
    refused(room, "it holds no result of moonsand")
  end)
end)

-- Unpack an archive of these entries; the fault, and what lies beside the directory afterwards.
local function unpack(entries, overlay)
  local dir <close> = host.scratch()
  local parts = {}
  for _, entry in ipairs(entries) do
    parts[#parts + 1] = type(entry) == "string" and entry or tar.header(entry)
      .. (entry.text or "") .. tar.padding(#(entry.text or ""))
  end
  local path = dir:file("a.tar", table.concat(parts) .. tar.END)
  dir:dir("in/side")
  local file <close> = assert(core.open(path, "r"))
  local reader = tar.reader(file, 0, core.stat(path).size, "it")
  local ok, problem = pcall(pack.read, reader, dir:dir("in/to"), overlay)
  assert.are.same({"side", "to"}, core.readdir(dir.path .. "/in"))
  assert.are.same({}, core.readdir(dir.path .. "/in/side"))
  if ok then return nil end
  assert.are.equal("layer", problem.kind, tostring(problem))
  return problem.message
end

local top = {path = ".", type = "directory", mode = 493}

-- An entry with raw header fields: a size that is a lie, a type that is none of ours.
local function forged(entry, field, at)
  local header = tar.header(entry)
  header = header:sub(1, at - 1) .. field .. header:sub(at + #field)
  local blank, sum = header:sub(1, 148) .. "        " .. header:sub(157), 0
  for i = 1, 512 do sum = sum + blank:byte(i) end
  return header:sub(1, 148) .. ("%06o\0 "):format(sum) .. header:sub(157)
end

describe("an archive made to do harm", function()
  local file = {path = "f", type = "file", mode = 420, size = 1, text = "x"}

  it("does not lead out of its directory", function()
    for _, path in ipairs {"../side/x", "a/../../side/x", "/tmp/x", "./x", "a//x", ".."} do
      assert.matches("is no path below a directory",
        unpack {top, {path = "a", type = "directory"}, {path = path, type = "file", size = 0}})
    end
    assert.are.equal("it: 'l/x' lies in no directory of it", unpack {top,
      {path = "l", type = "symlink", target = "../side"}, {path = "l/x", type = "file", size = 0}})
    assert.matches("is there twice", unpack {top, {path = "d", type = "symlink",
      target = "../side"}, {path = "d", type = "directory"}})
    assert.matches("which is no file before it", unpack {top,
      {path = "l", type = "symlink", target = "/etc/passwd"}, {path = "h", type = "link",
        target = "l"}})
    assert.matches("is no path below", unpack {top, {path = "h", type = "link",
      target = "../side"}})
    assert.are.equal("it: its top is no directory", unpack {{path = ".", type = "symlink",
      target = "../side"}})
  end)

  it("brings no devices, fifos or types that are not known", function()
    for _, letter in ipairs {"3", "4", "6", "7", "S", "g", "L", "\0"} do
      assert.matches("is of a type that does not belong here",
        unpack {top, forged({path = "dev", type = "file", size = 0}, letter, 157)})
    end
  end)

  it("brings no setuid programs, and no attributes that overlay or the kernel obey", function()
    assert.matches("'f' is setuid or setgid",
      unpack {top, {path = "f", type = "file", mode = 2541, size = 0}})
    for _, name in ipairs {"user.overlay.redirect", "trusted.overlay.opaque",
      "security.capability"} do
      assert.matches("'f' has the attribute '" .. name,
        unpack {top, {path = "f", type = "file", size = 0, xattrs = {[name] = "x"}}})
    end
  end)

  it("is not believed about sizes", function()
    assert.are.equal("it: it is cut off", unpack {top, forged(file, "77777777777\0", 125)})
    assert.matches("size is no number", unpack {top, forged(file, "\128\0\0\0\0\1"
      .. ("\0"):rep(6), 125)})
    assert.matches("a size of", unpack {top, forged({path = "d", type = "directory"},
      "00000000010\0", 125)})
    assert.matches("a header of %d+ bytes", unpack {top, forged({path = ("n"):rep(200),
      type = "file"}, "00077777777\0", 125)})
  end)

  it("has whiteouts only in work layers, and none with an empty name", function()
    local whiteout = {path = ".wh.x", type = "file", size = 0}
    assert.is_nil(unpack({top, whiteout}, true))
    assert.matches("does not belong here", unpack({top, whiteout}, false))
    assert.matches("does not belong here", unpack({top, {path = ".wh.", type = "file", size = 0}},
      true))
    assert.matches("does not belong here", unpack({top, {path = ".wh..wh.plnk", type = "file",
      size = 0}}, true))
  end)

  it("has nothing after its end", function()
    assert.are.equal("it: something follows its end", unpack {top, tar.END, "hidden"
      .. ("\0"):rep(506)})
  end)
end)

describe("a store", function()
  it("takes nothing from a file in which a record needs what it does not hold", function()
    local room <close> = made()
    room.store:put_record("action", key "a", "tree outputs " .. key "2" .. "\n")
    room.store:export(room.closure, room.file)
    local to <close> = layers.room()
    assert.matches("the action record needs 222222222222, which it does not hold",
      layers.fault(to.store.import, to.store, room.file).message)
    assert.is_nil(to.store:record("intent", key "b"))
    assert.are.same({}, (to.store:verify {full = true}))
  end)

  it("opened elsewhere finds what was imported", function()
    local from <close> = exported()
    local to <close> = layers.room()
    to.store:import(from.file)
    to.store:close()
    local again <close> = layer.open(to.store_path, {check = "full"})
    assert.are.equal(from.tree_digest, again:tree(from.tree_digest).digest)
  end)
end)
