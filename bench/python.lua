--- What Python in recipes costs: a round trip to the helper, and what it is made of; in turns.
---
---   lua5.4 bench/python.lua [ROUNDS]      `make bench` sets LUA_PATH and LUA_CPATH
---
--- The floor is a message of the same size to a process that sends it back (cat, over one
--- connection), which is what two switches of process cost on this machine at this moment.
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local parse = require "moonsand.recipe.parse"
local python = require "moonsand.build.python"
local sandbox = require "moonsand.sandbox"

local rounds = math.tointeger(arg[1] or 200)
local batch = 20

local function echo()
  local ours, theirs = assert(core.pair())
  local running = assert(sandbox.new {
    command = {"/bin/cat"}, stdin = theirs, stdout = theirs, stderr = "inherit",
  }:start())
  theirs:close()
  local message = ("x"):rep(64)
  return function()
    ours:write(message)
    ours:read(64)
  end, function()
    ours:close()
    running:close()
  end
end

local function store()
  local d = data.new()
  parse.attach(parse.reader(), d, python.new(assert(core.realpath("python"))))
  d:put("A", "a")
  d:put("N", "1")
  d.python:define(d, {name = "f", file = "bench", line = 1,
    text = "def f(d):\n    return d.getVar('N')\n"})
  d.python:define(d, {name = "reads", file = "bench", line = 1, text =
    "def reads(d):\n    for i in range(100):\n        d.getVarFlag('A', str(time.time_ns()))\n"})
  d.python:define(d, {name = "writes", file = "bench", line = 1, text =
    "def writes(d):\n    for i in range(100):\n        d.setVar('B', 'x')\n"})
  return d
end

local d = store()
local send, stop = echo()
local ways = {
  {"floor: cat", send},
  {"an expression", function() d:expand("${@[x for x in 'a'][0]}") end},
  {"a function that reads a variable", function() d:expand("${@f(d)}") end},
  {"the same after a write", function()
    d:set("N", "2")
    d:expand("${@f(d)}")
  end},
  {"one of 100 reads that are not at hand", function()
    d:set("N", "2")
    d:expand("${@reads(d)}")
  end, 100},
  {"one of 100 writes", function() d:expand("${@writes(d)}") end, 100},
  {"the same kind of expression in Lua", function() d:expand("${@d.getVar('N') or ''}") end},
}

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local times = {}
for i, way in ipairs(ways) do
  times[i] = {}
  way[2]()
end
for round = 1, rounds do
  for shift = 1, #ways do
    local i = (round + shift) % #ways + 1
    local started = core.clock()
    for _ = 1, batch do ways[i][2]() end
    local each = (core.clock() - started) / batch / (ways[i][3] or 1)
    table.insert(times[i], each * 1e6)
  end
end
print(("microseconds, median of %d (fastest)"):format(rounds))
for i, way in ipairs(ways) do
  local middle = median(times[i])
  print(("  %-40s %7.1f (%.1f)"):format(way[1], middle, times[i][1]))
end
d.python:close()
stop()
