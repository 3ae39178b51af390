local core = require "moonsand.core"
local find = require "moonsand.recipe.find"

describe("finding files", function()
  local directory

  before_each(function()
    directory = core.mkdtemp("/tmp/moonsand-spec-")
    for _, name in ipairs {"a/x_1.bb", "b/y_1.bb", "b/.hidden.bb", "b/[z]_1.bb", "b/deep/q.bb"} do
      core.mkdirs(directory .. "/" .. find.directory(name))
      local file = assert(io.open(directory .. "/" .. name, "w"))
      file:write(name)
      file:close()
    end
  end)

  after_each(function()
    core.remove_tree(directory)
  end)

  local function globbed(pattern)
    local list = find.glob(find.disk, directory .. "/" .. pattern)
    for i, path in ipairs(list) do list[i] = path:sub(#directory + 2) end
    return list
  end

  it("expands shell patterns, sorted, without hidden files", function()
    assert.are.same({"a/x_1.bb", "b/[z]_1.bb", "b/y_1.bb"}, globbed "*/*.bb")
    assert.are.same({"a/x_1.bb", "b/y_1.bb"}, globbed "[ab]/[!z[]_?.bb")
    assert.are.same({"b/.hidden.bb"}, globbed "b/.*.bb")
    assert.are.same({}, globbed "none/*.bb")
  end)

  it("takes the first directory that has the file", function()
    local tried = {}
    local directories = {directory .. "/a", directory .. "/b"}
    assert.are.equal(directory .. "/b/y_1.bb", find.along(find.disk, directories, "y_1.bb", tried))
    assert.are.same({directory .. "/a/y_1.bb", directory .. "/b/y_1.bb"}, tried)
  end)

  it("does not take a directory for a file", function()
    assert.is_nil(find.along(find.disk, {directory}, "a"))
  end)

  it("walks a directory", function()
    assert.are.equal(4, #find.walk(find.disk, directory .. "/b", ".bb"))
  end)

  it("makes paths plain", function()
    assert.are.equal("/a/c", find.clean("//a/./b/../c"))
    assert.are.equal("../a", find.clean("../a"))
    assert.are.equal("/a", find.clean("/../a"))
  end)
end)
