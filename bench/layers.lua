--- What layers cost: staging a sysroot by overlay against links and copies, set-up and tear-down;
--- many layers; freeze against the hash alone, on as many processors; look-ups; a build of which
--- all is known.
---
---   lua5.4 bench/layers.lua [ROUNDS [PART...]]   `make bench` sets LUA_PATH, LUA_CPATH and O
---
--- Parts: staging1000 staging10000 staging100000 sysroot freeze touched lookups restore. Each round
--- takes every way once, in turn; the figures are medians. All lies on the disk of TMPDIR; caches
--- are warm, nothing is synced.
local core = require "moonsand.core"
local jobs = require "moonsand.cli.jobs"
local layer = require "moonsand.layer"
local rounds = require "bench.support.rounds"
local sandbox = require "moonsand.sandbox"

local count = math.tointeger(arg[1] or 3)
local chosen = {}
for i = 2, #arg do chosen[arg[i]] = true end
local stage = (os.getenv "O" or "build") .. "/bench/stage"

local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
local store = layer.open(place .. "/store", {sync = "off"})

local function sh(text)
  local pipe <close> = assert(io.popen(text, "r"))
  local out = pipe:read "a"
  assert(pipe:close(), text)
  return out
end

--- A directory of so many small files, as a package has them: some tens in a directory.
local function fill(path, files, tag)
  local text = ("x"):rep(600)
  for i = 1, files do
    local directory = ("%s/usr/%s/d%d"):format(path, i % 3 == 0 and "include" or "lib", i // 40)
    if i % 40 < 3 or i == 3 then assert(core.mkdirs(directory)) end
    local file = assert(io.open(("%s/%s%d"):format(directory, tag, i), "w"))
    assert(file:write(text, tag, i))
    file:close()
  end
  return path
end

--- Seconds, and seconds of processor time.
local function helper(...)
  local seconds, busy = sh(table.concat({stage, ...}, " ")):match("(%S+) (%S+)")
  return tonumber(seconds), tonumber(busy)
end

--- The same under user and mount namespaces of its own.
local function mounted(lower)
  local words = ("unshare -Urm %s overlay %s/point %s"):format(stage, place,
    table.concat(lower, " "))
  return function()
    local seconds, busy = sh(words):match("(%S+) (%S+)")
    return tonumber(seconds), tonumber(busy)
  end
end

local function program(...)
  local words = {"run", place .. "/to", ...}
  return function() return helper(table.unpack(words)) end
end

local function linked(how, from)
  return function() return helper(how, from, place .. "/to") end
end

-- Who has no rsync measures the others.
local function without_missing(names, ways)
  if os.execute "command -v rsync >/dev/null" then return end
  for k = #names, 1, -1 do
    if names[k]:find "^rsync" then
      table.remove(names, k)
      table.remove(ways, k)
    end
  end
end

--- The ways, each with its ratios to the first: of time, and of processor time.
local function report(title, names, ways, times, warm)
  without_missing(names, ways)
  local wall, cpu = rounds.take(ways, times, warm)
  print(title)
  for k, name in ipairs(names) do
    print(("  %-28s %10.2f ms   x %-8.0f cpu %10.2f ms   x %.0f"):format(name,
      rounds.median(wall[k]) * 1000, rounds.ratio(wall[k], wall[1]), rounds.median(cpu[k]) * 1000,
      rounds.ratio(cpu[k], cpu[1])))
  end
end

local parts = {}

local function staging(files)
  core.mkdirs(place .. "/point")
  local from, to = fill(("%s/from%d"):format(place, files), files, "f"), place .. "/to"
  local names = {"overlay", "link loop in C", "cp -al", "symlink forest in C",
    "rsync --link-dest", "cp -a"}
  local ways = {mounted {from, place .. "/store/empty/a"}, linked("link", from),
    program("cp", "-al", from, to), linked("symlink", from),
    program("rsync", "-a", "--link-dest=" .. from .. "/", from .. "/", to .. "/"),
    program("cp", "-a", from, to)}
  if files == 100000 then -- the others take minutes
    names, ways = {table.unpack(names, 1, 3)}, {table.unpack(ways, 1, 3)}
  end
  report(("one layer of %d files"):format(files), names, ways, count, 0)
  assert(core.remove_tree(from))
end

function parts.staging1000() staging(1000) end
function parts.staging10000() staging(10000) end
function parts.staging100000() staging(100000) end

local function sysroot(layers, files)
  local list = {}
  for i = 1, layers do
    local from = fill(place .. "/in", files // layers, ("l%d."):format(i))
    list[i] = {recipe = "r" .. i, tree = store:tree_from(from)}
    assert(core.remove_tree(from))
  end
  return list
end

--- One command for each layer, as Buildroot and others do it.
local function each(list, text)
  local lines = {"set -e", "mkdir -p " .. place .. "/to"}
  for i, item in ipairs(list) do lines[i + 2] = (text:gsub("FROM", item.tree.path)) end
  local script = ("%s/each.%s.sh"):format(place, text:match "^%w+")
  local file = assert(io.open(script, "w"))
  file:write((table.concat(lines, "\n"):gsub("TO", place .. "/to")))
  file:close()
  return program("sh", script)
end

-- How often one stack must be mounted until joining its layers beforehand would have been cheaper.
local function break_even(lower, whole, join)
  local _, cpu = rounds.take({mounted(lower), mounted {whole.path, lower[#lower]}}, 10 * count)
  local more = {}
  for i = 1, #cpu[1] do more[i] = cpu[1][i] - cpu[2][i] end
  print(("  joined: %.0f ms of processor time once, %.2f ms less a mount: even after %.0f mounts")
    :format(join * 1000, rounds.median(more) * 1000, join / rounds.median(more)))
end

function parts.sysroot()
  core.mkdirs(place .. "/point")
  local list, trees = sysroot(131, 10000), {}
  for i, item in ipairs(list) do trees[i] = item.tree end
  local lower = layer.staging(list)
  local began = os.clock()
  local whole = store:tree_from {stack = trees}
  local join = os.clock() - began
  report("a sysroot of 131 layers, 10,000 files",
    {"overlay", "link loop in C (one tree)", "cp -al, a layer at a time",
      "rsync --link-dest, the same"},
    {mounted(lower), linked("link", whole.path), each(list, "cp -al FROM/. TO/"),
      each(list, "rsync -a --link-dest=FROM/ FROM/ TO/")}, count, 0)
  break_even(lower, whole, join)
  parts.sandboxes(lower)
end

local function run(lower)
  return function()
    local began = core.clock()
    local result = sandbox.new {command = {"/bin/true"}, overlays = {{target = "/sysroot",
      lower = lower, read_only = true}}}:run()
    assert(result.ok, result.message)
    return core.clock() - began
  end
end

function parts.sandboxes(lower)
  local wall = rounds.take({run {lower[1], lower[2]}, run(lower)}, 20 * count)
  local more = {}
  for i = 1, #wall[1] do more[i] = wall[2][i] - wall[1][i] end
  print(("  a whole sandbox: 131 layers cost %.2f ms more than 2 (the fastest: %.2f ms)"):format(
    rounds.median(more) * 1000, (rounds.fastest(wall[2]) - rounds.fastest(wall[1])) * 1000))
end

--- An upper directory of 10,000 files that together have a gibibyte.
local function gibibyte(path)
  local block = ("0123456789abcdef"):rep(65536 // 16)
  for i = 1, 10000 do
    if i % 50 == 1 then assert(core.mkdirs(("%s/d%d"):format(path, i // 50))) end
    local file = assert(io.open(("%s/d%d/f%d"):format(path, (i - 1) // 50, i), "w"))
    file:write(i, block, block:sub(1, 41820))
    file:close()
  end
end

local function freeze(scratch, options)
  local began, busy = core.clock(), os.clock()
  store:freeze(scratch, options)
  return core.clock() - began, os.clock() - busy
end

-- Each way needs a layer that the store has not yet.
local function freeze_round(times, round, threads)
  local scratch <close> = store:scratch()
  gibibyte(scratch.upper)
  local file = assert(io.open(scratch.upper .. "/round", "w"))
  file:write(round, threads)
  file:close()
  local seconds, busy = helper("hash", scratch.upper, threads)
  local own, own_busy = freeze(scratch, {threads = threads})
  table.insert(times.own, own)
  table.insert(times.wall, own / seconds)
  table.insert(times.cpu, own_busy / busy)
  store:close()
  store = layer.open(place .. "/store", {sync = "off"})
  store:gc {max_used = 0}
end

function parts.freeze()
  local most = jobs.number()
  local ways, all = {1, most > 1 and most or nil}, {}
  for i = 1, #ways do all[i] = {own = {}, wall = {}, cpu = {}} end
  for round = 1, count do
    for i, threads in ipairs(ways) do freeze_round(all[i], round, threads) end
  end
  for i, threads in ipairs(ways) do
    print(("freeze of 10,000 files, 1 GiB, %d processors: %.0f ms, %.2f of the hash alone on as "
      .. "many, cpu %.2f"):format(threads, rounds.median(all[i].own) * 1000,
      rounds.median(all[i].wall), rounds.median(all[i].cpu)))
  end
end

function parts.touched()
  local scratch <close> = store:scratch()
  fill(scratch.upper, 100000, "f")
  local base = store:freeze(scratch)
  local times = {}
  for i = 1, count do
    local next_one <close> = store:scratch()
    local result = sandbox.new {script = ("for n in 1 2 3 4 5 6 7 8 9 10; do "
      .. "echo %d >>/work/usr/lib/d$n/f$((n * 40 + 1)) || exit; done"):format(i),
      overlays = {{target = "/work", lower = {base.path}, upper = next_one.upper,
        work = next_one.work}}}:run()
    assert(result.ok, result.stderr)
    times[i] = freeze(next_one, {over = {base}})
  end
  print(("freeze after a task that touched 10 of 100,000 files: %.1f ms"):format(
    rounds.median(times) * 1000))
end

function parts.lookups()
  local digests = {}
  for i = 1, 1000 do
    local key = ("%064x"):format(i)
    if i % 100 == 1 then
      digests[1] = store:tree_from(fill(place .. "/in" .. i, 20, "l" .. i)).digest
    end
    store:put_record("action", key, ("moonsand result 1\ntask r%d:install\naction %s\n"
      .. "tree outputs %s\nseconds 1.000\n"):format(i, key, digests[1]))
    store:put_record("intent", ("%064x"):format(i + 5000), key .. "\n")
  end
  local resolve, times = require "moonsand.build.resolve", {}
  for round = 1, count do
    store:close()
    store = layer.open(place .. "/store", {sync = "off"})
    local began = os.clock()
    for i = 1, 1000 do
      local action = store:record("intent", ("%064x"):format(i + 5000)):match "^(%x+)\n$"
      assert(resolve.action(store, action))
    end
    times[round] = os.clock() - began
  end
  print(("1,000 look-ups, intent to a result that is whole: %.1f ms of processor time"):format(
    rounds.median(times) * 1000))
end

--- The sources of busybox, where `make demo` or MOONSAND_DIR has them.
local function busybox(command, state)
  for _, downloads in ipairs {"build/demo/downloads",
    (os.getenv "HOME" or "") .. "/.cache/moonsand/downloads"} do
    if core.stat(downloads) then
      sh(("mkdir -p %s && cp -a %s %s/"):format(state, downloads, state))
      return os.execute(("%s build --state %s busybox >/dev/null 2>&1"):format(command, state))
    end
  end
end

function parts.restore()
  local command, state = "bin/moonsand", place .. "/state"
  if not busybox(command, state) then
    return print "a cached busybox: not measured, its sources are not here (make demo)"
  end
  local wall, cpu = rounds.take({program("sh", "-c", ("'mkdir %s/to; exec %s build --state %s "
    .. "busybox >/dev/null 2>&1'"):format(place, command, state))}, 4 * count)
  print(("a cached busybox, all tasks, as a program: %.0f ms, processor %.0f ms"):format(
    rounds.median(wall[1]) * 1000, rounds.median(cpu[1]) * 1000))
end

local ok, problem = xpcall(function()
  for _, name in ipairs {"staging1000", "staging10000", "staging100000", "sysroot", "freeze",
    "touched", "lookups", "restore"} do
    if #arg < 2 or chosen[name] then parts[name]() end
  end
end, debug.traceback)
store:close()
assert(core.remove_tree(place))
if not ok then error(problem, 0) end
