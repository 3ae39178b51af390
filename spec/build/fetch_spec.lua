local core = require "moonsand.core"
local fault = require "moonsand.fault"
local fetch = require "moonsand.build.fetch"

local good = "the bytes that upstream published"
local wrong = "other bytes"

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("fetching", function()
  local directory, served, asked

  before_each(function()
    directory = assert(core.mkdtemp "/tmp/moonsand-spec.")
    served, asked = good, 0
  end)
  after_each(function() assert(core.remove_tree(directory)) end)

  -- In place of a sandbox with curl: what "upstream" serves lands in the directory it may write to.
  local function run(options)
    asked = asked + 1
    assert.are.equal("host", options.network)
    if not served then return {ok = false, stderr = "curl: (6) Could not resolve host\n"} end
    for _, bind in ipairs(options.binds) do
      if bind.target == "/downloads" then write(bind.source .. "/" .. options.env.FILE, served) end
    end
    return {ok = true, stderr = ""}
  end

  local function fetcher()
    return fetch.new {downloads = directory .. "/d", run = run, pause = function() end}
  end

  local function source(fields)
    local one = {
      url = "https://example.org/x-1.tar.gz", scheme = "https", file = "x-1.tar.gz",
      how = "archive", sha256 = core.sha256(good), where = "x.bb:3", checksum_where = "x.bb:4",
    }
    for name, value in pairs(fields or {}) do one[name] = value end
    return one
  end

  local function refused(one)
    local ok, problem = pcall(fetcher().get, fetcher(), one)
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    return problem
  end

  local function files()
    local list = {}
    local found <close> = io.popen(("find %s -type f"):format(directory))
    for path in found:lines() do list[#list + 1] = path end
    return list
  end

  it("keeps a file of the right digest under it", function()
    local path, how = fetcher():get(source())
    assert.are.equal(("%s/d/%s/x-1.tar.gz"):format(directory, core.sha256(good)), path)
    assert.are.equal("https://example.org/x-1.tar.gz", how)
  end)

  it("asks nobody when the file is there", function()
    fetcher():get(source())
    local _, how = fetcher():get(source())
    assert.are.equal("there", how)
    assert.are.equal(1, asked)
  end)

  it("takes a file that was put into the download directory by hand", function()
    assert(core.mkdirs(directory .. "/d"))
    write(directory .. "/d/x-1.tar.gz", good)
    fetcher():get(source())
    assert.are.equal(0, asked)
  end)

  it("does not take one that is something else", function()
    assert(core.mkdirs(directory .. "/d"))
    write(directory .. "/d/x-1.tar.gz", wrong)
    fetcher():get(source())
    assert.are.equal(1, asked)
  end)

  it("names both digests when it is not what the recipe says, and keeps nothing", function()
    served = wrong
    local problem = refused(source())
    assert.are.equal("fetch", problem.kind)
    assert.are.equal("x.bb:4", problem.where)
    assert.truthy(problem.message:find(core.sha256(good), 1, true))
    assert.truthy(problem.message:find(core.sha256(wrong), 1, true))
    assert.are.same({}, files())
  end)

  it("says what each way of getting it answered", function()
    served = nil
    local problem = refused(source())
    assert.matches("'x%-1.tar.gz' could not be had", problem.message)
    assert.matches("https://example.org/x%-1.tar.gz: curl: %(6%) Could not resolve", problem.hint)
  end)

  it("finds a local file where it lies", function()
    assert.are.equal("/r/files/a.patch", (fetcher():get(source {path = "/r/files/a.patch"})))
    assert.are.equal(0, asked)
  end)
end)
