-- Damage of every kind: it is found, put aside, and what is whole stays.
local census = require "moonsand.layer.census"
local core = require "moonsand.core"
local gc = require "moonsand.layer.gc"
local host = require "spec.support.host"
local layers = require "spec.support.layers"
local verify = require "moonsand.layer.verify"

local function key(letter) return letter:rep(64) end

-- A store with one of everything; the place of each file by what it is.
local function stocked()
  local room = layers.room()
  local store = room.store
  local tree = room:tree("in", {["d/a"] = "some text", b = "more"})
  local work = room:layer {["d/y"] = "written by a task"}
  local action = store:put_record("action", key "a", ("layer %s\ntree outputs %s\n"):format(
    work.digest, tree.digest))
  local intent = store:put_record("intent", key "b", key "a" .. "\n")
  local log = store:put_record("log", key "a", "what the task said\n")
  store:pin("release", {tree.digest})
  store:remember {work.digest}
  store:sync()
  local place, below = tree.path:gsub("/t$", ""), work.path:gsub("/t$", "")
  room.files = {
    ["a file of a tree"] = place .. "/t/d/a", ["a tree's manifest"] = place .. "/manifest",
    ["a tree's meta"] = place .. "/meta", ["a file of a work layer"] = below .. "/t/d/y",
    ["a work layer's manifest"] = below .. "/manifest", ["a work layer's meta"] = below .. "/meta",
    ["an action record"] = action, ["an intent record"] = intent, ["a log"] = log,
    ["a pin"] = store.path .. "/roots/release", ["a build"] = (require "moonsand.layer.roots"
      .builds(store.path))[1], ["the time of the last sync"] = store.path .. "/synced",
  }
  room.tree_place, room.action, room.log = place, action, log
  store:close()
  return room
end

local function flip(path, at, bit)
  local text = host.read(path)
  at = at or #text // 2 + 1
  layers.write(path, text:sub(1, at - 1) .. string.char(text:byte(at) ~ (1 << (bit or 0)))
    .. text:sub(at + 1))
end

local function check(room, options)
  options = options or {}
  return (verify.run(room.store_path, {full = true, repair = options.repair}))
end

local function paths(findings)
  local out = {}
  for _, finding in ipairs(findings) do out[finding.path] = finding.problems[1] end
  return out
end

-- The finding that a file belongs to: its own, or that of the tree or layer around it.
local function found(findings, file)
  for path in pairs(paths(findings)) do
    if file == path or file:sub(1, #path + 1) == path .. "/" then return true end
  end
  return false
end

local kinds = {"a file of a tree", "a tree's manifest", "a tree's meta", "a file of a work layer",
  "a work layer's manifest", "a work layer's meta", "an action record", "an intent record",
  "a log", "a pin", "a build", "the time of the last sync"}

describe("verify of a store with one of everything", function()
  it("finds nothing when nothing is damaged", function()
    local room <close> = stocked()
    assert.are.same({}, check(room))
  end)

  for _, kind in ipairs(kinds) do
    it("finds any flipped bit in " .. kind, function()
      local room <close> = stocked()
      local file = room.files[kind]
      local text = host.read(file)
      for at = 1, #text, math.max(1, #text // 12) do
        flip(file, at, at % 8)
        assert.is_true(found(check(room), file), "byte " .. at)
        layers.write(file, text)
      end
    end)

    it("puts away what a flipped bit has damaged, after which all is well: " .. kind, function()
      local room <close> = stocked()
      flip(room.files[kind])
      local findings = check(room, {repair = true})
      assert.is_true(found(findings, room.files[kind]))
      for _, finding in ipairs(findings) do assert.is_truthy(core.stat(finding.moved)) end
      assert.are.same({}, check(room))
    end)
  end

  for _, kind in ipairs {"a file of a tree", "a tree's manifest", "a tree's meta",
    "a file of a work layer", "a work layer's manifest", "a work layer's meta"} do
    it("finds that " .. kind .. " is missing", function()
      local room <close> = stocked()
      assert(core.unlink(room.files[kind]))
      assert.is_true(found(check(room), room.files[kind]))
    end)
  end

  it("finds a tree that is gone by the record that names it", function()
    local room <close> = stocked()
    assert(core.remove_tree(room.tree_place))
    assert.matches("^names %x+, which is not there$", paths(check(room))[room.action])
  end)

  it("finds an action that is gone by the intent that leads to it", function()
    local room <close> = stocked()
    assert(core.unlink(room.action))
    assert.is_true(found(check(room), room.files["an intent record"]))
  end)

  it("finds a record that was cut off at any length", function()
    local room <close> = stocked()
    local text = host.read(room.action)
    for length = 0, #text - 1, 9 do
      layers.write(room.action, text:sub(1, length))
      assert.is_true(found(check(room), room.action), "length " .. length)
    end
  end)

  it("finds a small file that is whole, but another one's", function()
    local room <close> = stocked()
    local other = room:reopen():put_record("action", key "c", "layer none\n")
    layers.write(room.action, host.read(other))
    assert.are.equal("is not as it was written", paths(check(room))[room.action])
    assert.is_nil(room.store:record("action", key "a"))
  end)

  it("finds a log without its digest", function()
    local room <close> = stocked()
    local text = host.read(room.log)
    assert(core.unlink(room.log))
    layers.write(room.log, text)
    assert.are.equal("is not as it was written", paths(check(room))[room.log])
  end)

  it("accepts a record whose lower layers are gone: its result can be used without", function()
    local room <close> = stocked()
    room:reopen():put_record("action", key "d", "over " .. key "e" .. "\nlog text\n")
    assert.are.same({}, check(room))
  end)

  it("forgets with a tree the records that lead to it", function()
    local room <close> = stocked()
    flip(room.files["a file of a tree"])
    assert.are.equal(3, #check(room, {repair = true}))
    local store = room:reopen()
    assert.is_nil(store:record("action", key "a"))
    assert.is_nil(store:record("intent", key "b"))
  end)

  it("finds what does not belong in a store, and an empty directory that is not", function()
    local room <close> = stocked()
    layers.write(room.tree_place .. "/more", "")
    layers.write(room.store_path .. "/empty/a/file", "")
    assert(core.mkdirs(room.store_path .. "/trees/zz/nothing"))
    local all = paths(check(room, {repair = true}))
    assert.are.equal("'more' does not belong here", all[room.tree_place])
    assert.are.equal("is not empty", all[room.store_path .. "/empty/a"])
    assert.are.equal("this is no name of a tree", all[room.store_path .. "/trees/zz/nothing"])
    assert.are.same({}, check(room))
  end)
end)

describe("a collection", function()
  it("takes nothing while a root is damaged, and says which", function()
    local room <close> = stocked()
    flip(room.files["a pin"])
    local problem = layers.fault(gc.run, room.store_path, {max_used = 0})
    assert.matches("roots/release' is damaged", problem.message)
    assert.matches("cache verify %-%-repair", problem.hint)
    assert.are.equal(2, #census.items(room.store_path))
  end)

  it("spares the last builds, and forgets older ones", function()
    local room <close> = layers.room()
    local digests = {}
    for i = 1, 3 do
      digests[i] = room:tree("t" .. i, {x = tostring(i)}).digest
      room.store:remember {digests[i]}
      assert(core.touch(require "moonsand.layer.roots".builds(room.store_path)[1], i * 1000))
    end
    room:reopen()
    local report = room.store:gc {max_used = 0, keep_builds = 2}
    assert.are.equal(1, #report.removed)
    assert.are.equal(digests[1], report.removed[1].digest)
    assert.are.equal(1, report.builds)
  end)

  it("takes what was not used for some days, whatever the size", function()
    local room <close> = layers.room()
    local old, new = room:tree("a", {x = "1"}), room:tree("b", {x = "2"})
    assert(core.touch(old.path:gsub("/t$", "/meta"), core.time_ns() - 9 * 86400 * 1000000000))
    room:reopen()
    local report = room.store:gc {unused_days = 5}
    assert.are.same({old.digest}, {report.removed[1].digest, report.removed[2]})
    assert.is_table(room.store:tree(new.digest))
  end)

  it("takes with a result its intent and its logs", function()
    local room <close> = stocked()
    assert(core.unlink(room.store_path .. "/roots/release"))
    gc.run(room.store_path, {max_used = 0, keep_builds = 0})
    assert.is_nil((core.stat(room.action)))
    assert.is_nil((core.stat(room.files["an intent record"])))
    assert.is_nil((core.stat(room.log)))
  end)
end)

-- Run Lua text, and kill it some time after it has said that it is there.
local function killed(text, pause)
  local reader <close>, writer = assert(core.pipe())
  local process <close> = host.start({"lua5.4", "-e", 'io.write("x") io.flush() ' .. text},
    {[0] = 0, [1] = writer, [2] = 2})
  writer:close()
  assert.are.equal("x", reader:read(1))
  core.poll({}, pause)
  process:kill("KILL")
  core.poll {{fd = process}}
  process:wait()
end

local function fill(room, count, tag)
  local places = {}
  for i = 1, count do
    local tree = room:tree(("%s%d"):format(tag, i), {x = ("%s %d"):format(tag, i)})
    room.store:put_record("action", ("%064x"):format(i), "tree outputs " .. tree.digest .. "\n")
    places[i] = tree.path
  end
  return places
end

describe("killed at a random moment", function()
  it("a collection loses nothing that is pinned, and the next one ends its work", function()
    local room <close> = layers.room()
    local pinned = room:tree("pinned", {x = "pinned"}).digest
    room.store:pin("p", {pinned})
    math.randomseed(7)
    for round = 1, 24 do
      fill(room, 12, "r" .. round)
      room.store:close()
      killed(('require "moonsand.layer.gc".run("%s", {max_used = 0})'):format(room.store_path),
        math.random() * 0.02)
      assert.are.same({}, check(room))
      gc.run(room.store_path, {max_used = 0})
      assert.are.same({}, core.readdir(room.store_path .. "/trash"))
      local items = census.items(room.store_path)
      assert.are.same({1, pinned}, {#items, items[1].digest})
      room:reopen()
    end
  end)

  it("a repair takes nothing that is whole, and the next one ends its work", function()
    local room <close> = layers.room()
    math.randomseed(8)
    for round = 1, 24 do
      local places = fill(room, 10, "r" .. round)
      room.store:close()
      for i = 1, 5 do flip(places[i] .. "/x") end
      killed(('require "moonsand.layer.verify".run("%s", {full = true, repair = true})')
        :format(room.store_path), math.random() * 0.02)
      check(room, {repair = true})
      assert.are.same({}, check(room))
      assert.are.equal(5, #census.items(room.store_path))
      gc.run(room.store_path, {max_used = 0})
      room:reopen()
    end
  end)
end)

-- A store on a small file system of its own: `text` is run in a Lua there.
local function on_tmpfs(before, mount, text)
  local dir <close> = host.scratch()
  dir:dir("small")
  local head = ([[local core, layer = require "moonsand.core", require "moonsand.layer"
    local path = "%s/small/store"
    local function files() return io.popen("find " .. path .. " | sort"):read("a") end
    ]]):format(dir.path)
  layers.write(dir.path .. "/a.lua", head .. before)
  layers.write(dir.path .. "/b.lua", head .. text)
  return layers.unshared(([[mount -t tmpfs -o size=4m tmpfs %s/small
    export LUA_PATH='%s' LUA_CPATH='%s'
    lua5.4 %s/a.lua
    %s
    lua5.4 %s/b.lua]]):format(dir.path, package.path, package.cpath, dir.path,
    mount:gsub("DIR", dir.path .. "/small"), dir.path))
end

local MAKE = [[
  core.mkdirs(path .. "/../in")
  local file <close> = io.open(path .. "/../in/x", "w")
  file:write(("x"):rep(100000))
  file:flush()
  local store <close> = layer.open(path, {sync = "off"})
  local tree = store:tree_from(path .. "/../in")
  store:put_record("action", ("a"):rep(64), "tree outputs " .. tree.digest .. "\n")
]]

describe("a store that can only be read", function()
  it("can be listed and verified; the rest is refused, and nothing is changed", function()
    local output = on_tmpfs(MAKE, "mount -o remount,bind,ro DIR", [[
      local old = files()
      local main, ui = require "moonsand.cli.main", require "moonsand.cli.interface".new()
      local state = path:gsub("/store$", "")
      for _, words in ipairs {{"list"}, {"size"}, {"verify"}, {"gc", "--keep-size", "0"}} do
        print(words[1], main.call({"cache", "--state", state, table.unpack(words)}, ui))
      end
      local ok, problem = pcall(layer.open, path)
      print(ok, problem.message)
      print(files() == old)]])
    assert.matches("list\t0\n", output, 1, true)
    assert.matches("size\t0\n", output, 1, true)
    assert.matches("verify\t0\n", output, 1, true)
    assert.matches("gc\t1\n", output, 1, true)
    assert.matches("Read%-only file system", output)
    assert.matches("the store can only be read", output, 1, true)
    assert.matches("\nfalse\t[^\n]*Read%-only file system\ntrue\n$", output)
  end)
end)

describe("a store on a disk that is full to the last byte", function()
  it("can be verified, repaired and collected, which makes room", function()
    local output = on_tmpfs(MAKE, "cat /dev/zero > DIR/zero 2>/dev/null || true", [[
      local verify, gc = require "moonsand.layer.verify", require "moonsand.layer.gc"
      print(#verify.run(path, {full = true}), #verify.run(path, {full = true, repair = true}))
      local before = core.statfs(path).free
      print(#gc.run(path, {max_used = 0}).removed, core.statfs(path).free - before >= 100000)
      print(#verify.run(path, {full = true}))]])
    assert.are.equal("0\t0\n1\ttrue\n0\n", output)
  end)
end)
