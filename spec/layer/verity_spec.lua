-- fs-verity, where the kernel and the file system of TMPDIR have it: in the virtual machine of
-- `make vm-test`. Everywhere else it is refused.
local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

-- Has the directory's file system verity? In a directory of its own.
local function has_verity(path)
  local file = path .. "/probe"
  assert(io.open(file, "w")):close()
  local ok = core.enable_verity(file)
  core.unlink(file)
  return ok == true
end

-- The disk that a spec may write to behind the file system's back: that of the virtual machine,
-- which is thrown away, and no other.
local DISK <const> = "/dev/vdb"
local function may_damage()
  return host.is_root() and core.stat "/bin.init/tasks" ~= nil and core.stat(DISK) ~= nil
end

local function drop_caches()
  local file <close> = assert(io.open("/proc/sys/vm/drop_caches", "w"))
  file:write "3"
end

-- Flip a bit of the first block of the disk that begins with a text.
local function flip(text)
  local disk <close> = assert(core.open(DISK, "r+"))
  local at, size = 0, 1 << 20
  while true do
    disk:seek("set", at)
    local bytes = assert(disk:read(size))
    local found = bytes:find(text, 1, true)
    if found then
      disk:seek("set", at + found - 1)
      assert(disk:write(string.char(bytes:byte(found) ~ 1)))
      assert(core.fsync(DISK))
      return
    end
    if #bytes == 0 then error "the text is not on the disk" end
    at = at + #bytes
  end
end

describe("a store where fs-verity cannot be", function()
  it("refuses to protect, says what it takes, and goes on as before", function()
    local room <close> = layers.room()
    if has_verity(room.path) then return pending "this file system has it" end
    local ok, problem = pcall(room.store.protect, room.store, true)
    assert.is_false(ok)
    assert.matches("fs%-verity: ", tostring(problem))
    assert.matches("tune2fs %-O verity", problem.hint)
    assert.is_false(room.store:protects())
    room.store:protect(false)
    assert.is_truthy(room:tree("one", {a = "1"}))
  end)

  it("publishes nothing unprotected when its file says that it protects", function()
    local room <close> = layers.room()
    if has_verity(room.path) then return pending "this file system has it" end
    room.dir:file("store/verity", "fs-verity sha256\n")
    assert.is_true(room.store:protects())
    local ok, problem = pcall(room.tree, room, "one", {a = "1"})
    assert.is_false(ok)
    assert.matches("fs%-verity: .*/a: ", tostring(problem))
    assert.matches("moonsand cache protect off", problem.hint)
    room.store:protect(false)
    assert.is_truthy(room:tree("one", {a = "1"}))
  end)
end)

describe("a store that is protected by fs-verity", function()
  local room

  before_each(function() room = layers.room() end)
  after_each(function() room:__close() end)

  -- A tree and a work layer of files that are there already, one of them read-only.
  local function protected()
    if not has_verity(room.path) then pending "there is no fs-verity here" end
    room.store:protect(true)
    local long = {}
    for i = 1, 2000 do long[i] = ("%d %d\n"):format(core.time_ns(), i) end
    local tree = room:tree("out", {["bin/x"] = "program", ["lib/y"] = table.concat(long), z = ""})
    local scratch = room.store:scratch()
    layers.fill(scratch.upper, {["src/a"] = "text", link = "->src/a"})
    assert(core.chmod(scratch.upper .. "/src/a", 256)) -- 0400
    assert(core.link(scratch.upper .. "/src/a", scratch.upper .. "/src/b"))
    local work = room.store:freeze(scratch)
    scratch:close()
    return tree, work
  end

  it("lets nobody write to a file, and nothing else is changed by it", function()
    local tree, work = protected()
    for _, path in ipairs {tree.path .. "/bin/x", tree.path .. "/z", work.path .. "/src/a"} do
      core.chmod(path, 420)
      local ok, _, errno = core.open(path, "r+")
      assert.is_nil(ok)
      assert.are.equal(1, errno) -- EPERM, root's too
      assert.matches("^%x+$", core.measure_verity(path))
    end
    assert.are.equal("program", host.read(tree.path .. "/bin/x"))
    core.chmod(tree.path .. "/bin/x", 420)
    core.chmod(tree.path .. "/z", 420)
    core.chmod(work.path .. "/src/a", 256)
    assert.are.same({}, (room.store:verify {full = true}))
    room.store:protect(false)
    local plain = room:tree("plain", {p = "1"})
    assert.is_false(core.measure_verity(plain.path .. "/p"))
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("is read by exports, linked from, collected, and tells of what was put in a place", function()
    local tree, work = protected()
    local joined = room.store:tree_from {stack = {tree}}
    assert.are.equal(tree.digest, joined.digest)
    room.store:export({task = "x:y", trees = {{name = "outputs", digest = tree.digest}},
      layers = {work.digest}, records = {}}, room.path .. "/x.tar")
    local other <close> = layers.room()
    other.store:protect(true)
    other.store:import(room.path .. "/x.tar")
    assert.matches("^%x+$", core.measure_verity(other.store:tree(tree.digest).path .. "/bin/x"))

    local path = tree.path .. "/bin/x"
    assert(core.unlink(path))
    room.dir:file(path:sub(#room.path + 2), "program")
    core.chmod(path, 420)
    core.touch(path, 1000000000)
    core.touch(tree.path .. "/bin", 1000000000)
    local findings = room.store:verify {full = true}
    assert.are.equal(1, #findings)
    assert.are.same({"'bin/x' is not protected by fs-verity any more"}, findings[1].problems)
    room:reopen()
    room.store:gc {max_used = 0}
    assert.is_nil((room.store:tree(tree.digest)))
    assert.is_nil((room.store:layer(work.digest)))
  end)

  it("cannot be read where a byte has changed on the disk", function()
    if not may_damage() then return pending "there is no disk to damage" end
    local tree = protected()
    local path = tree.path .. "/lib/y"
    assert(core.syncfs(path))
    flip(host.read(path):sub(1, 4096))
    drop_caches()
    local file <close> = assert(core.open(path, "r"))
    local bytes, _, errno = file:read(4096)
    assert.is_nil(bytes)
    assert.are.equal(5, errno) -- EIO
    local findings = room.store:verify {full = true}
    assert.are.equal(1, #findings)
    assert.are.equal(tree.digest, findings[1].digest)
    assert.matches("Input/output error", findings[1].problems[1])
    room.store:verify {full = true, repair = true}
    assert.is_nil((room.store:tree(tree.digest)))
  end)
end)
