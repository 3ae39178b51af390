-- A store that two users of one group share: both use it, and neither has to trust the other about
-- what a tree contains.
local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

local GROUP = 3000

local Team = {}
Team.__index = Team

-- A store of the group, and a copy of the modules that everybody may read.
local function team()
  local dir = host.scratch()
  layers.sh(("chmod 755 %s && cp -r lua recipes examples %s && mkdir %s/core && "
    .. "cp $(dirname %s)/core.so %s/core && mkdir %s/core/moonsand && mv %s/core/core.so "
    .. "%s/core/moonsand && chmod -R a+rX %s && mkdir %s/store && chgrp %d %s/store && "
    .. "chmod 2770 %s/store"):format(dir.path, dir.path, dir.path,
    package.searchpath("moonsand.core", package.cpath), dir.path, dir.path, dir.path, dir.path,
    dir.path, dir.path, GROUP, dir.path, dir.path))
  return setmetatable({dir = dir, path = dir.path, store = dir.path .. "/store"}, Team)
end

function Team:__close() self.dir:__close() end

-- Shell text as a user of the group.
function Team:sh(uid, text)
  local file = self.dir:file("script." .. uid, text)
  assert(core.chmod(file, 420))
  return layers.sh(("setpriv --reuid=%d --regid=%d --groups=%d sh %s"):format(uid, uid, GROUP,
    file))
end

-- Lua text as a user; `store` is the store, `make(name, text)` a tree of one file.
function Team:lua(uid, text)
  local file = self.dir:file("script.lua", ([[
    local core, layer = require "moonsand.core", require "moonsand.layer"
    local store <close> = layer.open("%s", {sync = "off"})
    local function make(name, content)
      local scratch <close> = store:scratch()
      core.mkdir(scratch.path .. "/in")
      local file = assert(io.open(scratch.path .. "/in/" .. name, "w"))
      file:write(content)
      file:close()
      return store:tree_from(scratch.path .. "/in")
    end
    local out = table.pack(pcall(function() %s end))
    print(table.unpack(out, out[1] and 2 or 1, out.n))
  ]]):format(self.store, text))
  assert(core.chmod(file, 420))
  return (self:sh(uid, ("umask 077; LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' "
    .. "LUA_CPATH='%s/core/?.so;;' lua5.4 %s"):format(self.path, self.path, self.path, file))
    :gsub("\n$", ""))
end

local function shared(name, body)
  it(name, function()
    if core.uid() ~= 0 then return pending("only root can be two users") end
    local t <close> = team()
    body(t)
  end)
end

local function place(t, digest)
  return ("%s/trees/%s/%s"):format(t.store, digest:sub(1, 2), digest:sub(3))
end

describe("a store that a group shares", function()
  shared("gives each what the other made, whatever their umasks", function(t)
    local digest = t:lua(1001, 'return make("x", "one").digest')
    assert.are.equal(64, #digest, digest)
    assert.are.equal("1\t3", t:lua(1002, ([[local found = assert(store:tree("%s"))
      return found.files, found.bytes]]):format(digest)))
    assert.are.equal(digest, t:lua(1002, 'return make("x", "one").digest'))
    for i = 1, 40 do -- names that begin alike, too
      assert.are.equal(64, #t:lua(1001 + i % 2, ('return make("x", "%d").digest'):format(i)))
    end
    local record = [[store:put_record("action", "abcd", "%s")
      return store:record("action", "abcd")]]
    assert.are.equal("first", t:lua(1001, record:format("first")))
    assert.are.equal("second", t:lua(1002, record:format("second")))
    for _, uid in ipairs {1001, 1002, 0} do
      assert.are.equal("0\t41", t:lua(uid, [[local found, count = store:verify {full = true}
        return found[1] and found[1].path .. found[1].problems[1] or #found, count]]))
    end
  end)

  shared("lets nobody write into what another has made", function(t)
    local digest = t:lua(1001, 'return make("x", "one").digest')
    local output = t:sh(1002, ("cd %s && echo bad >t/x; echo bad >t/y; mv t/x t/z; rm t/x")
      :format(place(t, digest)))
    for _, what in ipairs {"create t/x", "create t/y", "cannot move", "cannot remove"} do
      assert.matches(what, output)
    end
    assert.are.equal("one", host.read(place(t, digest) .. "/t/x"))
  end)

  shared("notices at use and by verify what its maker changed afterwards", function(t)
    local digest = t:lua(1001, 'return make("x", "one").digest')
    local find = ('return store:tree("%s")'):format(digest)
    assert.matches("^tree ", t:lua(1002, find))
    t:sh(1001, ("echo bad >%s/t/x"):format(place(t, digest)))
    assert.are.equal("'x' has 4 bytes, not 3", t:lua(1002, [[
      return store:verify({full = true})[1].problems[1] ]]))
    assert.are.equal("nil\t'x' has 4 bytes, not 3", t:lua(1002, find))
    assert.are.equal(digest, t:lua(1002, 'return make("x", "one").digest'))
    assert.are.equal("one", host.read(place(t, digest) .. "/t/x"))
    assert.matches("^tree ", t:lua(1001, find))
  end)

  shared("notices that another put something in the place of what one made oneself", function(t)
    local digest = t:lua(1001, 'return make("x", "one").digest')
    local output = t:sh(1002, ("cd %s && mv t old && mkdir t && echo bad >t/x && rm -f meta")
      :format(place(t, digest)))
    assert.are.equal("", output:gsub("mv: cannot move[^\n]*\n", ""))
    local found = t:lua(1001, ('return store:tree("%s")'):format(digest))
    assert.is_truthy(found:find("'x' has 4 bytes, not 3", 1, true)
      or found:find("'meta' is missing", 1, true) or found:find("^tree "), found)
    if found:find("^tree ") then
      assert.are.equal("one", host.read(place(t, digest) .. "/t/x"))
    end
  end)

  shared("keeps what the other uses when one collects, and leaves the other what is theirs",
    function(t)
      local held, free = t:lua(1001, 'return make("x", "held").digest'),
        t:lua(1001, 'return make("x", "free").digest')
      local reader <close>, writer = assert(core.pipe())
      local file = t.dir:file("hold.lua", ([[
        local store <close> = require "moonsand.layer".open("%s", {sync = "off"})
        assert(store:tree("%s"))
        io.write("x") io.flush() io.read()]]):format(t.store, held))
      local back <close>, go = assert(core.pipe())
      local process <close> = host.start({"setpriv", "--reuid=1001", "--regid=1001",
        "--groups=" .. GROUP, "lua5.4", file}, {[0] = back, [1] = writer, [2] = 2},
        {LUA_PATH = ("%s/lua/?.lua;%s/lua/?/init.lua;;"):format(t.path, t.path),
          LUA_CPATH = t.path .. "/core/?.so;;"})
      writer:close()
      assert.are.equal("x", reader:read(1))
      local gc = [[local report = store:gc {max_used = 0}
        return #report.removed, report.held, report.left, #report.stuck]]
      assert.are.equal("1\t1\t1\t0", t:lua(1002, gc))
      go:close()
      core.poll {{fd = process}}
      process:wait()
      assert.are.equal("1\t0\t0\t0", t:lua(1001, gc))
      assert.is_nil((core.stat(place(t, free))))
      assert.are.same({}, core.readdir(t.store .. "/trash"))
    end)

  shared("keeps work layers apart: nobody could write over another's", function(t)
    local freeze = [[local scratch <close> = store:scratch()
      assert(io.open(scratch.upper .. "/f", "w")):close()
      return store:freeze(scratch).path]]
    local one, two = t:lua(1001, freeze), t:lua(1002, freeze)
    assert.matches("/layers/1001/", one)
    assert.matches("/layers/1002/", two)
    assert.are.equal("1", t:lua(1001, "return #store:gc({max_used = 0}).removed"))
    assert.are.equal("directory", core.stat(two).type)
  end)
end)

-- `moonsand build` as a user, with a store of its own or of all.
local function build(t, uid, store)
  local home = ("%s/home.%d.%s"):format(t.path, uid, store and "shared" or "own")
  assert(core.mkdirs(home .. "/state"))
  layers.sh(("chown -R %d:%d %s; ln -s %s %s/state/store"):format(uid, uid, home,
    store or home .. "/own", home))
  if not store then
    assert(core.mkdir(home .. "/own"))
    assert(core.chown(home .. "/own", uid, uid))
  end
  local command = t.path .. "/bin/moonsand"
  core.mkdir(t.path .. "/bin")
  layers.sh(("cd build/moonsand; cp -R moonsand full %s/bin; chmod -R a+rX %s/bin"):format(
    t.path, t.path))
  local output, ok = t:sh(uid, ([[M=%s
    cd %s && export HOME=$PWD MOONSAND_DIR=$PWD/state BBPATH=%s/examples/recipes:%s/recipes
    $M build --progress=plain hello:install 2>&1 && echo LIST && $M cache list --json]]):format(
    command, home, t.path, t.path))
  assert.is_truthy(ok, output)
  local trees = {}
  local list = require "dkjson".decode(output:match("\nLIST\n(.*)$"))
  for _, item in ipairs(list) do
    if item.kind == "tree" then trees[#trees + 1] = item.digest end
  end
  table.sort(trees)
  return trees, output
end

describe("a result", function()
  shared("of root and one of a user without rights are the same trees, digest for digest",
    function(t)
      local root, user = build(t, 0), build(t, 1001)
      assert.is_true(#root > 0)
      assert.are.same(root, user)
    end)

  shared("that one user built is a hit for the other", function(t)
    build(t, 1001, t.store)
    local _, output = build(t, 1002, t.store)
    assert.matches("hello:install cached\n", output)
    assert.matches(" 0 ok, ", output)
  end)
end)
