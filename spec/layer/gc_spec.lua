local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"

local DAY = 86400 * 1000000000

-- Set the collection's clock of a tree or work layer.
local function used(item, days_ago)
  assert(core.touch(item.path:gsub("/t$", "/meta"), core.time_ns() - days_ago * DAY))
end

local function removed(report)
  local out = {}
  for _, item in ipairs(report.removed) do out[item.digest] = true end
  return out
end

describe("garbage collection", function()
  it("takes nothing that this or another process holds", function()
    local room <close> = layers.room()
    local digest = room:tree("a", {x = "1"}).digest
    local other <close> = layer.open(room.store_path, {sync = "off"})
    local report = other:gc {max_used = 0}
    assert.are.equal(0, #report.removed)
    assert.are.equal(1, report.held)
    room:reopen()
    assert.is_table(other:tree(digest))
    assert.are.equal(0, #room.store:gc({max_used = 0}).removed)
    other:close()
    assert.are.equal(1, #room.store:gc({max_used = 0}).removed)
    assert.is_nil((room.store:tree(digest)))
  end)

  it("takes the least recently used first, until the cap holds", function()
    local room <close> = layers.room()
    local text = ("x"):rep(100000)
    local items = {}
    for i = 1, 4 do items[i] = room:tree("t" .. i, {x = text .. i}) end
    for i, days in ipairs {2, 9, 1, 5} do used(items[i], days) end
    room:reopen()
    local gone = removed(room.store:gc {max_used = 220000})
    assert.is_nil(gone[items[1].digest])
    assert.is_true(gone[items[2].digest])
    assert.is_nil(gone[items[3].digest])
    assert.is_true(gone[items[4].digest])
  end)

  it("counts a use by any process as recent", function()
    local room <close> = layers.room()
    local old, new = room:tree("a", {x = "1"}), room:tree("b", {x = "2"})
    used(old, 9)
    used(new, 1)
    room:reopen():tree(old.digest)
    room:reopen()
    local gone = removed(room.store:gc {max_used = 3000})
    assert.is_nil(gone[old.digest])
    assert.is_true(gone[new.digest])
  end)

  it("keeps what is pinned until it is unpinned", function()
    local room <close> = layers.room()
    local digest = room:tree("a", {x = "1"}).digest
    room.store:pin("release 1.0", {digest})
    room:reopen()
    assert.are.equal(0, #room.store:gc({max_used = 0}).removed)
    room.store:pin("release 1.0", {})
    assert.are.equal(1, #room.store:gc({max_used = 0}).removed)
  end)

  it("takes a work layer with the layer it was written over", function()
    local room <close> = layers.room()
    local text = ("x"):rep(100000)
    local base = room:layer {a = text}
    local over = room:layer({b = "1"}, {over = {base}})
    local alone = room:layer {c = "1"}
    used(base, 9)
    used(over, 1)
    used(alone, 2)
    room:reopen()
    local gone = removed(room.store:gc {max_used = 50000})
    assert.is_true(gone[base.digest])
    assert.is_true(gone[over.digest])
    assert.is_nil(gone[alone.digest])
  end)

  it("keeps what lies below a work layer that is held", function()
    local room <close> = layers.room()
    local lower = room:layer {a = "1"}
    local base = room:layer({b = "2"}, {over = {lower}})
    local over = room:layer({c = "3"}, {over = {base}})
    room.store:pin("top", {over.digest})
    room:reopen()
    assert.are.equal(0, #room.store:gc({max_used = 0}).removed)
    room.store:pin("top", {})
    assert.are.equal(3, #room.store:gc({max_used = 0}).removed)
  end)

  it("keeps the record of a result that is held when the layers below it go", function()
    local room <close> = layers.room()
    local base, tree = room:layer {a = "1"}, room:tree("t", {x = "1"})
    room.store:put_record("action", "the-key", ("over %s\ntree outputs %s\n"):format(base.digest,
      tree.digest))
    room.store:pin("tree", {tree.digest})
    room:reopen()
    assert.are.equal(1, #room.store:gc({max_used = 0}).removed)
    assert.is_string(room.store:record("action", "the-key"))
    assert.are.same({}, (room.store:verify {full = true}))
  end)

  it("takes the records that name what goes, and no others", function()
    local room <close> = layers.room()
    local a, b = room:tree("a", {x = "1"}), room:tree("b", {x = "2"})
    room.store:put_record("action", "key-a", "tree " .. a.digest .. "\n")
    room.store:put_record("intent", "key-b", ('{"tree":"%s"}'):format(b.digest))
    room.store:put_record("log", "log-a", a.digest)
    room.store:pin("b", {b.digest})
    room:reopen()
    assert.are.equal(1, room.store:gc({max_used = 0}).records)
    assert.is_nil(room.store:record("action", "key-a"))
    assert.is_string(room.store:record("intent", "key-b"))
    assert.is_string(room.store:record("log", "log-a"))
  end)

  -- A collection during which something happens between its looking around and its lock.
  local function collect(room, meanwhile)
    local lock, done = core.lock, false
    core.lock = function(path, how, ...)
      if how == "exclusive" and path:find "/lock/gc$" and not done then
        done = true
        meanwhile()
      end
      return lock(path, how, ...)
    end
    local ok, report = pcall(room.store.gc, room.store, {max_used = 0})
    core.lock = lock
    assert(ok, report)
    assert.is_true(done)
    return report
  end

  it("does not take a record that was written anew since it was read", function()
    local room <close> = layers.room()
    local old = room:tree("a", {x = "1"})
    room.store:put_record("action", "key", "tree " .. old.digest .. "\n")
    room.store:put_record("log", "key", "old")
    room:reopen()
    local other <close> = layer.open(room.store_path, {sync = "off"})
    local new
    local report = collect(room, function()
      new = other:tree_from(room:files("b", {x = "2"})).digest
      other:put_record("action", "key", "tree " .. new .. "\n")
    end)
    assert.are.same({old.digest, 0}, {report.removed[1].digest, report.records})
    assert.are.equal("tree " .. new .. "\n", room.store:record("action", "key"))
    assert.are.equal("old", room.store:record("log", "key"))
  end)

  it("lets nobody put a record in its place while it removes records", function()
    local room <close> = layers.room()
    local rename, free = core.rename, nil
    core.rename = function(from, to, ...)
      local lock <close> = core.lock(room.store_path .. "/lock/gc", "exclusive", "try")
      free = lock ~= nil
      return rename(from, to, ...)
    end
    local ok, problem = pcall(room.store.put_record, room.store, "action", "key", "text")
    core.rename = rename
    assert(ok, problem)
    assert.is_false(free)
  end)

  it("keeps what lies below a work layer that came after it looked around", function()
    local room <close> = layers.room()
    local base = room:layer {a = "1"}
    room:reopen()
    local other <close> = layer.open(room.store_path, {sync = "off"})
    local report = collect(room, function()
      local scratch <close> = other:scratch()
      layers.fill(scratch.upper, {b = "2"})
      other:freeze(scratch, {over = {base.digest}})
    end)
    assert.are.same({}, report.removed)
    assert.is_table(room.store:layer(base.digest))
  end)

  it("keeps what lies below a work layer that was used after it looked around", function()
    local room <close> = layers.room()
    local base = room:layer {a = "1"}
    local over = room:layer({b = "2"}, {over = {base}})
    room:reopen()
    local report = collect(room, function()
      local other <close> = layer.open(room.store_path, {sync = "off"})
      assert(other:layer(over.digest))
    end)
    assert.are.same({}, report.removed)
    assert.is_table(room.store:layer(base.digest))
  end)

  it("removes scratch and lease of a process that was killed, not of a living one", function()
    local room <close> = layers.room()
    local mine <close> = room.store:scratch()
    local _, code = host.lua(([[
      local store = require "moonsand.layer".open("%s", {sync = "off"})
      local scratch = store:scratch()
      os.execute("kill -9 $PPID")
    ]]):format(room.store_path))
    assert.is_not_nil(code)
    assert.are.equal(2, #core.readdir(room.store_path .. "/tmp"))
    assert.are.equal(2, #core.readdir(room.store_path .. "/leases"))
    assert.are.equal(1, room.store:gc().scratch)
    assert.are.equal(1, #core.readdir(room.store_path .. "/leases"))
    assert.are.same({mine.path:match("[^/]+$")}, core.readdir(room.store_path .. "/tmp"))
    assert.are.same({}, core.readdir(room.store_path .. "/trash"))
  end)

  it("removes lock files that nobody holds", function()
    local room <close> = layers.room()
    local held <close> = room.store:lock("a")
    room.store:lock("b"):close()
    room.store:gc()
    assert.are.equal(2, #core.readdir(room.store_path .. "/lock"))
    assert.is_nil(room.store:lock("a", "try"))
    held:close()
  end)

  it("drops kept scratch directories when they are old", function()
    local room <close> = layers.room()
    for _, name in ipairs {"old", "new"} do room.store:scratch():keep(name) end
    assert(core.touch(room.store:kept("old").path, core.time_ns() - 15 * DAY))
    assert.are.equal(1, room.store:gc().kept)
    assert.is_nil(room.store:kept("old"))
    assert.is_table(room.store:kept("new"))
  end)

  it("says what would go without moving it", function()
    local room <close> = layers.room()
    local digest = room:tree("a", {x = "1"}).digest
    room:reopen()
    assert.are.equal(1, #room.store:gc({max_used = 0, dry_run = true}).removed)
    assert.is_table(room.store:tree(digest))
  end)

  it("does not disturb a mounted overlay of what it moves", function()
    local room <close> = layers.room()
    local a, b = room:tree("a", {x = "1"}), room:tree("b", {y = "2"})
    local path = a.path:gsub("/t$", "")
    assert.are.equal("1 2\n", layers.unshared(([[mkdir %s/point
      mount -t overlay overlay -o ro,userxattr,lowerdir=%s:%s %s/point
      mv %s %s/trash/x
      echo $(cat %s/point/x) $(cat %s/point/y)]]):format(room.path, a.path, b.path, room.path,
      path, room.store_path, room.path, room.path)))
  end)

  it("has a cap when none is given", function()
    local gc = require "moonsand.layer.gc"
    assert.are.equal(50, gc.default_cap(20, 80))
    assert.are.equal(100 << 30, gc.default_cap(0, 1 << 50))
  end)

  it("refuses unknown options", function()
    local room <close> = layers.room()
    assert.has_error(function() room.store:gc {max_usde = 0} end, "unknown option 'max_usde'")
  end)
end)
