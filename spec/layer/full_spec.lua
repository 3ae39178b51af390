-- A disk that is full at every write that there is: of freezing, publishing, records, pins, import
-- and export.
local core = require "moonsand.core"
local host = require "spec.support.host"
local layers = require "spec.support.layers"

-- With each page more that is free, an operation comes one write further, until it has enough.
local PROGRAM = [[
local core = require "moonsand.core"
local layer = require "moonsand.layer"
local place, archive = ...
local store <close> = layer.open(place .. "/store", {sync = "off"})

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

core.mkdirs(place .. "/in/d")
for i = 1, 6 do write(place .. "/in/d/" .. i, ("first %d "):format(i):rep(900)) end
local kept = store:tree_from(place .. "/in")
store:pin("kept", {kept.digest})
store:put_record("action", "kept", "tree outputs " .. kept.digest .. "\n")
for i = 1, 6 do write(place .. "/in/d/" .. i, ("second %d "):format(i):rep(1700)) end

local operations = {
  {"freeze", function()
    local scratch <close> = store:scratch()
    for i = 1, 3 do
      local file = assert(core.open(scratch.upper .. "/" .. i, "w"))
      local ok = file:write(("x"):rep(9000) .. i)
      file:close()
      if ok ~= 9001 then error {kind = "fs", errno = 28} end -- the task's own failure
    end
    store:freeze(scratch)
  end},
  {"tree", function() store:tree_from(place .. "/in") end},
  {"collect", function() store:collect(kept, {directories = {"d"}, prefix = "p"}) end},
  {"record", function() store:put_record("intent", "key", ("text "):rep(3000)) end},
  {"pin", function() store:pin("more", {kept.digest}) end},
  {"build", function() store:remember {kept.digest} end},
  {"export", function()
    store:export({task = "x:y", layers = {}, trees = {{name = "outputs", digest = kept.digest}},
      records = {}}, place .. "/result.tar")
  end},
  {"import", function() store:import(archive) end},
}

local function fill(pages)
  core.unlink(place .. "/filler")
  local free = core.statfs(place).free
  local file = assert(core.open(place .. "/filler", "w"))
  local text = ("x"):rep(math.max(0, free - pages * 4096))
  if text ~= "" then file:write(text) end
  while file:write(("x"):rep(4096)) == 4096 and core.statfs(place).free > pages * 4096 do end
  file:close()
end

for _, operation in ipairs(operations) do
  local refused, ok, problem = 0, false, nil
  for pages = 0, 200 do
    fill(pages)
    ok, problem = pcall(operation[2])
    core.unlink(place .. "/filler")
    assert(ok or type(problem) == "table" and problem.errno == 28, tostring(problem))
    local findings = store:verify {full = true}
    assert(#findings == 0, findings[1] and findings[1].path .. findings[1].problems[1])
    assert(store:record("action", "kept") and #kept:entries() == 7)
    if ok then break end
    refused = refused + 1
  end
  assert(ok, tostring(problem))
  print(operation[1], refused > 0 and "refused, then done" or "done")
end
store:gc {max_used = 0}
assert(#core.readdir(store.path .. "/tmp") <= 1 and #core.readdir(store.path .. "/trash") == 0)
]]

describe("a disk that is full at any write", function()
  it("is a fault each time, and the store is whole", function()
    local room <close> = layers.room()
    local tree = room:tree("t", {["usr/x"] = ("y"):rep(30000)})
    room.store:export({task = "x:y", layers = {}, records = {},
      trees = {{name = "outputs", digest = tree.digest}}}, room.path .. "/result.tar")
    local dir <close> = host.scratch()
    dir:dir("small")
    local program = dir:file("full.lua", PROGRAM)
    local output = layers.unshared(("mount -t tmpfs -o size=2m tmpfs %s/small\nLUA_PATH='%s' "
      .. "LUA_CPATH='%s' lua5.4 %s %s/small %s/result.tar"):format(dir.path, package.path,
      package.cpath, program, dir.path, room.path))
    local done = {}
    for name, how in output:gmatch("(%l+)\t([^\n]+)") do done[name] = how end
    for _, name in ipairs {"freeze", "tree", "collect", "record", "pin", "build", "export",
      "import"} do
      assert.are.equal("refused, then done", done[name], name .. ": " .. output)
    end
    assert.are.same({}, core.readdir(dir.path .. "/small"))
  end)
end)
