--- What grows and what must not: the caller's memory, binds, layers, many sandboxes at once and one
--- after another.
---
---   lua5.4 bench/scale.lua [ROUNDS]   `make bench` sets LUA_PATH and LUA_CPATH
local core = require "moonsand.core"
local rounds = require "bench.support.rounds"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"
local server = require "bench.support.server"

local count = math.tointeger(arg[1] or 100)
local in_a_row = 100 * count
local patience = 50 -- seconds for them
local at_once = 50
local mebibyte = ("x"):rep(1 << 20)

local function run(options)
  local began = core.clock()
  local result = sandbox.new(options):run()
  assert(result.ok, result.message or result.stderr)
  return core.clock() - began, result.stdout
end

--- Median milliseconds of each way; the ways take turns.
local function in_turns(list, times)
  local ways = {}
  for k, options in ipairs(list) do ways[k] = function() return (run(options)) end end
  local wall = rounds.take(ways, times)
  for k, of_one in ipairs(wall) do wall[k] = rounds.median(of_one) * 1000 end
  return wall
end

--- A number of /proc/self/status in MiB, or of /proc/meminfo.
local function memory(path, name)
  for line in io.lines(path) do
    local kib = line:match("^" .. name .. ":%s+(%d+)")
    if kib then return tonumber(kib) / 1024 end
  end
end

--- What the child process does: be as large as asked for, then measure at each order.
local function serve_when_large(size)
  local ballast = {}
  repeat ballast[#ballast + 1] = mebibyte .. #ballast
  until memory("/proc/self/status", "VmRSS") >= size
  io.stdout:setvbuf "no"
  repeat
    print((run {command = {"/bin/true"}}))
  until not io.read(1)
  assert(#ballast[1] > 0) -- it is still there
end

local function caller(place, size)
  local child = server.open(place .. "/answers" .. size, {arg[-1], arg[0], tostring(count),
    tostring(size)})
  child.answers:read "n" -- it is large now
  return child, function()
    child.orders:write "x"
    return child.answers:read "n"
  end
end

local function measure_memory(place)
  local sizes, ways, children = {10, 2048}, {}, {}
  if memory("/proc/meminfo", "MemAvailable") < 2048 + 512 then
    print "  not measured: this host has too little memory for a caller of 2 GiB"
    return
  end
  for i, size in ipairs(sizes) do children[i], ways[i] = caller(place, size) end
  local wall = rounds.take(ways, count)
  for _, child in ipairs(children) do
    child.orders:close()
    child.answers:close()
  end
  print "the caller's resident memory"
  for i, size in ipairs(sizes) do
    print(("  %4d MiB     %7.3f ms"):format(size, rounds.median(wall[i]) * 1000))
  end
  print(("  ratio %.2f (aim: 1.10)"):format(rounds.ratio(wall[2], wall[1])))
end

--- The first `number` of the layers on /work; the last one's file is read.
local function stacked(place, number)
  local lower = {}
  for i = 1, number do lower[i] = ("%s/%03d"):format(place, i) end
  return {
    command = {"/bin/cat", ("/work/file%03d"):format(number)},
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
  local numbers, list = {3, 140, 500}, {}
  for k, number in ipairs(numbers) do
    list[k] = stacked(place, number)
    local _, output = run(list[k])
    assert(output == ("layer %d\n"):format(number), "the lowest layer is not there")
  end
  print "the lowest layer's file read through an overlay"
  local wall = in_turns(list, count // 2)
  for k, number in ipairs(numbers) do print(("  %4d layers  %7.3f ms"):format(number, wall[k])) end
end

local function milliseconds(times, work)
  local list = {}
  for i = 1, times do
    local began = core.clock()
    work()
    list[i] = (core.clock() - began) * 1000
  end
  return rounds.median(list)
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
  for _, number in ipairs {250, 1000, 2000} do
    local own = table.move(binds, 1, number, 1, {})
    local ms = milliseconds(5, function() run {command = {"/bin/true"}, binds = own} end)
    local theirs = number <= 1000 and core.stat "/usr/bin/bwrap" -- it takes the square of them
      and milliseconds(1, bubblewrap(own))
    print(("  %4d binds  %8.3f ms  %7.3f us each%s"):format(number, ms, ms * 1000 / number, theirs
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

local function check_footprint(before, what)
  local after = footprint()
  print("  before and after " .. what)
  for _, row in ipairs {{"fds", "descriptors", "%d"}, {"mounts", "mounts", "%d"},
    {"resident", "resident memory, MiB", "%.1f"}, {"lua", "memory of Lua, KiB", "%.1f"}} do
    local text = "    %-22s " .. row[3] .. " -> " .. row[3]
    print(text:format(row[2], before[row[1]], after[row[1]]))
  end
  assert(before.fds == after.fds and before.mounts == after.mounts, "something is left behind")
end

--- Seconds of one after the other: of the first tenth, and of the last.
local function row_of(options)
  local began, list = core.clock(), {}
  repeat list[#list + 1] = run(options)
  until #list == in_a_row or core.clock() - began > patience
  local number, tenth = #list, #list // 10
  return number, rounds.median(table.move(list, 1, tenth, 1, {})),
    rounds.median(table.move(list, number - tenth + 1, number, 1, {}))
end

--- Each with an overlay; the first tenth and the last one take the same time, or something grows.
local function measure_row(place)
  local options = stacked(place, 3)
  for _ = 1, 20 do run(options) end
  local before = footprint()
  local number, first, last = row_of(options)
  print(("%d in a row"):format(number))
  print(("  first tenth  %7.3f ms"):format(first * 1000))
  print(("  last tenth   %7.3f ms"):format(last * 1000))
  check_footprint(before, ("%d sandboxes in a row"):format(number))
end

--- They are all there before the first may end: each waits for a line.
local function together(options)
  local list, began = {}, core.clock()
  local reader, writer = assert(core.pipe())
  options.stdin = reader
  for i = 1, at_once do list[i] = assert(sandbox.new(options):start()) end
  reader:close()
  writer:close()
  for _, running in ipairs(list) do assert(running:wait().ok) end
  return core.clock() - began
end

local function measure_together(place)
  local options = stacked(place, 3)
  options.command = {"/bin/cat"}
  together(options)
  local before, list = footprint(), {}
  for i = 1, 5 do list[i] = together(options) end
  print(("%d at once"):format(at_once))
  print(("  each         %7.3f ms"):format(rounds.median(list) * 1000 / at_once))
  check_footprint(before, ("5 times %d at once"):format(at_once))
end

local function main()
  local undo <close> = scope.new()
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
  undo:defer(function() core.remove_tree(place) end)
  print(("scale: medians of at most %d rounds, uid %d"):format(count, core.uid()))
  measure_memory(place)
  measure_binds(place)
  measure_layers(place)
  measure_together(place)
  measure_row(place)
end

if arg[2] then
  serve_when_large(tonumber(arg[2]))
else
  main()
end
