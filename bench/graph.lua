--- The task graph of targets in a build directory of OpenEmbedded-Core: `moonsand graph --dot`
--- against `bitbake -g`, in turns, each with its cache of recipes warm. Both must come to the same
--- graph, or the benchmark fails.
---
---   lua5.4 bench/graph.lua BUILD [ROUNDS] [TARGET...]   `make` first; bitbake is in PATH
---
--- Root gives BitBake the user that owns BUILD, as OpenEmbedded refuses root. Processor time is of
--- all processes, servers that stay behind too; memory is that of the largest process.
local core = require "moonsand.core"
local median = require("bench.support.rounds").median_of
local reaped = require "bench.support.reaped"

if not arg[1] then -- as `make bench` calls it
  print("the task graph: not measured: it takes a build directory of OpenEmbedded-Core, " ..
    "lua5.4 bench/graph.lua BUILD")
  os.exit(0)
end
local build = core.realpath(arg[1])
local rounds = math.tointeger(arg[2] or 5)
local targets = {table.unpack(arg, 3)}
if #targets == 0 then targets = {"busybox", "core-image-minimal", "world"} end
if not build or not rounds then
  io.stderr:write("usage: lua5.4 bench/graph.lua BUILD [ROUNDS] [TARGET...]\n")
  os.exit(2)
end

local here = assert(core.realpath("."))
local scratch = os.getenv "TMPDIR" or "/tmp"
local report = ("%s/moonsand-bench-graph.%d"):format(scratch, core.getpid())

-- Seconds, processor seconds, MiB.
local function measure(words, output)
  return {reaped.measure(build, words, output)}
end

local function text_of(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local function ours(target)
  local words = ("%s/bin/moonsand graph %s --dot"):format(reaped.quoted(here), target)
  return measure(words, report .. ".dot")
end

local function theirs(target)
  return measure("bitbake -g " .. target, report .. ".log")
end

local function row(target)
  local lists = {{}, {}}
  for round = 0, rounds do
    for turn = 0, 1 do
      local which = (round + turn) % 2 + 1
      local result = (which == 1 and ours or theirs)(target)
      if round > 0 then table.insert(lists[which], result) end -- the first warms both up
    end
  end
  assert(text_of(report .. ".dot") == text_of(build .. "/task-depends.dot"), "the graphs differ")
  local _, edges = text_of(report .. ".dot"):gsub(" %-> ", "")
  local parts = {("%-20s %6d edges"):format(target, edges)}
  for field, unit in ipairs {"s", "s of processor", "MiB"} do
    local a, b = median(lists[1], field), median(lists[2], field)
    parts[#parts + 1] = ("  %.2f %s, %.2f: 1/%.1f"):format(a, unit, b,
      median(lists[2], field, lists[1]))
  end
  print(table.concat(parts))
end

print(("moonsand graph, bitbake -g: median of %d rounds in turns"):format(rounds))
for _, target in ipairs(targets) do row(target) end
for _, ending in ipairs {".dot", ".log"} do core.unlink(report .. ending) end
