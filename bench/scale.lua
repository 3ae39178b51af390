--- What grows and what must not: the caller's memory, the number of layers, one sandbox after
--- another.
---
---   lua5.4 bench/scale.lua [ROUNDS]   `make bench` sets LUA_PATH and LUA_CPATH
local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"

local rounds = math.tointeger(arg[1] or 100)
local mebibyte = ("x"):rep(1 << 20)

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local function run(options)
  local began = core.clock()
  local result = sandbox.new(options):run()
  assert(result.ok, result.message or result.stderr)
  return core.clock() - began, result.stdout
end

--- Median milliseconds of each way; the ways take turns.
local function in_turns(ways, count)
  local times = {}
  for k in ipairs(ways) do times[k] = {} end
  for i = -2, count do -- the first ones warm up
    for k, options in ipairs(ways) do
      core.poll({}, 0.002)
      local seconds = run(options)
      if i > 0 then times[k][i] = seconds end
    end
  end
  for k, list in ipairs(times) do times[k] = median(list) * 1000 end
  return table.unpack(times)
end

--- A number of /proc/self/status in MiB, or of /proc/meminfo.
local function memory(path, name)
  for line in io.lines(path) do
    local kib = line:match("^" .. name .. ":%s+(%d+)")
    if kib then return tonumber(kib) / 1024 end
  end
end

--- What the child process does: be as large as asked for, then measure.
local function measure_when_large(size)
  local ballast = {}
  repeat ballast[#ballast + 1] = mebibyte .. #ballast
  until memory("/proc/self/status", "VmRSS") >= size
  local ms = in_turns({{command = {"/bin/true"}}}, rounds)
  assert(#ballast[1] > 0) -- it is still there
  print(ms)
end

--- A process of its own for each size: what it once had does not go back to the kernel.
local function measure_memory()
  print "the caller's resident memory"
  for _, size in ipairs {10, 1024, 10, 1024} do
    if memory("/proc/meminfo", "MemAvailable") < size + 256 then
      print(("  %4d MiB  not measured: this host has too little memory"):format(size))
    else
      local child <close> = assert(io.popen(("exec %s %s %d %d"):format(arg[-1], arg[0], rounds,
        size)))
      print(("  %4d MiB  %7.3f ms"):format(size, (child:read("n"))))
    end
  end
end

--- The first `count` of the layers on /work; the last one's file is read.
local function stacked(place, count)
  local lower = {}
  for i = 1, count do lower[i] = ("%s/%03d"):format(place, i) end
  return {
    command = {"/bin/cat", ("/work/file%03d"):format(count)},
    overlays = {{target = "/work", lower = lower}},
  }
end

local function measure_layers(place)
  for i = 1, 500 do
    local layer = ("%s/%03d"):format(place, i)
    assert(core.mkdirs(layer))
    local file <close> = assert(core.open(("%s/file%03d"):format(layer, i), "w"))
    assert(file:write(("layer %d\n"):format(i)))
  end
  local counts, ways = {3, 140, 500}, {}
  for k, count in ipairs(counts) do
    ways[k] = stacked(place, count)
    local _, output = run(ways[k])
    assert(output == ("layer %d\n"):format(count), "the lowest layer is not there")
  end
  print "the lowest layer's file read through an overlay"
  local times = {in_turns(ways, rounds)}
  for k, count in ipairs(counts) do print(("  %4d layers  %7.3f ms"):format(count, times[k])) end
end

local function milliseconds(count, work)
  local times = {}
  for i = 1, count do
    local began = core.clock()
    work()
    times[i] = (core.clock() - began) * 1000
  end
  return median(times)
end

--- bubblewrap's words for /bin/true over the same binds.
local function bubblewrap(binds)
  local words = {"bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin",
    "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc",
    "--dev", "/dev"}
  for _, bind in ipairs(binds) do
    table.move({"--ro-bind", bind.source, bind.target}, 1, 3, #words + 1, words)
  end
  words[#words + 1] = "/bin/true"
  return function()
    local child <close> = assert(core.spawn {{"exec", argv = words, init = false}})
    core.poll {{fd = child}}
    assert(child:wait().exit_code == 0)
  end
end

local function measure_binds(place)
  print "read-only binds of a directory each, and bubblewrap's time for the same"
  local binds = {}
  for i = 1, 2000 do
    binds[i] = {source = ("%s/bind/%d"):format(place, i), target = "/b/" .. i}
    assert(core.mkdirs(binds[i].source))
  end
  for _, count in ipairs {250, 500, 1000, 2000} do
    local own = table.move(binds, 1, count, 1, {})
    local ms = milliseconds(5, function() run {command = {"/bin/true"}, binds = own} end)
    local theirs = core.stat "/usr/bin/bwrap"
      and milliseconds(math.max(1, 1000 // count), bubblewrap(own))
    print(("  %4d binds  %8.3f ms  %7.3f us each%s"):format(count, ms, ms * 1000 / count, theirs
      and ("  bubblewrap %10.3f ms, ratio %.3f"):format(theirs, ms / theirs) or ""))
  end
end

local function count_lines(path)
  local n = 0
  for _ in io.lines(path) do n = n + 1 end
  return n
end

local function footprint()
  collectgarbage()
  collectgarbage()
  return {
    fds = #assert(core.readdir("/proc/self/fd")),
    mounts = count_lines "/proc/self/mountinfo",
    resident = memory("/proc/self/status", "VmRSS"),
    lua = collectgarbage "count",
  }
end

local function measure_leaks(place)
  local options = stacked(place, 3)
  for _ = 1, 20 do run(options) end
  local before = footprint()
  for _ = 1, 1000 do run(options) end
  local after = footprint()
  print "before and after 1000 sandboxes in a row"
  for _, row in ipairs {{"fds", "descriptors", "%d"}, {"mounts", "mounts", "%d"},
    {"resident", "resident memory, MiB", "%.1f"}, {"lua", "memory of Lua, KiB", "%.1f"}} do
    print(("  %-22s " .. row[3] .. " -> " .. row[3]):format(row[2], before[row[1]], after[row[1]]))
  end
  assert(before.fds == after.fds and before.mounts == after.mounts, "something is left behind")
end

local function main()
  local undo <close> = scope.new()
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
  undo:defer(function() core.remove_tree(place) end)
  print(("scale: medians of %d rounds, uid %d"):format(rounds, core.uid()))
  measure_memory()
  measure_layers(place)
  measure_binds(place)
  measure_leaks(place)
end

if arg[2] then
  measure_when_large(tonumber(arg[2]))
else
  main()
end
