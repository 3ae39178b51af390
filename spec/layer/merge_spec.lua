-- Stacks that are deeper than overlay takes: some of their layers are joined to one.
local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"
local merge = require "moonsand.layer.merge"
local sandbox = require "moonsand.sandbox"
local stack = require "moonsand.layer.stack"

local function trees(room, count)
  local list = {}
  for i = 1, count do
    list[i] = {recipe = "r" .. i, tree = room:tree("t" .. i, {
      [("usr/share/d%d/f%d"):format(i % 7, i)] = tostring(i), ["usr/common"] = "same"})}
  end
  return list
end

-- Many layers at once: the directories of one tree.
local function parts(room, count)
  local files, list = {}, {}
  for i = 1, count do
    files[("p%d/usr/share/d%d/f%d"):format(i, i % 7, i)] = tostring(i)
    files[("p%d/usr/common"):format(i)] = "same"
  end
  local tree = room:tree("all", files)
  for i = 1, count do list[i] = {recipe = "r" .. i, tree = tree, subtree = "p" .. i} end
  return list
end

-- As if overlay took no more than 20, which costs less than to make 500 layers.
local function with_few(call)
  local limit, chunk = stack.LIMIT, merge.CHUNK
  stack.LIMIT, merge.CHUNK = 20, 8
  local ok, problem = pcall(call)
  stack.LIMIT, merge.CHUNK = limit, chunk
  if not ok then error(problem, 0) end
end

-- What a sandbox sees of a sysroot.
local function seen(lower, script)
  local box = sandbox.new {script = script, overlays = {{target = "/sysroot", lower = lower,
    read_only = true}}}
  local result = box:run()
  assert(result.ok, result.message or result.stderr)
  return result.stdout
end

-- A chain of work layers as tasks write it: files that come, change, vanish and come again.
local function chain(room, count)
  local list = {}
  for i = 1, count do
    local scratch <close> = room.store:scratch()
    layers.fill(scratch.upper, {["f" .. i % 30] = tostring(i), ["d/x" .. i % 11] = tostring(i)})
    if i % 5 == 0 then
      local gone = ("%s/f%d"):format(scratch.upper, (i + 3) % 30)
      layers.sh(("rm -f %s && mknod %s c 0 0"):format(gone, gone))
    end
    if i % 10 == 0 then
      assert(core.set_xattr(scratch.upper .. "/d", "user.overlay.opaque", "y"))
    end
    table.insert(list, 1, room.store:freeze(scratch))
  end
  return list
end

describe("a sysroot of more trees than overlay takes", function()
  it("is joined to fewer, which show the same", function()
    local room <close> = layers.room()
    local list = parts(room, 620)
    local lower = layer.staging(list)
    assert.is_true(#lower <= layer.LIMIT)
    assert.are.equal(list[1].tree.path .. "/p1", lower[1])
    local out = seen(lower, "cd /sysroot/usr && cat common && find share -type f | wc -l && "
      .. "cat share/d*/f1 share/d*/f620")
    assert.are.same({"same620", "1620"}, {out:match("^(%S+)%s+(%S+)$")})
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("of 2,000 trees works, and is found again", function()
    local room <close> = layers.room()
    local list = parts(room, 2000)
    local lower = layer.staging(list)
    assert.is_true(#lower <= layer.LIMIT)
    assert.are.equal("2001\n", seen(lower, "find /sysroot/usr -type f | wc -l"))
    room:reopen()
    local tree = assert(room.store:tree(list[1].tree.digest))
    for _, item in ipairs(list) do item.tree = tree end
    assert.are.same(lower, layer.staging(list))
  end)

  it("shares its files with the trees that were joined", function()
    local room <close> = layers.room()
    local a, b = room:tree("a", {["x/a"] = "1"}), room:tree("b", {["x/b"] = "2", ["y/z"] = "3"})
    local joined = merge.trees(room.store, {{node = a:node(), path = a.path},
      {node = b:node(), path = b.path}})
    assert.are.equal(room:tree("c", {["x/a"] = "1", ["x/b"] = "2", ["y/z"] = "3"}).digest,
      joined.digest)
    assert.are.equal(core.stat(b.path .. "/y/z").ino, core.stat(joined.path .. "/y/z").ino)
  end)

  it("joins as overlay does: the first wins, and what lies between cuts a directory off", function()
    local room <close> = layers.room()
    local list = {}
    for i, files in ipairs {{["d/a"] = "1", f = "1"}, {d = "file", f = "2"}, {["d/b"] = "3"}} do
      local tree = room:tree("t" .. i, files)
      list[i] = {node = tree:node(), path = tree.path}
    end
    assert.are.same({["d"] = "directory", ["d/a"] = "file", f = "file"},
      layers.shape(merge.trees(room.store, list)))
    assert.are.equal("1", host.read(merge.trees(room.store, list).path .. "/f"))
  end)
end)

describe("a stack of more work layers than overlay takes", function()
  it("is joined to fewer, which show the same with whiteouts and opaque directories", function()
    local room <close> = layers.room()
    local list, stacked = chain(room, 60), nil
    local whole = room.store:tree_from {stack = list}
    with_few(function()
      stacked = layer.stack(list)
      assert.is_true(#stacked.lower <= 20)
      assert.are.equal(whole.digest, room.store:tree_from({stack = list}).digest)
    end)
    local shown, wanted = {}, {}
    for line in seen(stacked.lower, "cd /sysroot && find . -type f | xargs grep -H .")
      :gmatch("[^\n]+") do shown[#shown + 1] = line end
    for _, entry in ipairs(whole:entries()) do
      if entry.type == "file" then
        wanted[#wanted + 1] = ("./%s:%s"):format(entry.path, host.read(whole.path .. "/"
          .. entry.path))
      end
    end
    table.sort(wanted)
    table.sort(shown)
    assert.are.same(wanted, shown)
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("keeps times and modes, hides what a directory hid, and is found again", function()
    local room <close> = layers.room()
    local function write(files, more)
      local scratch <close> = room.store:scratch()
      layers.fill(scratch.upper, files)
      if more then more(scratch.upper) end
      return room.store:freeze(scratch)
    end
    local top = write({["d/a"] = "1"}, function(upper)
      assert(core.chmod(upper .. "/d/a", 488)) -- 0750
      assert(core.touch(upper .. "/d/a", 1234567890123456789))
    end)
    local file, below = write {d = "file"}, write {["d/b"] = "2"}
    local joined = merge.layers(room.store, {top, file}, {below})
    local st = core.stat(joined.path .. "/d/a")
    assert.are.same({488, 1234567890123456789}, {st.mode, st.mtime_ns})
    assert.are.equal("y", core.xattr(joined.path .. "/d", "user.overlay.opaque"))
    assert.are.equal(joined, merge.layers(room.store, {top, file}, {below}))
    assert.are.same({["d"] = "directory", ["d/a"] = "file"},
      layers.shape(room.store:tree_from {stack = {joined, below}}))
  end)

  it("is a fault when its layers are of no store", function()
    local many = {}
    for i = 1, 501 do many[i] = {path = "/l" .. i} end
    assert.matches("501 layers in one stack", layers.fault(layer.stack, many).message)
  end)
end)

describe("trees that were compared once", function()
  it("are not looked into again when one more comes", function()
    local room <close> = layers.room()
    local list = trees(room, 4)
    layer.staging(list)
    local looked = 0
    for _, item in ipairs(list) do
      local real = item.tree:node()
      item.tree.root = setmetatable({digest = real.digest, directories = {{name = "usr",
        node = setmetatable({digest = real.directories[1].node.digest}, {__index = function(_, key)
          looked = looked + 1
          return real.directories[1].node[key]
        end})}}}, {__index = real})
    end
    list[5] = {recipe = "new", tree = room:tree("new", {["etc/x"] = "1"})}
    layer.staging(list)
    assert.are.equal(0, looked)
    list[6] = {recipe = "more", tree = room:tree("more", {["usr/common"] = "other"})}
    assert.matches("'r1' and 'more' both bring '/usr/common'",
      layers.fault(layer.staging, list).message)
    assert.is_true(looked > 0)
  end)
end)
