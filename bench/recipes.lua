--- Reading the recipes of a build directory: `moonsand parse` against `bitbake -p`, cold with one
--- and two workers and with the cache warm; `moonsand vars busybox` against `bitbake -e busybox`;
--- the scanner alone; and how time grows with the number of recipes.
---
---   lua5.4 bench/recipes.lua BUILD [PART...] [ROUNDS]   `make` first; bitbake is in PATH
---
--- PART is some of: cold warm vars scan growth; those of warm and vars take turns. BUILD's caches
--- (cache/, tmp/cache/) are deleted for the cold start. Root gives both the user that owns BUILD,
--- as OpenEmbedded refuses root. Processor time is of all processes, servers that stay behind too;
--- memory is that of the largest.
local core = require "moonsand.core"
local median = require("bench.support.rounds").median_of
local reaped = require "bench.support.reaped"
local scan = require "moonsand.recipe.scan"
local text = require "moonsand.text"

if not arg[1] then -- as `make bench` calls it
  print("reading recipes: not measured: it takes a build directory of OpenEmbedded-Core, " ..
    "lua5.4 bench/recipes.lua BUILD")
  os.exit(0)
end
local build = core.realpath(arg[1])
if not build then
  io.stderr:write("usage: lua5.4 bench/recipes.lua BUILD [cold|warm|vars|scan|growth...] " ..
    "[ROUNDS]\n")
  os.exit(2)
end
local wanted, rounds = {}, 5
for i = 2, #arg do
  local number = math.tointeger(tonumber(arg[i]))
  if number then rounds = number else wanted[arg[i]] = true end
end

local here = assert(core.realpath("."))
local place = ("%s/moonsand-bench-recipes.%d"):format(os.getenv "TMPDIR" or "/tmp", core.getpid())
local state, log = place .. ".state", place .. ".log"
local quoted = reaped.quoted

local function run(words)
  local ok = os.execute(words)
  assert(ok, words .. " failed")
end

local function measure(words)
  return reaped.measure(build, ("env MOONSAND_DIR=%s %s"):format(quoted(state), words), log)
end

local function ours(words) return measure(quoted(here .. "/bin/moonsand") .. " " .. words) end

local function forget_ours()
  run(("rm -rf %s && mkdir -m 777 %s"):format(quoted(state), quoted(state)))
end

local function forget_theirs()
  run(("rm -rf %s/cache %s/tmp/cache"):format(quoted(build), quoted(build)))
end

-- Both in turns, each round beginning with another one.
local function turns(name, mine, other)
  local lists = {{}, {}}
  for round = 1, rounds do
    for turn = 0, 1 do
      local which = (round + turn) % 2 + 1
      table.insert(lists[which], {(which == 1 and ours or measure)(which == 1 and mine or other)})
    end
  end
  local a, b = lists[1], lists[2]
  print(("%-24s %8.2f s %8.2f s   1/%-6.1f %8.2f %8.2f processor s   1/%-6.1f %5.0f %5.0f MiB")
    :format(name, median(a, 1), median(b, 1), median(b, 1, a), median(a, 2), median(b, 2),
    median(b, 2, a), median(a, 3), median(b, 3)))
end

local function row(name, a, b)
  print(("%-24s %8.2f s %8.2f s   1/%-6.1f %8.2f %8.2f processor s   1/%-6.1f %5.0f %5.0f MiB")
    :format(name, a[1], b[1], b[1] / a[1], a[2], b[2], b[2] / a[2], a[3], b[3]))
end

local parts = {}

function parts.cold()
  for workers = 2, 1, -1 do
    forget_ours()
    local mine = {ours("parse -j " .. workers)}
    forget_theirs()
    row(("cold, %d worker%s"):format(workers, workers > 1 and "s" or ""), mine,
      {measure(("env BB_NUMBER_PARSE_THREADS=%d BB_ENV_PASSTHROUGH_ADDITIONS=" ..
        "BB_NUMBER_PARSE_THREADS bitbake -p"):format(workers))})
  end
end

function parts.warm()
  ours("parse -j 2")
  measure("bitbake -p")
  turns(("warm, %d rounds"):format(rounds), "parse -j 2", "bitbake -p")
end

function parts.vars()
  forget_ours() -- the first round reads the configuration, the others have it kept
  measure("bitbake -e busybox")
  turns(("busybox, %d rounds"):format(rounds), "vars busybox", "bitbake -e busybox")
end

-- The recipe files of the build directory.
local function files()
  local list, seen = {}, {}
  ours("recipes --json")
  for path in assert(text.read(log)):gmatch('"file": *"([^"]+%.bb)"') do
    if not seen[path] then list[#list + 1] = path end
    seen[path] = true
  end
  table.sort(list)
  return list
end

function parts.scan()
  local size, list = 0, {}
  for i, path in ipairs(files()) do
    list[i] = {path, assert(text.read(path))}
    size = size + #list[i][2]
  end
  local before = os.clock()
  for _, each in ipairs(list) do scan.scan(each[2], each[1]) end
  local seconds = os.clock() - before
  print(("scanner: %d files, %.2f MB, %.1f MB/s"):format(#list, size / 1e6, size / 1e6 / seconds))
end

function parts.growth()
  local list = files()
  local count = 100
  while count <= #list do
    local step, chosen = #list / count, {}
    for i = 1, count do chosen[i] = quoted(list[(i - 1) * step // 1 + 1]) end
    forget_ours()
    local seconds, processor, memory = ours("parse -j 1 " .. table.concat(chosen, " "))
    print(("%5d files  %7.2f s  %7.2f processor s  %.1f ms a file  %4.0f MiB"):format(count,
      seconds, processor, 1000 * processor / count, memory))
    if count == #list then break end
    count = math.min(count * 3, #list)
  end
end

for _, name in ipairs {"cold", "warm", "vars", "scan", "growth"} do
  if not next(wanted) or wanted[name] then parts[name]() end
end
run(("rm -rf %s %s"):format(quoted(state), quoted(log)))
