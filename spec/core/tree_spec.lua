local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

local function names(listing)
  local out = {}
  for i, entry in ipairs(listing) do out[i] = entry.name end
  return out
end

describe("tree.list", function()
  it("gives the entries in byte order with type, size, digest and target", function()
    local dir <close> = host.scratch()
    layers.fill(dir.path, {b = "two", ["a/"] = "", c = "->b"})
    local root <close> = assert(core.open(dir.path, "dir"))
    local listing = assert(core.tree.list(root, ".", {hash = true}))
    assert.are.same({"a", "b", "c"}, names(listing))
    assert.are.equal("directory", listing[1].type)
    assert.are.equal(core.sha256("two"), listing[2].digest)
    assert.are.equal(3, listing[2].size)
    assert.are.equal("b", listing[3].target)
  end)

  it("does not read files unless asked to hash", function()
    local dir <close> = host.scratch()
    dir:file("file", "x")
    local root <close> = assert(core.open(dir.path, "dir"))
    assert.is_nil(core.tree.list(root, ".")[1].digest)
  end)

  it("does not follow a link, in no part of the path", function()
    local dir <close> = host.scratch()
    dir:file("real/sub/file")
    assert(core.symlink("real", dir.path .. "/link"))
    local root <close> = assert(core.open(dir.path, "dir"))
    assert.is_nil((core.tree.list(root, "link")))
    assert.is_nil((core.tree.list(root, "link/sub")))
    assert.is_table(core.tree.list(root, "real/sub"))
  end)

  it("does not leave its root", function()
    local dir <close> = host.scratch()
    local root <close> = assert(core.open(dir:dir("inside"), "dir"))
    assert.is_nil((core.tree.list(root, "..")))
    assert.is_nil((core.tree.list(root, "/etc")))
  end)

  it("reports attributes of files and of the directory", function()
    local dir <close> = host.scratch()
    assert(core.set_xattr(dir:file("file"), "user.a", "1"))
    assert(core.set_xattr(dir.path, "user.b", "2"))
    local root <close> = assert(core.open(dir.path, "dir"))
    local listing = assert(core.tree.list(root, "."))
    assert.are.equal("1", listing[1].xattrs["user.a"])
    assert.are.equal("2", listing.xattrs["user.b"])
  end)

  it("normalises modes, times and attributes, and reports what was", function()
    local dir <close> = host.scratch()
    local path = dir:file("tool")
    assert(core.set_xattr(path, "user.a", "1"))
    assert(core.chmod(path, 457)) -- 0711
    assert(core.chmod(dir:file("data"), 384)) -- 0600
    local root <close> = assert(core.open(dir.path, "dir"))
    local listing = assert(core.tree.list(root, ".", {normalise = 5000000000}))
    assert.are.equal(457, listing[2].mode)
    local st = core.stat(path)
    assert.are.equal(493, st.mode) -- 0755
    assert.are.equal(5000000000, st.mtime_ns)
    assert.is_nil((core.xattr(path, "user.a")))
    assert.are.equal(420, core.stat(dir.path .. "/data").mode) -- 0644
    assert.are.equal(5000000000, core.stat(dir.path).mtime_ns)
  end)

  it("leaves a file with two names as it is", function()
    local dir <close> = host.scratch()
    local path = dir:file("one/file")
    assert(core.chmod(path, 384)) -- 0600
    assert(core.link(path, dir.path .. "/other"))
    local root <close> = assert(core.open(dir.path .. "/one", "dir"))
    local listing = assert(core.tree.list(root, ".", {normalise = 0}))
    assert.are.equal(2, listing[1].nlink)
    assert.are.equal(384, core.stat(path).mode)
  end)

  it("grants the owner what the owner had taken away", function()
    local dir <close> = host.scratch()
    assert(core.chmod(dir:file("sub/secret", "x"), 0))
    assert(core.chmod(dir.path .. "/sub", 0))
    local root <close> = assert(core.open(dir.path, "dir"))
    local listing = assert(core.tree.list(root, "sub", {hash = true, grant = true}))
    assert.are.equal(core.sha256("x"), listing[1].digest)
    assert.are.equal(256, core.stat(dir.path .. "/sub/secret").mode) -- 0400
    assert.are.equal(448, core.stat(dir.path .. "/sub").mode) -- 0700
  end)

  it("says which entry it could not read", function()
    if host.is_root() then return pending("root may read everything") end
    local dir <close> = host.scratch()
    assert(core.chmod(dir:file("sub/secret"), 0))
    local root <close> = assert(core.open(dir.path, "dir"))
    local listing, message = core.tree.list(root, "sub", {hash = true})
    assert.is_nil(listing)
    assert.are.equal("sub/secret: Permission denied", message)
  end)

  it("refuses an unknown field by its name", function()
    local root <close> = assert(core.open("/tmp", "dir"))
    assert.has_error(function() core.tree.list(root, ".", {hsah = true}) end,
      "unknown field 'hsah'")
  end)

  it("leaves no descriptor behind, whether it succeeds or not", function()
    local dir <close> = host.scratch()
    dir:file("a/file", "x")
    local root <close> = assert(core.open(dir.path, "dir"))
    collectgarbage()
    local before = host.count_fds()
    for _ = 1, 20 do
      core.tree.list(root, "a", {hash = true})
      core.tree.list(root, "none")
    end
    collectgarbage()
    assert.are.equal(before, host.count_fds())
  end)
end)

-- Enough for several threads to be worth their start.
local function large(dir)
  local block = ("0123456789abcdef"):rep(4096)
  for i = 1, 30 do dir:file(("d/%02d"):format(i), block:rep(i % 5) .. i) end
  dir:file("d/empty")
  layers.fill(dir.path, {["d/link"] = "->01", ["e/small"] = "one", ["e/sub/"] = ""})
  assert(core.set_xattr(dir.path .. "/d/07", "user.a", "1"))
  assert(core.link(dir.path .. "/d/08", dir.path .. "/second"))
end

describe("tree.lists", function()
  it("gives what tree.list gives of each, with any number of threads", function()
    local dir <close> = host.scratch()
    large(dir)
    local root <close> = assert(core.open(dir.path, "dir"))
    local wanted = {}
    for i, path in ipairs {"d", ".", "e"} do
      wanted[i] = assert(core.tree.list(root, path, {hash = true, threads = 1}))
    end
    for _, threads in ipairs {1, 2, 3, 40} do
      local found = assert(core.tree.lists(root, {"d", ".", "e"}, {hash = true, threads = threads}))
      assert.are.same(wanted, found)
    end
    assert.are.equal("1", wanted[1][7].xattrs["user.a"])
    assert.are.equal(core.sha256("one"), wanted[3][1].digest)
  end)

  it("leaves no thread behind, and no descriptor", function()
    local dir <close> = host.scratch()
    large(dir)
    local root <close> = assert(core.open(dir.path, "dir"))
    assert(core.tree.list(root, "d", {hash = true, threads = 8}))
    local before = host.count_fds()
    for _ = 1, 20 do
      assert(core.tree.list(root, "d", {hash = true, threads = 8}))
      assert.are.equal(1, #core.readdir "/proc/self/task")
    end
    collectgarbage()
    assert.are.equal(before, host.count_fds())
  end)

  it("normalises with several threads as with one", function()
    local function made(threads)
      local dir <close> = host.scratch()
      large(dir)
      assert(core.chmod(dir.path .. "/d/09", 448)) -- 0700
      local root <close> = assert(core.open(dir.path, "dir"))
      assert(core.tree.list(root, "d", {hash = true, normalise = 5000000000, threads = threads}))
      local after = assert(core.tree.list(root, "d"))
      for _, entry in ipairs(after) do
        entry.ino = nil
        if entry.nlink then entry.mtime_ns = nil end -- it is left alone
      end
      return after
    end
    local one = made(1)
    assert.are.same(one, made(4))
    assert.are.equal(493, one[9].mode) -- 0755
    assert.is_nil(one[7].xattrs)
  end)

  it("names the first entry that it could not read, whoever read it", function()
    if host.is_root() then return pending("root may read everything") end
    local dir <close> = host.scratch()
    large(dir)
    for _, name in ipairs {"21", "12", "30"} do assert(core.chmod(dir.path .. "/d/" .. name, 0)) end
    local root <close> = assert(core.open(dir.path, "dir"))
    for _ = 1, 5 do
      local listings, message = core.tree.lists(root, {"e", "d"}, {hash = true, threads = 4})
      assert.is_nil(listings)
      assert.are.equal("d/12: Permission denied", message)
    end
  end)

  it("names the directory that is not there", function()
    local dir <close> = host.scratch()
    dir:dir("a")
    local root <close> = assert(core.open(dir.path, "dir"))
    assert.are.same({}, core.tree.lists(root, {}))
    assert.are.equal("none: No such file or directory",
      select(2, core.tree.lists(root, {"a", "none"})))
    assert.has_error(function() core.tree.lists(root, {"a", 1}) end)
    assert.has_error(function() core.tree.lists(root, {"a"}, {threads = 0}) end)
  end)
end)

describe("tree.copy", function()
  local function copy(dir, text)
    dir:file("from", text)
    local root <close> = assert(core.open(dir.path, "dir"))
    return core.tree.copy(root, "from", dir.path .. "/to", {mode = 420, mtime_ns = 7})
  end

  it("copies a file with its mode and time and says what went over", function()
    local dir <close> = host.scratch()
    local text = ("x"):rep(300000)
    local digest, size = copy(dir, text)
    assert.are.equal(core.sha256(text), digest)
    assert.are.equal(300000, size)
    assert.are.equal(text, dir:read("to"))
    local st = core.stat(dir.path .. "/to")
    assert.are.equal(420, st.mode)
    assert.are.equal(7, st.mtime_ns)
  end)

  it("keeps zeroes, also at the end", function()
    local dir <close> = host.scratch()
    local text = "x" .. ("\0"):rep(400000)
    assert.are.equal(core.sha256(text), (copy(dir, text)))
    assert.are.equal(text, dir:read("to"))
  end)

  it("never writes over what is there", function()
    local dir <close> = host.scratch()
    dir:file("to", "mine")
    local digest, message = copy(dir, "other")
    assert.is_nil(digest)
    assert.matches("File exists", message)
    assert.are.equal("mine", dir:read("to"))
  end)

  it("does not read through a link", function()
    local dir <close> = host.scratch()
    assert(core.symlink("/etc/passwd", dir.path .. "/link"))
    local root <close> = assert(core.open(dir.path, "dir"))
    assert.is_nil((core.tree.copy(root, "link", dir.path .. "/to", {mode = 420, mtime_ns = 0})))
    assert.is_nil((core.stat(dir.path .. "/to")))
  end)
end)

describe("tree.sorted", function()
  it("sorts by bytes and leaves the argument alone", function()
    local given = {"b", "a", "B", "a/b", "a.b"}
    assert.are.same({"B", "a", "a.b", "a/b", "b"}, core.tree.sorted(given))
    assert.are.equal("b", given[1])
  end)
end)
