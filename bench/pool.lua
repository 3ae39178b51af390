--- One pool of job tokens for a build, against a `make -jN` of its own for each task: how many
--- compilers run at once, what memory all processes have, how long it takes.
---
---   lua5.4 bench/pool.lua ROUNDS [TARGET...]   `make` first
---
--- The same targets on an empty store in turns, with so many jobs as there are processors; what is
--- fetched is fetched before. Memory is the sum of all processes' proportional shares (smaps_rollup
--- of proc(5)), and compilers are counted, ten times a second: a peak may be missed, so both are
--- floors.
local core = require "moonsand.core"
local median = require("bench.support.rounds").median_of
local quoted = require("bench.support.reaped").quoted

local count = math.tointeger(arg[1] or 0)
if not count or count < 1 then -- as `make bench` calls it
  print("one pool of job tokens: not measured, it builds for minutes: lua5.4 bench/pool.lua ROUNDS")
  os.exit(0)
end
local targets = {table.unpack(arg, 2)}
if #targets == 0 then
  targets = {"zlib:compile", "lua:compile", "bzip2:compile", "m4:compile", "expat:compile",
    "lz4:compile"}
end

local PAUSE <const> = 0.1
local compilers = {cc1 = true, cc1plus = true}
local here = assert(core.realpath ".")
local jobs = io.popen("nproc"):read "n"
local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench-pool."))

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a" or ""
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- The processes below one, by their parents.
local function family(root)
  local children, names = {}, {}
  for _, pid in ipairs(assert(core.readdir "/proc")) do
    local name, parent = read("/proc/" .. pid .. "/stat"):match "%((.*)%) %S (%d+)"
    if parent then
      children[parent] = children[parent] or {}
      table.insert(children[parent], pid)
      names[pid] = name
    end
  end
  local list = {root}
  for i = 1, math.huge do
    if not list[i] then return list, names end
    table.move(children[list[i]] or {}, 1, #(children[list[i]] or {}), #list + 1, list)
  end
end

-- How many compilers there are, and MiB.
local function look(root)
  local running, memory = 0, 0
  local list, names = family(root)
  for _, pid in ipairs(list) do
    if compilers[names[pid]] then running = running + 1 end
    memory = memory + (tonumber(read("/proc/" .. pid .. "/smaps_rollup"):match "Pss:%s*(%d+)") or 0)
  end
  return running, memory / 1024
end

-- Only a build with a task's own jobs has such a configuration.
local function command(way, words)
  local own = way == "own" and place .. "/own:" or ""
  return ("BBPATH=%s exec %s/bin/moonsand build --progress=none -j%d --state %s %s"):format(
    quoted(own .. here .. "/recipes"), quoted(here), jobs, quoted(place .. "/state"), words)
end

local function measure(way, words)
  local from = core.clock()
  local pipe <close> = assert(io.popen(("(%s) >%s 2>&1 & echo $!; wait $!; echo $?"):format(
    command(way, words), quoted(place .. "/log"))))
  local root, most, peak = pipe:read "l", 0, 0
  while core.stat("/proc/" .. root) do
    local running, memory = look(root)
    most, peak = math.max(most, running), math.max(peak, memory)
    core.poll({}, PAUSE)
  end
  local seconds, status = core.clock() - from, pipe:read "l"
  if status ~= "0" then error("the build failed:\n" .. read(place .. "/log"), 0) end
  return {seconds, most, peak}
end

local function fresh()
  core.remove_tree(place .. "/state")
  assert(core.mkdirs(place .. "/state"))
  assert(core.symlink(place .. "/downloads", place .. "/state/downloads"))
end

local words = table.concat(targets, " ")
assert(core.mkdirs(place .. "/own/conf"))
assert(core.mkdirs(place .. "/downloads"))
write(place .. "/own/conf/local.conf", ('PARALLEL_MAKE = "-j%d"\n'):format(jobs))
local ok, problem = pcall(function()
  fresh()
  measure("pool", "--until fetch " .. words)
  local lists = {pool = {}, own = {}}
  for round = 1, count do
    for turn = 0, 1 do
      local way = (round + turn) % 2 == 0 and "pool" or "own"
      fresh()
      table.insert(lists[way], measure(way, words))
    end
  end
  print(("%s, -j%d: median of %d rounds in turns"):format(words, jobs, count))
  for _, way in ipairs {"pool", "own"} do
    local list, most = lists[way], 0
    for _, one in ipairs(list) do most = math.max(most, one[2]) end
    print(("  %-24s  at most %d compilers, %4.0f MiB, %5.1f s"):format(
      way == "pool" and "one pool" or ("make -j%d for each task"):format(jobs), most,
      median(list, 3), median(list, 1)))
  end
  print(("  time, the pool to the others: %.2f"):format(median(lists.pool, 1, lists.own)))
end)
core.remove_tree(place)
if not ok then io.stderr:write(tostring(problem), "\n") os.exit(1) end
