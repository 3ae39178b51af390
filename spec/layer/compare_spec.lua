local compare = require "moonsand.layer.compare"
local core = require "moonsand.core"
local host = require "spec.support.host"

local function text(list)
  local lines = {}
  for i, one in ipairs(list) do
    lines[i] = ("%s %s %s %s %s"):format(one.mark, one.path, one.type, one.old_size or "-",
      one.size or "-")
  end
  return table.concat(lines, "\n")
end

describe("two trees", function()
  it("differ in what came, what went, and what is another", function()
    local dir <close> = host.scratch()
    dir:file("a/same", "x")
    dir:file("a/changed", "old")
    dir:file("a/gone/deep", "1")
    dir:file("a/kind", "file")
    dir:file("b/same", "x")
    dir:file("b/changed", "newer")
    dir:file("b/kind/inside", "22")
    dir:dir "b/empty"
    assert(core.symlink("same", dir.path .. "/b/link"))
    assert.are.equal(table.concat({
      "M /changed file 3 5", "A /empty directory - -", "D /gone/deep file 1 -",
      "D /kind file 4 -", "A /kind/inside file - 2", "A /link symlink - -",
    }, "\n"), text(compare.list({dir.path .. "/a"}, {dir.path .. "/b"})))
  end)

  it("differ when a file can be executed only in one, or a link leads elsewhere", function()
    local dir <close> = host.scratch()
    dir:file("a/run", "x")
    dir:file("b/run", "x")
    assert(core.chmod(dir.path .. "/b/run", 493))
    assert(core.symlink("here", dir.path .. "/a/link"))
    assert(core.symlink("there", dir.path .. "/b/link"))
    assert.are.equal("M /link symlink - -\nM /run file 1 1",
      text(compare.list({dir.path .. "/a"}, {dir.path .. "/b"})))
  end)

  it("that are the same have no difference", function()
    local dir <close> = host.scratch()
    dir:file("a/x/y", "z")
    assert.are.same({}, compare.list({dir.path .. "/a"}, {dir.path .. "/a"}))
  end)
end)
