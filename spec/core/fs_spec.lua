local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

local ENOENT, EAGAIN, EEXIST, ENOTDIR, EINVAL = 2, 11, 17, 20, 22

describe("the file system's verbs", function()
  it("answer a refusal with nil, the path and the errno", function()
    local value, message, errno = core.stat("/no/such/thing")
    assert.is_nil(value)
    assert.are.equal("/no/such/thing: No such file or directory", message)
    assert.are.equal(ENOENT, errno)
  end)

  it("raise for a path that cannot be one", function()
    assert.has_error(function() core.stat("") end,
      "bad argument #1 to 'stat' (an empty path)")
    assert.has_error(function() core.unlink("a\0b") end,
      "bad argument #1 to 'unlink' (a path with a zero byte)")
  end)

  it("stat a link itself unless told to follow it", function()
    local dir <close> = host.scratch()
    dir:file("file", "four")
    assert(core.symlink("file", dir.path .. "/link"))
    assert.are.equal("symlink", core.stat(dir.path .. "/link").type)
    assert.are.equal(4, core.stat(dir.path .. "/link", "follow").size)
    assert.are.equal("file", core.readlink(dir.path .. "/link"))
  end)

  it("list a directory by the bytes of the names", function()
    local dir <close> = host.scratch()
    for _, name in ipairs {"b", "B", "a.c", "a", "\u{e4}", ".hidden"} do dir:file(name) end
    assert.are.same({".hidden", "B", "a", "a.c", "b", "\u{e4}"}, core.readdir(dir.path))
  end)

  it("make all parents of a directory, and accept those that are there", function()
    local dir <close> = host.scratch()
    assert.is_true(core.mkdirs(dir.path .. "/a/b//c/"))
    assert.is_true(core.mkdirs(dir.path .. "/a/b/c"))
    assert.are.equal("directory", core.stat(dir.path .. "/a/b/c").type)
  end)

  it("do not take a file for a parent directory", function()
    local dir <close> = host.scratch()
    dir:file("file")
    local _, message, errno = core.mkdirs(dir.path .. "/file/x")
    assert.are.equal(ENOTDIR, errno)
    assert.are.equal(dir.path .. "/file: Not a directory", message)
  end)

  it("rename without replacing", function()
    local dir <close> = host.scratch()
    local a, b = dir:file("a", "1"), dir:file("b", "2")
    local _, message, errno = core.rename(a, b, "noreplace")
    assert.are.equal(EEXIST, errno)
    assert.are.equal(a .. " -> " .. b .. ": File exists", message)
    assert.is_true(core.rename(a, b))
    assert.are.equal("1", dir:read("b"))
  end)

  it("set times of a link without following it", function()
    local dir <close> = host.scratch()
    local target = dir:file("file")
    local before = core.stat(target).mtime_ns
    assert(core.symlink(target, dir.path .. "/link"))
    assert.is_true(core.touch(dir.path .. "/link", 1500000000))
    assert.are.equal(1500000000, core.stat(dir.path .. "/link").mtime_ns)
    assert.are.equal(before, core.stat(target).mtime_ns)
  end)

  it("hold a lock until its handle is closed", function()
    local dir <close> = host.scratch()
    local path = dir.path .. "/lock"
    local held = assert(core.lock(path, "exclusive"))
    local _, _, errno = core.lock(path, "shared", "try")
    assert.are.equal(EAGAIN, errno)
    held:close()
    local one <close> = assert(core.lock(path, "shared", "try"))
    local two <close> = assert(core.lock(path, "shared", "try"))
    assert.are_not.equal(one:number(), two:number())
  end)

  it("take a lock anew when the locked name was removed meanwhile", function()
    local dir <close> = host.scratch()
    local path = dir.path .. "/lock"
    local first <close> = assert(core.lock(path, "exclusive"))
    assert(core.unlink(path))
    local second <close> = assert(core.lock(path, "exclusive", "try"))
    assert.are_not.equal(first:number(), second:number())
    assert.are.equal("file", core.stat(path).type)
  end)

  it("make a private directory of a new name", function()
    local dir <close> = host.scratch()
    local a, b = core.mkdtemp(dir.path .. "/x."), core.mkdtemp(dir.path .. "/x.")
    assert.are_not.equal(a, b)
    assert.are.equal(448, core.stat(a).mode) -- 0700
  end)

  it("read and write attributes", function()
    local dir <close> = host.scratch()
    local path = dir:file("file")
    assert.is_true(core.set_xattr(path, "user.colour", "red\0x"))
    assert.are.equal("red\0x", core.xattr(path, "user.colour"))
  end)

  it("refuse a mode that is none", function()
    assert.has_error(function() core.chmod("/tmp", 0x10000) end)
  end)

  it("name the file system of a path", function()
    assert.are.equal("proc", core.statfs("/proc").type)
    assert.is_true(core.statfs("/tmp").size > 0)
  end)

  it("report EINVAL when a directory is moved into itself", function()
    local dir <close> = host.scratch()
    local path = dir:dir("a")
    local _, _, errno = core.rename(path, path .. "/b")
    assert.are.equal(EINVAL, errno)
  end)

  it("leave no descriptor behind", function()
    local dir <close> = host.scratch()
    dir:file("file", "x")
    collectgarbage() -- what other specs have left to it
    local before = host.count_fds()
    for _ = 1, 20 do
      core.readdir(dir.path)
      core.syncfs(dir.path)
      core.sha256_file(dir.path .. "/file")
      core.stat(dir.path .. "/none")
    end
    assert.are.equal(before, host.count_fds())
  end)
end)

describe("remove_tree", function()
  it("removes a tree, and is content when there is none", function()
    local dir <close> = host.scratch()
    dir:file("tree/a/b/c")
    assert.is_true(core.remove_tree(dir.path .. "/tree"))
    assert.is_nil((core.stat(dir.path .. "/tree")))
    assert.is_true(core.remove_tree(dir.path .. "/tree"))
  end)

  it("removes a link, never what it leads to", function()
    local dir <close> = host.scratch()
    dir:file("other/keep", "me")
    dir:dir("tree")
    assert(core.symlink("../other", dir.path .. "/tree/link"))
    assert(core.symlink("other", dir.path .. "/link"))
    assert.is_true(core.remove_tree(dir.path .. "/tree"))
    assert.is_true(core.remove_tree(dir.path .. "/link"))
    assert.are.equal("me", dir:read("other/keep"))
  end)

  it("copes with directories that their owner may not enter", function()
    local dir <close> = host.scratch()
    dir:file("tree/work/work/inside/file")
    assert(core.chmod(dir.path .. "/tree/work/work/inside", 0))
    assert(core.chmod(dir.path .. "/tree/work/work", 0))
    assert(core.chmod(dir.path .. "/tree/work", 365)) -- 0555
    assert.is_true(core.remove_tree(dir.path .. "/tree"))
  end)

  it("removes trees that are deeper than a path can say", function()
    local dir <close> = host.scratch()
    layers.sh(([[cd %s && mkdir tree && cd tree && i=0
      while [ $i -lt 300 ]; do mkdir -p aaaaaaaaaaaaaaaaaaaa && cd -P aaaaaaaaaaaaaaaaaaaa || exit
      : > file; i=$((i+1)); done]]):format(dir.path))
    assert.is_true(core.remove_tree(dir.path .. "/tree"))
    assert.are.same({}, core.readdir(dir.path))
  end)

  it("does not cross a mount, and says where it stopped", function()
    local dir <close> = host.scratch()
    dir:file("other/keep", "me")
    dir:dir("tree/point")
    local output = layers.unshared(([[
      mount --bind %s/other %s/tree/point
      lua5.4 -e 'package.cpath = "%s" print(require "moonsand.core".remove_tree "%s/tree")'
    ]]):format(dir.path, dir.path, package.cpath, dir.path))
    assert.matches("^nil", output)
    assert.matches("point", output)
    assert.are.equal("me", dir:read("other/keep"))
  end)
end)

describe("core.proc_entries", function()
  it("tells of all that is in /proc but of links and processes", function()
    local files, directories = {}, {}
    for _, name in ipairs(core.readdir "/proc") do
      local st = not name:find "^%d+$" and core.stat("/proc/" .. name)
      if st and st.type == "directory" then
        directories[name] = st.mode
      elseif st and st.type ~= "symlink" then
        files[name] = st.mode
      end
    end
    assert.is_truthy(files.cpuinfo and directories.sys)
    assert.are.same({files, directories}, {core.proc_entries()})
  end)
end)
