local core = require "moonsand.core"
local host = require "spec.support.host"

local EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

describe("sha256", function()
  it("knows the digests of the standard's examples", function()
    assert.are.equal(EMPTY, core.sha256(""))
    assert.are.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      core.sha256("abc"))
  end)

  it("takes bytes as they are", function()
    assert.are_not.equal(core.sha256("a\0b"), core.sha256("a"))
  end)

  it("hashes a file of any size like its bytes", function()
    local dir <close> = host.scratch()
    for _, size in ipairs {0, 1, 131071, 131072, 131073, 400000} do
      local text = ("moon"):rep(size // 4 + 1):sub(1, size)
      local digest, count = core.sha256_file(dir:file("file", text))
      assert.are.equal(core.sha256(text), digest)
      assert.are.equal(size, count)
    end
  end)

  it("refuses what is no regular file, without hanging", function()
    local dir <close> = host.scratch()
    assert(os.execute("mkfifo " .. dir.path .. "/fifo"))
    local digest, message = core.sha256_file(dir.path .. "/fifo")
    assert.is_nil(digest)
    assert.matches("fifo: Invalid argument", message)
    assert.matches("Is a directory", select(2, core.sha256_file(dir.path)))
  end)

  it("loads its library with the first hash, not with the core", function()
    local script = [[
      local core = require "moonsand.core"
      local function loaded()
        local file <close> = io.open "/proc/self/maps"
        return file:read("a"):find("libcrypto", 1, true) ~= nil
      end
      io.write(tostring(loaded()), " ")
      core.sha256 ""
      io.write(tostring(loaded()))]]
    local pipe <close> = assert(io.popen(("LUA_CPATH='%s' lua5.4 -e '%s'"):format(package.cpath,
      script)))
    assert.are.equal("false true", pipe:read "a")
  end)
end)
