local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local layers = require "spec.support.layers"

-- The examples of the Remote Execution API's schema, made with protoc.
local MAIN = "86004d65c4f387c95467c6cee92bc1f1f8cb04d6650be09fbd1e359834a56766"
local RUN = "299001868fb8c02fd431c336c6d058f5558c5dff5b5af5e6fe04b870a6a9cbba"
local SRC_BYTES = "0a4e0a066d61696e2e6312440a40383630303464363563346633383763393534363763"
  .. "366365653932626331663166386362303464363635306265303966626431653335393833346135363736"
  .. "36101a"

local function example()
  local src, root = directory.new(), directory.new()
  src.files[1] = {name = "main.c", digest = MAIN, size = 26, executable = false}
  root.files[1] = {name = "run.sh", digest = RUN, size = 18, executable = true}
  root.directories[1] = {name = "src", node = src}
  root.symlinks[1] = {name = "latest", target = "src/main.c"}
  return directory.seal(root), src
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

describe("a Directory message", function()
  it("has the bytes and the digest that protoc gives it", function()
    local root, src = example()
    assert.are.equal(SRC_BYTES, hex(src.bytes))
    assert.are.equal("7b3f246291fb5008a6a1563a2b389fb2b8e4deeffdaa971e1a41f4854c6d3fba", src.digest)
    assert.are.equal("fddc10c60c81cc7e3f1739515e3bd7083cf13397cbd3013ed456547a56966f9b",
      root.digest)
    assert.are.equal(181, #root.bytes)
  end)

  it("of an empty directory is empty", function()
    local node = directory.seal(directory.new())
    assert.are.equal("", node.bytes)
    assert.are.equal(core.sha256(""), node.digest)
  end)
end)

describe("a Tree message", function()
  it("has the digest that protoc gives it", function()
    local bytes = directory.tree_message((example()))
    assert.are.equal("5403275e0742ab4e3fb602df91e6134482cd11210b6cd6dc30a3fa343f03a0a3",
      core.sha256(bytes))
  end)

  it("comes back as the same nodes", function()
    local root = example()
    local back = directory.read_tree(directory.tree_message(root))
    assert.are.equal(root.digest, back.digest)
    assert.are.same(directory.entries(root), directory.entries(back))
    assert.are.same({3, 44}, {directory.totals(back)})
  end)

  it("holds equal directories once, parents before children", function()
    local function leaf()
      local node = directory.new()
      node.symlinks[1] = {name = "x", target = "y"}
      return node
    end
    local deep, root = directory.new(), directory.new()
    deep.directories[1] = {name = "leaf", node = leaf()}
    root.directories[1] = {name = "a", node = leaf()}
    root.directories[2] = {name = "b", node = deep}
    directory.seal(root)
    local bytes = directory.tree_message(root)
    local _, count = bytes:gsub("\n\1x\18\1y", "")
    assert.are.equal(1, count)
    assert.is_true(bytes:find(deep.bytes, 1, true) < bytes:find("\n\1x\18\1y", 1, true))
    assert.are.equal(root.digest, directory.read_tree(bytes).digest)
  end)

  it("is refused when it is cut off anywhere", function()
    local bytes = directory.tree_message((example()))
    for cut = 0, #bytes - 1 do
      layers.fault(directory.read_tree, bytes:sub(1, cut))
    end
  end)

  local function refused(change)
    local root = example()
    root.digest, root.bytes = nil, nil
    change(root)
    return layers.fault(directory.read_tree, directory.tree_message(directory.seal(root))).message
  end

  it("is refused with names that would lead elsewhere", function()
    for _, name in ipairs {"..", ".", "", "a/b", "a\0b"} do
      local message = refused(function(root) root.files[1].name = name end)
      assert.matches("is no name", message)
    end
    assert.matches("UTF%-8", refused(function(root) root.files[1].name = "\xff" end))
  end)

  it("is refused with the same name twice", function()
    local message = refused(function(root) root.symlinks[1].name = "run.sh" end)
    assert.matches("'run.sh' is there twice", message)
  end)

  local function nest(levels, width)
    local node = directory.new()
    for _ = 1, levels do
      local outer = directory.new()
      for i = 1, width do outer.directories[i] = {name = "d" .. i, node = node} end
      node = outer
    end
    return directory.tree_message(directory.seal(node))
  end

  it("is refused when a few bytes stand for endless paths", function()
    assert.matches("too many paths", layers.fault(directory.read_tree, nest(60, 2)).message)
  end)

  it("is refused when it is deeper than any path", function()
    assert.matches("too deep", layers.fault(directory.read_tree, nest(2100, 1)).message)
    assert.is_table(directory.read_tree(nest(2000, 1)))
  end)

  it("is refused with a digest that is none", function()
    assert.matches("no SHA%-256", refused(function(root) root.files[1].digest = "../../x" end))
  end)
end)

describe("find", function()
  it("goes down directories, never through files", function()
    local root, src = example()
    assert.are.equal(src, directory.find(root, "src"))
    assert.are.equal(root, directory.find(root, ""))
    assert.is_nil(directory.find(root, "run.sh"))
    assert.is_nil(directory.find(root, "none/x"))
  end)
end)
