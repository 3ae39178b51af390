local debian = require "moonsand.build.debian"

describe("Debian's archive as a mirror", function()
  it("turns deb822 stanzas into source stanzas", function()
    local text = debian.from_deb822(
      "Types: deb\n# a comment\nURIs: http://archive.example/debian\nSuites: bookworm\n" ..
      "Components: main\n")
    assert.are.equal("Types: deb-src\nURIs: http://archive.example/debian\nSuites: bookworm\n" ..
      "Components: main", text)
  end)

  it("leaves out archives that are not the distribution's, and disabled ones", function()
    assert.are.equal("", debian.from_deb822 "Types: deb\nURIs: https://example.org/apt\n")
    assert.are.equal("", debian.from_deb822
      "Types: deb\nURIs: http://archive.example/debian\nEnabled: no\n")
  end)

  it("turns one-line entries into deb-src lines, each once", function()
    local text = debian.from_list("deb http://archive.example/debian bookworm main\n" ..
      "deb-src http://archive.example/debian bookworm main\n# deb http://x/debian y z\n" ..
      "deb https://packages.example.org/apt stable main\n")
    assert.are.equal("deb-src http://archive.example/debian bookworm main", text)
  end)

  it("reads versions and archives from showsrc", function()
    local versions = debian.parse_showsrc(
      "Package: zlib\nVersion: 1:1.2-1\nChecksums-Sha256:\n aa 10 zlib.dsc\n bb 20 zlib.tar.gz\n" ..
      "Homepage: x\n\nPackage: zlib\nVersion: 1:1.1-1\nChecksums-Sha256:\n cc 1 old.tar.gz\n")
    assert.are.equal(2, #versions)
    assert.are.equal("1:1.2-1", versions[1].version)
    assert.are.equal("bb", versions[1].files["zlib.tar.gz"])
    assert.are.equal("cc", versions[2].files["old.tar.gz"])
  end)
end)

describe("a source package of Debian", function()
  local core = require "moonsand.core"
  local directory, served, calls

  local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end

  before_each(function()
    directory = assert(core.mkdtemp "/tmp/moonsand-spec.")
    assert(core.mkdirs(directory .. "/etc/sources.list.d"))
    assert(core.mkdirs(directory .. "/target"))
    write(directory .. "/etc/sources.list", "deb http://archive.example/debian stable main\n")
    served, calls = {}, {}
  end)
  after_each(function() assert(core.remove_tree(directory)) end)

  local showsrc = "Package: x\nVersion: 2\nChecksums-Sha256:\n aa 1 x_1.orig.tar.gz\n\n" ..
    "Package: x\nVersion: 1\nChecksums-Sha256:\n aa 1 x_1.orig.tar.gz\n"

  -- In place of apt in a sandbox.
  local function run(options)
    local command = table.concat(options.command, " ")
    if command:find "update" then
      write(directory .. "/apt/lists/x_Sources", "")
      calls[#calls + 1] = "update"
    elseif command:find "showsrc" then
      return {ok = true, stdout = showsrc, stderr = ""}
    else
      local version = command:match "x=(%d)$"
      calls[#calls + 1] = version
      if not served[version] then return {ok = false, stderr = "E: 404  Not Found\n"} end
      write(directory .. "/target/x_1.orig.tar.gz", "bytes")
    end
    return {ok = true, stdout = "", stderr = ""}
  end

  local function get(sha256)
    local mirror, why = debian.open {
      directory = directory .. "/apt", run = run, etc = directory .. "/etc",
    }
    if not mirror then return pending(why) end
    return mirror:get("x", sha256, directory .. "/target")
  end

  it("is taken from the newest version that is there", function()
    served["1"] = true
    assert.are.equal(directory .. "/target/x_1.orig.tar.gz", (get "aa"))
    assert.are.same({"update", "2", "1"}, calls)
  end)

  it("that is nowhere is refused with what apt said", function()
    local path, why = get "aa"
    assert.is_nil(path)
    assert.matches("404", why)
  end)

  it("with another digest is named with it, and not downloaded", function()
    local path, why, other = get "bb"
    assert.is_nil(path)
    assert.are.equal("Debian has x_1.orig.tar.gz with sha256 aa", why)
    assert.are.equal("aa", other)
    assert.are.same({"update"}, calls)
  end)
end)
