--- What a sandbox costs as a command: `moonsand run -- /bin/true` against bubblewrap, crun, runc
--- and nsjail, each started by posix_spawn, in turns.
---
---   lua5.4 bench/command.lua [ROUNDS]   `make bench` sets LUA_PATH, LUA_CPATH, O
---
--- MOONSAND=PATH measures another moonsand, NSJAIL=PATH an nsjail, which Debian does not have. All
--- of them are given what the plan of moonsand's says; bubblewrap even the same filter. A peer that
--- is not there, or cannot make a sandbox here, is left out with a message. Processor time is that
--- of all processes, also of those that end after the command.
local core = require "moonsand.core"
local peers = require "bench.support.peers"
local rounds = require "bench.support.rounds"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"
local server = require "bench.support.server"

local count = math.tointeger(arg[1] or 200)
local program = {"/bin/true"}

local function moonsand_words(options)
  local path = os.getenv "MOONSAND" or "bin/moonsand"
  local words = {path, "run", table.unpack(options or {})}
  words[#words + 1] = "--"
  words[#words + 1] = program[1]
  return words
end

--- Who is measured: {name, words}; the second is what the others are compared with.
local function candidates(place)
  local plan = sandbox.new({command = program}):plan()
  local bwrap, files = peers.bwrap(plan, place, true)
  local bundle = peers.bundle(plan, place)
  local nsjail = os.getenv "NSJAIL"
  local crun, runc = peers.find "crun", peers.find "runc"
  local list = {
    {name = "moonsand run", words = moonsand_words()},
    {name = "bwrap", words = bwrap},
    {name = "nsjail", words = nsjail and peers.nsjail(plan, nsjail),
      absent = "NSJAIL=PATH says where one is"},
    {name = "crun run", words = crun and {crun, "--root", place .. "/crun", "--cgroup-manager",
      "disabled", "run", "--bundle", bundle, "bench"}, absent = "apt-get install crun"},
    {name = "runc run", words = runc and {runc, "--root", place .. "/runc", "run", "--bundle",
      bundle, "bench"}, absent = "apt-get install runc"},
    {name = "moonsand --version", words = {moonsand_words()[1], "--version"}},
    {name = "/bin/true alone", words = program},
  }
  return list, files
end

--- Leave out who is not there or fails; the letters of the others.
local function able(list, floor)
  local out = {}
  for i, one in ipairs(list) do
    one.letter = string.char(("p"):byte() + i - 1)
    if not one.words then
      print(("  %-20s not measured: %s"):format(one.name, one.absent))
    else
      local _, _, output, status = floor:try(one.letter)
      if status == 0 then
        out[#out + 1] = one
      else
        print(("  %-20s not measured, it fails here: %s"):format(one.name, output:match "[^\n]*"))
      end
    end
  end
  return out
end

local function words_of(list)
  local words = {}
  for i, one in ipairs(list) do words[i] = one.words or {"/bin/false"} end
  return words
end

local function report(list, wall, cpu)
  print(("  %-20s  %7s  %7s  %7s   %s"):format(#wall[1] .. " rounds", "median", "fastest", "cpu",
    "time and cpu, to bwrap's (aim: 0.85)"))
  for i, one in ipairs(list) do
    print(("  %-20s  %7.3f  %7.3f  %7.3f   %.2f  %.2f"):format(one.name,
      rounds.median(wall[i]) * 1000, rounds.fastest(wall[i]) * 1000, rounds.median(cpu[i]) * 1000,
      rounds.ratio(wall[i], wall[2]), rounds.ratio(cpu[i], cpu[2])))
  end
end

local function main()
  local undo <close> = scope.new()
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
  undo:defer(function() core.remove_tree(place) end)
  print(("commands with /bin/true: at most %d rounds in turns, uid %d, milliseconds"):format(count,
    core.uid()))
  local all, files = candidates(place)
  local floor <close> = server.start(place, {files = files, peers = words_of(all)})
  local list = able(all, floor)
  assert(list[1].name == "moonsand run" and list[2].name == "bwrap", "these two are compared")
  local ways = {}
  for i, one in ipairs(list) do ways[i] = function() return floor:run(one.letter) end end
  report(list, rounds.take(ways, count))
end

main()
