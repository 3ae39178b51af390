local contrast = require "moonsand.layer.contrast"
local core = require "moonsand.core"
local freeze = require "moonsand.layer.freeze"
local sandbox = require "moonsand.sandbox"

describe("the contrast of two work layers", function()
  local dir

  before_each(function() dir = assert(core.mkdtemp "/tmp/moonsand-spec.") end)
  after_each(function() assert(core.remove_tree(dir)) end)

  -- Two directories, each made by the lines before and its own.
  local function list(both, first, second, over)
    local sides = {}
    for i, own in ipairs {first, second} do
      local path = ("%s/%d"):format(dir, i)
      assert(core.mkdir(path, 493))
      assert(os.execute(("cd %s && umask 022 && %s\n%s"):format(path, both, own)))
      sides[i] = {text = freeze.text(path, {i == 2 and over or ("0"):rep(64)}).text, path = path}
    end
    return contrast.list(sides[1], sides[2])
  end

  it("is empty for the same, whatever the times", function()
    assert.are.same({}, list("mkdir a; echo x > a/b; ln -s b a/c", "touch -d 2001-01-01 a/b", ":",
      ("0"):rep(64)))
  end)

  it("names what is on one side only, kinds, modes, targets and second names", function()
    assert.are.same({
      {path = "/dir", what = "mode", old = "0755", new = "0700"},
      {path = "/kind", what = "type", old = "file", new = "directory"},
      {path = "/left", what = "first", old = "file"},
      {path = "/link", what = "target", old = "a b", new = "c"},
      {path = "/name%", what = "type", old = "file", new = "hard link"},
      {path = "/right", what = "second", new = "symlink"},
    }, list("echo same > 0; mkdir dir",
      "echo > kind; echo > left; ln -s 'a b' link; echo same > name%",
      "mkdir kind; ln -s x right; ln -s c link; ln 0 name%; chmod 700 dir", ("0"):rep(64)))
  end)

  it("finds the first byte of a content that is another, with what stands around it", function()
    local one = list("seq 30000 > a", "echo left >> a", "echo right >> a", ("0"):rep(64))[1]
    assert.are.same({"/a", "content", 168899, 168900, 168894},
      {one.path, one.what, one.old, one.new, one.offset})
    assert.are.equal("left\n", one.old_bytes:sub(contrast.AROUND + 1))
    assert.are.equal("right\n", one.new_bytes:sub(contrast.AROUND + 1))
  end)

  it("says when the one is where the other ends", function()
    local one = list(":", "printf abc > a", "printf abcd > a", ("0"):rep(64))[1]
    assert.are.same({3, "abc", "abcd"}, {one.offset, one.old_bytes, one.new_bytes})
  end)

  it("names attributes, and the layers below", function()
    local path = dir .. "/1"
    local found = list("echo > a", ":", ":", ("1"):rep(64))
    assert.are.same({{path = "/", what = "layers", old = ("0"):rep(64), new = ("1"):rep(64)}},
      found)
    local before = freeze.text(path, {}).text
    assert(core.set_xattr(path .. "/a", "user.x", "y z"))
    assert.are.same({{path = "/a", what = "attribute", name = "user.x", new = "y z"}},
      contrast.list({text = before}, {text = freeze.text(path, {}).text}))
  end)
end)

describe("layers that are mounted apart", function()
  local layer = require "moonsand.layer"
  local dir

  before_each(function() dir = assert(core.mkdtemp "/tmp/moonsand-spec.") end)
  after_each(function() assert(core.remove_tree(dir)) end)

  local function look(lower, command)
    local result = sandbox.new {command = {"/bin/sh", "-c", command}, cwd = "/w", ids = "root",
      overlays = {{target = "/w", lower = lower, read_only = true}}}:run()
    assert(result.ok, result.stderr)
    return result.stdout
  end

  it("show the same, in another order", function()
    local store <close> = layer.open(dir .. "/store", {sync = "off"})
    local layers = {}
    for i, text in ipairs {"seq 40 | xargs touch; mkdir -p d/e; echo 1 > d/e/f; touch gone",
      "rm -f x; mkdir -m 700 d; echo 2 > d/g; ln -s d l; echo y > 7"} do
      local scratch <close> = store:scratch()
      assert(os.execute(("cd %s && %s"):format(scratch.upper, text)))
      table.insert(layers, 1, store:freeze(scratch, {over = {layers[1]}, name = tostring(i)}))
    end
    local lower = layer.apart(layers, dir .. "/a", dir .. "/b")
    local plain = layer.stack(layers).lower
    local all = "find . -printf '%M %T@ %p %l\\n' | sort; cat 7 d/g d/e/f"
    assert.are.equal(look(plain, all), look(lower, all))
    assert.are_not.equal(look(plain, "find ."), look(lower, "find ."))
  end)
end)
