local core = require "moonsand.core"
local fault = require "moonsand.fault"
local plain_recipe = require "spec.support.plain_recipe"
local source = require "moonsand.build.source"

local hex = ("ab"):rep(32)

local function recipe(uri, flags, values)
  values = values or {}
  values.SRC_URI = uri
  return plain_recipe {
    name = "zlib", values = values, flags = {SRC_URI = flags or {sha256sum = hex}},
    places = {
      SRC_URI = {
        {text = uri, file = "zlib.bb", line = 4},
        {text = hex, file = "zlib.bb", line = 5, flag = "sha256sum"},
      },
    },
  }
end

local function refused(...)
  local ok, problem = pcall(source.list, recipe(...))
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  return problem
end

describe("SRC_URI", function()
  it("gives each source its file name, kind and checksum", function()
    local list = source.list(recipe "https://zlib.net/zlib-1.3.tar.gz")
    assert.are.equal("zlib-1.3.tar.gz", list[1].file)
    assert.are.equal("archive", list[1].how)
    assert.are.equal(hex, list[1].sha256)
    assert.are.equal("zlib.bb:5", list[1].checksum_where)
  end)

  it("takes the checksum of a named source from its own flag", function()
    local other = ("cd"):rep(32)
    local list = source.list(recipe("https://a.org/a.tar.gz;name=a https://b.org/b.tar.gz;name=b",
      {["a.sha256sum"] = hex, ["b.sha256sum"] = other}))
    assert.are.equal(other, list[2].sha256)
  end)

  it("reads the parameters of a URL", function()
    local list = source.list(recipe
      "https://a.org/x?id=3;downloadfilename=x.patch;striplevel=2;subdir=lib;debian=xx")
    assert.are.equal("x.patch", list[1].file)
    assert.are.equal("patch", list[1].how)
    assert.are.equal(2, list[1].strip)
    assert.are.equal("lib", list[1].subdir)
    assert.are.equal("xx", list[1].debian)
  end)

  it("keeps an archive packed that says unpack=0", function()
    assert.are.equal("file", source.list(recipe "https://a.org/a.tar.gz;unpack=0")[1].how)
  end)

  it("knows the package of a debian:// source", function()
    local list = source.list(recipe "debian://zlib/zlib_1.2.13.dfsg.orig.tar.bz2")
    assert.are.equal("zlib", list[1].debian)
    assert.are.equal("zlib_1.2.13.dfsg.orig.tar.bz2", list[1].file)
  end)

  it("refuses a source without a checksum and says which line to add", function()
    local problem = refused("https://zlib.net/zlib-1.3.tar.gz", {})
    assert.are.equal("recipe", problem.kind)
    assert.are.equal("zlib.bb:4", problem.where)
    assert.matches("'https://zlib.net/zlib%-1.3.tar.gz' has no checksum", problem.message)
    assert.matches('SRC_URI%[sha256sum%] = "', problem.hint)
  end)

  it("refuses a checksum that is none", function()
    assert.matches("is no SHA%-256", refused("https://a.org/a.tar.gz", {sha256sum = "12"}).message)
  end)

  it("refuses a scheme that it cannot fetch", function()
    assert.matches("cannot fetch 'git://'", refused("git://a.org/a").message)
  end)

  it("names the nearest parameter when one is unknown", function()
    local problem = refused "https://a.org/a.tar.gz;striplevl=2"
    assert.matches("unknown parameter 'striplevl=2'", problem.message)
    assert.are.equal("did you mean 'striplevel='?", problem.hint)
  end)

  it("refuses two different sources of one name", function()
    local problem = refused("https://a.org/x.tar.gz;name=a https://b.org/x.tar.gz;name=b",
      {["a.sha256sum"] = hex, ["b.sha256sum"] = ("cd"):rep(32)})
    assert.matches("two sources are called 'x.tar.gz'", problem.message)
  end)
end)

describe("a local source", function()
  local directory

  before_each(function() directory = assert(core.mkdtemp "/tmp/moonsand-spec.") end)
  after_each(function() assert(core.remove_tree(directory)) end)

  it("is found along FILESPATH and hashed", function()
    local file = assert(io.open(directory .. "/fix.patch", "w"))
    file:write "text"
    file:close()
    local list = source.list(recipe("file://fix.patch", {},
      {FILESPATH = "/nowhere:" .. directory}))
    assert.are.equal(directory .. "/fix.patch", list[1].path)
    assert.are.equal(core.sha256 "text", list[1].sha256)
  end)

  it("that does not exist is refused with every place that was tried", function()
    local problem = refused("file://no.patch", {}, {FILESPATH = "/nowhere:" .. directory})
    assert.matches("'file://no.patch' was not found", problem.message)
    assert.matches("/nowhere/no.patch", problem.hint)
    assert.truthy(problem.hint:find(directory .. "/no.patch", 1, true))
  end)
end)

describe("the listing for a task", function()
  it("has one line a source, its parts split by tabs", function()
    local list = source.list(recipe "https://a.org/a.tar.gz https://a.org/b.patch;striplevel=0")
    assert.are.equal("archive\ta.tar.gz\t.\t1\n", source.listing(source.select(list, "archive")))
    assert.are.equal("patch\tb.patch\t.\t0\n", source.listing(source.select(list, "patch")))
  end)
end)
