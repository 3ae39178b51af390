-- What a store looks like after some time of builds, collections and imports whose processes are
-- killed at any moment: `make soak-store`, and for a few seconds in spec/layer/soak_spec.lua.
--
--   lua5.4 spec/support/soak_store.lua SECONDS KILLS
--
-- Four builds and two collections run at once; one of them after another is killed and begins anew.
-- At the end: verify finds nothing, nothing that a pin names is lost, and no build was ever given
-- anything but what belongs to its key.
local core = require "moonsand.core"
local layer = require "moonsand.layer"

local ITEMS <const>, PINNED <const> = 40, 5

local function key(i) return core.sha256("task " .. i) end

local function content(i, name) return ("%d %s "):format(i, name):rep(50 + 37 * (i % 20)) end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local names = {"a", "b/c", "b/d", "e/f/g"}

-- A result: a work layer, and the tree of what is in its outputs.
local function make(store, i)
  local scratch <close> = store:scratch()
  for _, name in ipairs(names) do
    local path = scratch.upper .. "/outputs/" .. name
    assert(core.mkdirs(path:match "^(.*)/"))
    write(path, content(i, name))
  end
  local work = store:freeze(scratch, {name = "task " .. i})
  local tree = store:tree_from({stack = {work}, path = "outputs"}, {name = "task " .. i})
  local part = store:collect(tree, {directories = {"b"}})
  store:put_record("log", key(i), content(i, "log"))
  store:put_record("action", key(i), ("layer %s\ntree outputs %s\ntree part %s\n"):format(
    work.digest, tree.digest, part.digest))
  store:put_record("intent", core.sha256("intent " .. i), key(i) .. "\n")
  return work, tree, part
end

-- A hit is used as a build uses it: what is there must be what belongs to the key.
local function use(store, i)
  local text = store:record("action", key(i))
  if not text then return false end
  local tree = store:tree(text:match "outputs (%x+)")
  local part = store:tree(text:match "part (%x+)")
  local work = store:layer(text:match "layer (%x+)")
  if not (tree and part and work) then return false end
  for _, name in ipairs(names) do
    assert(read(tree.path .. "/" .. name) == content(i, name), "a wrong file")
    assert(read(work.path .. "/outputs/" .. name) == content(i, name), "a wrong file")
  end
  assert(read(part.path .. "/b/c") == content(i, "b/c"), "a wrong file")
  return true
end

local roles = {}

function roles.build(path, archive)
  for round = 1, math.huge do
    local store <close> = layer.open(path, {sync = round % 5 == 0 and "batch" or "off"})
    for _ = 1, 8 do
      local i = math.random(ITEMS)
      local lock <close> = store:lock("action." .. i) -- luacheck: ignore 211
      if not use(store, i) then
        local work, tree = make(store, i)
        assert(use(store, i), "what was just made is not there")
        if round % 4 == 0 then store:remember {work.digest, tree.digest} end
      end
    end
    if round % 3 == 0 then store:import(archive) end
  end
end

function roles.collect(path)
  for round = 1, math.huge do
    local store <close> = layer.open(path, {sync = "off"})
    store:gc {max_used = round % 3 == 0 and 0 or 100000, keep_builds = round % 2}
    core.poll({}, math.random() * 0.05)
  end
end

local function start(script, role, path, archive, seed)
  return assert(core.spawn {
    {"fds", map = {[0] = 0, [1] = 1, [2] = 2}},
    {"exec", argv = {arg[-1], script, role, path, archive, tostring(seed)},
      env = {LUA_PATH = package.path, LUA_CPATH = package.cpath, HOME = "/"},
      path = os.getenv "PATH", init = false},
  })
end

if roles[arg[1]] then
  math.randomseed(tonumber(arg[4]))
  return roles[arg[1]](arg[2], arg[3])
end

local seconds, kills = tonumber(arg[1] or 600), tonumber(arg[2] or 300)
local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-soak."))
local path, archive = place .. "/store", place .. "/result.tar"

-- What is pinned, and a result from elsewhere.
local function prepare()
  local store <close> = layer.open(path, {sync = "off"})
  for i = 1, PINNED do
    local work, tree, part = make(store, i)
    store:pin("pin " .. i, {work.digest, tree.digest, part.digest})
  end
  local other <close> = layer.open(place .. "/other", {sync = "off"})
  local work, tree = make(other, 1000)
  other:export({task = "other:install", layers = {work.digest},
    trees = {{name = "outputs", digest = tree.digest}},
    records = {{kind = "log", key = key(1000)}}}, archive)
end

local list = {"build", "build", "collect", "build", "build", "collect"}

local function run()
  local processes, seed, killed, failed = {}, os.time(), 0, 0
  local function begin(at)
    seed = seed + 1
    processes[at] = start(arg[0], list[at], path, archive, seed)
  end
  for at in ipairs(list) do begin(at) end
  local last = core.clock() + seconds
  while core.clock() < last do
    core.poll({}, math.random() * 2 * seconds / kills)
    local at = math.random(#list)
    processes[at]:kill "KILL"
    core.poll {{fd = processes[at]}}
    local status = processes[at]:wait()
    if status.signal ~= "KILL" and status.signal ~= 9 then failed = failed + 1 end
    killed = killed + 1
    processes[at]:close()
    begin(at)
  end
  for _, process in pairs(processes) do process:close() end
  return killed, failed
end

local function check()
  local store <close> = layer.open(path, {check = "full"})
  local findings = store:verify {full = true}
  for _, finding in ipairs(findings) do print(finding.path, finding.problems[1]) end
  local lost = 0
  for i = 1, PINNED do
    if not use(store, i) then lost = lost + 1 end
  end
  store:gc()
  local left = #core.readdir(path .. "/trash") + #core.readdir(path .. "/quarantine")
  return #findings, lost, left
end

math.randomseed(os.time())
prepare()
local killed, failed = run()
local damaged, lost, left = check()
assert(core.remove_tree(place))
print(("%d killed, %d failed, %d damaged, %d lost, %d left"):format(killed, failed, damaged, lost,
  left))
os.exit(failed + damaged + lost + left == 0 and 0 or 1, true)
