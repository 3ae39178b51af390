local core = require "moonsand.core"
local host = require "spec.support.host"
local layer = require "moonsand.layer"
local layers = require "spec.support.layers"

-- A process that fills a store for ever: freeze, trees, records, collection.
local WRITER = [[
local core = require "moonsand.core"
local layer = require "moonsand.layer"
local path, sync, n = ...
local store = layer.open(path, {sync = sync})
io.write("x") io.flush()
for round = 1, math.huge do
  local scratch = store:scratch()
  for i = 1, 20 do
    assert(core.mkdirs(scratch.upper .. "/outputs/d" .. i))
    local file = assert(io.open(scratch.upper .. "/outputs/d" .. i .. "/file", "w"))
    file:write(("%d %d %s"):format(round % 50, i, ("x"):rep(100 * i)))
    file:close()
  end
  local work = store:freeze(scratch)
  scratch:close()
  local tree = store:tree_from {stack = {work}, path = "outputs"}
  local part = store:collect(tree, {directories = {"d1", "d7"}})
  store:put_record("action", "task" .. round % 50, work.digest .. tree.digest .. part.digest)
  if round % 7 == 0 then store:gc {max_used = 0} end
end
]]

-- Everything that can be seen is whole, and every record leads to something that is whole, or is a
-- miss that says so; what the dead left is swept away.
local function check(path)
  local store <close> = layer.open(path, {sync = "off"})
  local findings = store:verify {full = true}
  assert.are.same({}, findings)
  for i = 0, 49 do
    local text = store:record("action", "task" .. i)
    if text then assert.are.equal(192, #text) end
  end
  store:gc()
  for _, name in ipairs {"tmp", "trash", "quarantine"} do
    assert.are.same({}, core.readdir(path .. "/" .. name))
  end
  assert.are.equal(1, #core.readdir(path .. "/leases"))
end

local Child = {}
Child.__index = Child

-- A Lua program of its own; close it.
local function start(script, path)
  local reader, writer = assert(core.pipe())
  local process = host.start({"lua5.4", script, path, "off"}, {[0] = 0, [1] = writer, [2] = 2})
  writer:close()
  return setmetatable({process = process, reader = reader}, Child)
end

function Child:started()
  assert(self.reader:read(1) == "x")
end

function Child:kill()
  self.process:kill("KILL")
  core.poll {{fd = self.process}}
  self.process:wait()
end

function Child:output()
  local text = host.drain(self.reader)
  core.poll {{fd = self.process}}
  self.process:wait()
  return text
end

function Child:__close()
  self.process:close()
  self.reader:close()
end

describe("a store whose writers are killed", function()
  it("stays whole at every moment", function()
    local room <close> = layers.room()
    room.store:close()
    local script = room.path .. "/writer.lua"
    layers.write(script, WRITER)
    math.randomseed(4)
    for _ = 1, 25 do
      local writer <close> = start(script, room.store_path)
      writer:started()
      core.poll({}, math.random() * 0.12)
      writer:kill()
      check(room.store_path)
    end
  end)

  it("stays whole while others go on", function()
    local room <close> = layers.room()
    room.store:close()
    local script = room.path .. "/writer.lua"
    layers.write(script, WRITER)
    local survivor <close> = start(script, room.store_path)
    survivor:started()
    for _ = 1, 6 do
      local writer <close> = start(script, room.store_path)
      writer:started()
      core.poll({}, 0.05)
      writer:kill()
    end
    survivor:kill()
    check(room.store_path)
  end)

  it("can be made while its maker is killed", function()
    for i = 1, 15 do
      local dir <close> = host.scratch()
      layers.write(dir.path .. "/make.lua", [[require "moonsand.layer".open((...))]])
      local maker <close> = start(dir.path .. "/make.lua", dir.path .. "/store")
      core.poll({}, i * 0.0007)
      maker:kill()
      check(dir.path .. "/store")
    end
  end)
end)

describe("two processes that publish the same", function()
  it("get one tree, and the loser leaves nothing behind", function()
    local room <close> = layers.room()
    local script = room.path .. "/same.lua"
    room:files("in", {["a/b"] = "1", c = "2"})
    layers.write(script, ([[
      local path, go = "%s", "%s"
      local core = require "moonsand.core"
      local layer = require "moonsand.layer"
      local store <close> = layer.open(path, {sync = "off"})
      io.write("x") io.flush()
      local turn <close> = core.lock(go, "shared") -- all start at once
      for i = 1, 30 do
        local scratch <close> = store:scratch()
        assert(io.open(scratch.upper .. "/n", "w")):write(i):close()
        local work = store:freeze(scratch)
        local tree = store:tree_from {stack = {work}}
        assert(core.stat(work.path .. "/n") and core.stat(tree.path .. "/n"))
      end
      io.write("done")
    ]]):format(room.store_path, room.path .. "/go"))
    local turn = assert(core.lock(room.path .. "/go", "exclusive"))
    local one <close> = start(script, room.store_path)
    local two <close> = start(script, room.store_path)
    local three <close> = start(script, room.store_path)
    for _, child in ipairs {one, two, three} do child:started() end
    turn:close()
    for _, child in ipairs {one, two, three} do assert.are.equal("done", child:output()) end
    local findings, checked = room.store:verify {full = true}
    assert.are.same({{}, 60}, {findings, checked})
    assert.are.same({}, core.readdir(room.store_path .. "/tmp"))
  end)

  it("keep what each holds while a third collects", function()
    local room <close> = layers.room()
    local script = room.path .. "/holder.lua"
    layers.write(script, ([[
      local layer = require "moonsand.layer"
      local core = require "moonsand.core"
      for i = 1, 40 do
        local store <close> = layer.open("%s", {sync = "off"})
        local scratch <close> = store:scratch()
        assert(io.open(scratch.upper .. "/n", "w")):write(i %% 5):close()
        local work = store:freeze(scratch)
        for _ = 1, 5 do assert(io.open(work.path .. "/n")):close() end
      end
      io.write("done")
    ]]):format(room.store_path))
    local one <close> = start(script, room.store_path)
    local two <close> = start(script, room.store_path)
    for _ = 1, 60 do room.store:gc {max_used = 0} end
    assert.are.equal("done", one:output())
    assert.are.equal("done", two:output())
    assert.are.same({}, (room.store:verify {full = true}))
  end)
end)

describe("a full disk", function()
  it("is a fault with the reason, and nothing half-done can be seen", function()
    local dir <close> = host.scratch()
    dir:dir("small")
    layers.write(dir.path .. "/fill.lua", ([[
      local core = require "moonsand.core"
      local layer = require "moonsand.layer"
      local store <close> = layer.open("%s/small/store", {sync = "off"})
      local kept = store:tree_from("%s")
      local function check()
        assert(#store:verify {full = true} == 0)
        assert(store:tree(kept.digest) == kept)
      end
      for size = 100, 4000, 37 do
        local scratch <close> = store:scratch()
        local ok, err = pcall(function()
          for i = 1, size do
            core.mkdirs(scratch.upper .. "/outputs")
            local file = assert(io.open(scratch.upper .. "/outputs/f" .. i, "w"))
            assert(file:write(("%%d %%d "):format(size, i):rep(300)))
            assert(file:close())
          end
        end)
        local froze, problem = pcall(store.freeze, store, scratch)
        if froze then
          froze, problem = pcall(store.tree_from, store, {stack = {problem}, path = "outputs"})
        end
        scratch:close()
        check()
        if not froze then
          assert(problem.kind == "fs" and problem.errno == 28, tostring(problem))
          assert(#core.readdir(store.path .. "/tmp") <= 1)
          io.write(tostring(problem), "\n")
          store:put_record("action", "key", "text")
          assert(store:record("action", "key") == "text")
          break
        end
      end
    ]]):format(dir.path, dir:file("in/a", "1"):match("^(.*)/")))
    local output = layers.unshared(("mount -t tmpfs -o size=8m tmpfs %s/small\n"
      .. "LUA_PATH='%s' LUA_CPATH='%s' lua5.4 %s/fill.lua"):format(dir.path, package.path,
      package.cpath, dir.path))
    assert.matches("No space left on device", output)
    assert.matches("make room: moonsand cache gc", output)
  end)
end)
