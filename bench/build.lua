--- What a build costs besides what its tasks do: one in which all is cached, against `ninja` and
--- `make` on a graph of the same size, and large graphs whose tasks are done at once.
---
---   lua5.4 bench/build.lua [noop|graph...]      `make bench` sets LUA_PATH
---
--- noop: 25 recipes with the classes that ship, each recipe after two others; the peers have a file
--- for each task. graph: recipes of five tasks, 1,000 and 10,000 in all; the sandbox, its scratch
--- directory and its freeze are replaced by a layer that is there already, so what is measured is
--- everything else: keys, look-ups, decisions, the schedule, events, records. Each size is a
--- process of its own.
local core = require "moonsand.core"
local rounds = require "bench.support.rounds"

local TASKS <const> = 5
local names = {"fetch", "unpack", "patch", "configure", "compile"}
local here = assert(core.realpath("."))
local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench-build."))

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- A recipe's text; every recipe needs the two before it, at most.
local function recipe_text(i)
  local lines = {}
  local needs = {}
  for j = math.max(1, i - 2), i - 1 do needs[#needs + 1] = ("r%d:do_compile"):format(j) end
  for k, name in ipairs(names) do
    lines[#lines + 1] = ("do_%s() {\n    echo %d > %s\n}\naddtask %s%s"):format(name, i, name, name,
      k > 1 and " after do_" .. names[k - 1] or "")
  end
  lines[#lines + 1] = ('do_fetch[depends] = "%s"'):format(table.concat(needs, " "))
  return table.concat(lines, "\n") .. "\n"
end

-- Recipes of a directory of their own, without the classes that ship.
local function recipes_in(directory, count)
  assert(core.mkdirs(directory .. "/recipes/conf"))
  write(directory .. "/recipes/conf/bitbake.conf", 'WORKDIR = "/work"\nB = "/work"\n' ..
    'S = "/work"\nBBFILES = "' .. directory .. '/recipes/*.bb"\n' ..
    'PN = "${@bb.parse.vars_from_file(d.getVar(\'FILE\', False),d)[0]}"\n' ..
    'PV = "1"\nCACHE = "' .. directory .. '/cache"\n')
  assert(core.mkdirs(directory .. "/recipes/classes"))
  write(directory .. "/recipes/classes/base.bbclass", "addtask build after do_compile\n" ..
    "do_build[noexec] = \"1\"\n")
  for i = 1, count do write(("%s/recipes/r%d_1.bb"):format(directory, i), recipe_text(i)) end
end

-- Recipes over the classes that ship.
local function programs_in(directory, count)
  for i = 1, count do
    local needs = {}
    for j = math.max(1, i - 2), i - 1 do needs[#needs + 1] = "r" .. j end
    assert(core.mkdirs(("%s/recipes/r%d"):format(directory, i)))
    write(("%s/recipes/r%d/r%d_1.bb"):format(directory, i, i), ([[
DEPENDS = "%s"
do_compile() {
    :
}
do_install() {
    install -d ${D}${bindir}
    echo %d > ${D}${bindir}/%d
}
]]):format(table.concat(needs, " "), i, i))
  end
end

-- A graph of as many tasks for the peers.
local function peers_in(directory, count, tasks)
  local make, ninja = {"all:"}, {"rule touch\n  command = touch $out\n"}
  for i = 1, count do
    for k = 1, tasks do
      local needs = {}
      if k > 1 then needs[1] = ("r%d.%d"):format(i, k - 1) end
      for j = math.max(1, i - 2), k == 1 and i - 1 or 0 do
        needs[#needs + 1] = ("r%d.%d"):format(j, tasks)
      end
      local target, list = ("r%d.%d"):format(i, k), table.concat(needs, " ")
      make[1] = make[1] .. " " .. target
      make[#make + 1] = ("%s: %s\n\ttouch $@"):format(target, list)
      ninja[#ninja + 1] = ("build %s: touch %s"):format(target, list)
    end
  end
  write(directory .. "/Makefile", table.concat(make, "\n") .. "\n")
  write(directory .. "/build.ninja", table.concat(ninja, "\n") .. "\n")
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function seconds_of(words)
  local began = core.clock()
  assert(os.execute(words .. " >/dev/null 2>&1"), words .. " failed")
  return core.clock() - began
end

local parts = {}

function parts.noop()
  local count, targets = 25, {}
  programs_in(place, count)
  for i = 1, count do targets[i] = "r" .. i end
  local program = ("cd %s && BBPATH=%s/recipes MOONSAND_DIR=%s/state exec %s/bin/moonsand build %s")
    :format(quoted(place), quoted(place), quoted(place), quoted(here), table.concat(targets, " "))
  local pipe <close> = assert(io.popen(program .. " 2>&1"))
  local text = pipe:read "a"
  local tasks = math.tointeger(tonumber(text:match "(%d+) tasks: %d+ ok, 0 cached, 0 failed"))
  assert(tasks, text)
  peers_in(place, count, tasks // count)
  local ways = {}
  for i, words in ipairs {program, "exec make -C " .. quoted(place),
    "exec ninja -C " .. quoted(place)} do
    seconds_of(words) -- the peers build
    ways[i] = function() return seconds_of(words) end
  end
  local wall = rounds.take(ways, 40)
  print(("nothing to do, %d recipes, %d tasks: %.0f ms (fastest %.0f), make %.1f, ninja %.1f; " ..
    "to make's time %.1f, to ninja's %.1f"):format(count, tasks,
    rounds.median(wall[1]) * 1000, rounds.fastest(wall[1]) * 1000, rounds.median(wall[2]) * 1000,
    rounds.median(wall[3]) * 1000, rounds.ratio(wall[1], wall[2]), rounds.ratio(wall[1], wall[3])))
end

-- "VmHWM" of this process in MiB.
local function peak()
  local file <close> = assert(io.open "/proc/self/status")
  return math.tointeger(tonumber(file:read("a"):match "VmHWM:%s*(%d+)")) / 1024
end

-- A process of its own: builds `count` recipes without sandboxes.
function parts.child(directory, count)
  local build = require "moonsand.build"
  local execute = require "moonsand.build.execute"
  local recipe = require "moonsand.recipe"
  local plain = require "moonsand.cli.show.plain"
  local targets = {}
  for i = 1, count do targets[i] = ("r%d:compile"):format(i) end
  local config = recipe.configure {
    path = {directory .. "/recipes"}, variables = {BBFILES = directory .. "/recipes/*.bb"},
  }
  local sink <close> = assert(io.open("/dev/null", "w"))
  local listener = plain.new {
    write = function(text) sink:write(text) end, clock = core.clock,
    size = function() return 80, 24 end, read = function() end,
  }
  local function builder()
    return build.new {
      config = config, store = directory .. "/store", sync = "off", jobs = 2,
      downloads = directory .. "/downloads", host = {name = "bench"},
      emit = function(event) listener:event(event) end, tick = function() end,
    }
  end
  local one <close> = builder()
  local scratch = one.store:scratch()
  write(scratch.upper .. "/file", "text")
  local frozen = assert(one.store:freeze(scratch, {over = {}, name = "bench"}))
  function execute.run(workshop, node)
    write(execute.path(workshop.directory, node, "log"), "")
    return frozen
  end
  local read_cpu = os.clock()
  require("moonsand.build.graph").of(config):plan(targets)
  local began, cpu = core.clock(), os.clock()
  local summary = one:run(targets)
  assert(summary.ok and summary.counts.ok == count * TASKS)
  local ended, after = core.clock(), os.clock()
  assert(builder():run(targets).counts.cached == count * TASKS)
  print(("%d %.6f %.6f %.6f %.6f %.1f"):format(count * TASKS, cpu - read_cpu, ended - began,
    after - cpu, os.clock() - after, peak()))
end

function parts.graph()
  local last
  for _, tasks in ipairs {1000, 10000} do
    local directory = ("%s/graph%d"):format(place, tasks)
    recipes_in(directory, tasks // TASKS)
    local pipe <close> = assert(io.popen(("lua5.4 bench/build.lua child %s %d"):format(
      quoted(directory), tasks // TASKS)))
    local count, read_cpu, wall, cpu, again, memory = pipe:read("n", "n", "n", "n", "n", "n")
    assert(count == tasks, "the child failed")
    print(("%d tasks: %.2f ms of processor time a task (%.2f ms of time), %.2f ms when all is " ..
      "cached; reading a recipe %.2f ms; %.0f MiB at the peak%s"):format(count, cpu / count * 1e3,
      wall / count * 1e3, again / count * 1e3, read_cpu / count * TASKS * 1e3, memory,
      last and ("; %.2f of the time a task took before"):format(cpu / count / last) or ""))
    last = cpu / count
  end
end

if arg[1] == "child" then
  core.rmdir(place)
  parts.child(arg[2], math.tointeger(arg[3]))
else
  local list = #arg > 0 and arg or {"noop", "graph"}
  local ok, problem = xpcall(function()
    for _, name in ipairs(list) do parts[name]() end
  end, debug.traceback)
  core.remove_tree(place)
  if not ok then error(problem, 0) end
end
