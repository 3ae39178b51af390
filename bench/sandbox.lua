--- What a sandbox costs: (a) from the Lua library, (b) from bare C, (c) from bubblewrap; in turns.
---
---   lua5.4 bench/sandbox.lua [ROUNDS [WAYS [NETWORK]]]   `make bench` sets LUA_PATH, LUA_CPATH, O
---
--- All three make the same namespaces and mounts, which come from the library's own plan, capture
--- both outputs, and run /bin/true. Each round runs each of them once, beginning with another one
--- each time. Before anything is timed, what is seen inside must be the same.
local core = require "moonsand.core"
local peers = require "bench.support.peers"
local rounds = require "bench.support.rounds"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"
local server = require "bench.support.server"

local count = math.tointeger(arg[1] or 300)
local chosen = arg[2] or "abc"

local function options(place, network, command)
  return {
    command = command,
    network = network,
    overlays = {{target = "/work", lower = {place .. "/1", place .. "/2", place .. "/3"}}},
  }
end

--- "/etc/hosts" -> "etc/hosts"
local function relative(path)
  return path:sub(2)
end

local operations = {}

function operations.bind(s)
  return {s.optional and "bind?" or "bind", s.source, relative(s.target)}
end

function operations.symlink(s) return {"symlink", s.text, relative(s.target)} end

function operations.file(s) return {"file", relative(s.target), s.text} end

function operations.proc(s)
  return {"proc", relative(s.target), s.read_only and "ro" or "rw"}
end

local function covers(s)
  local words = {s[1]}
  for _, path in ipairs(s.paths) do words[#words + 1] = relative(path) end
  words[#words + 1] = "."
  return words
end

operations.mask, operations.protect = covers, covers

function operations.dev(s) return {"dev", relative(s.target)} end

function operations.tmpfs(s)
  return s.target == "/" and {} or {"tmpfs", ("%o"):format(s.mode), relative(s.target)}
end

function operations.overlay(s)
  local words = {"overlay", relative(s.target)}
  table.move(s.lower, 1, #s.lower, 3, words)
  words[#words + 1] = "."
  return words
end

--- What floor.c does without being told.
local built_in = {
  namespaces = true, ids = true, hostname = true, loopback = true, remount = true, pivot = true,
  chdir = true, no_new_privileges = true, capabilities = true, seccomp = true, fds = true,
  exec = true,
}

function operations.rlimit(s) return s.core == 0 and {"no_core"} or {} end

local function append(list, words)
  table.move(words, 1, #words, #list + 1, list)
end

--- As in the library, whoever is not root inside keeps his bounding set.
local function bounding_words(plan)
  for _, step in ipairs(plan) do
    if step.bounding == false then return {"whole_bounding_set"} end
  end
  return {}
end

--- The filter of the plan, for floor.c to install as it is.
local function filter_words(plan, place)
  for _, step in ipairs(plan) do
    if step[1] == "seccomp" then return {"filter", peers.kept(place, "filter", step.program)} end
  end
  return {}
end

--- The words that tell floor.c what the plan says.
local function floor_words(plan, network, place)
  local words, has_etc = {}, false
  if network == "none" then words[1] = "net" end
  append(words, bounding_words(plan))
  append(words, filter_words(plan, place))
  for _, step in ipairs(plan) do
    if not has_etc and step.target and step.target:find "^/etc/" then
      append(words, {"mkdir", "etc"})
      has_etc = true
    end
    if operations[step[1]] then
      append(words, operations[step[1]](step))
    elseif not built_in[step[1]] then
      print(("  (only the library does the step '%s')"):format(step[1]))
    end
  end
  return words
end

local function start_server(place, network, command)
  local plan = sandbox.new(options(place, network, command)):plan()
  local peer, files = peers.bwrap(plan, place)
  return server.start(place, {operations = floor_words(plan, network, place), program = command,
    files = files, peers = {peer}})
end

local function run_library(place, network, command)
  local began = core.clock()
  local result = sandbox.new(options(place, network, command)):run()
  local seconds = core.clock() - began
  assert(result.ok, result.message or result.stderr)
  return seconds, result.stdout .. result.stderr
end

--- What a program can see of its sandbox, without what differs from one to the next.
local view = [[
cut -d' ' -f5,6 /proc/self/mountinfo | sort
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp|Seccomp_filters|Uid|Gid)' /proc/self/status
echo /proc/[0-9]* | tr -s '[:space:][:digit:]' '\n' | sort -u
pwd; hostname; cat /etc/passwd /etc/group /etc/hosts; ls -l /proc/self/fd | wc -l
env | sort; cat /proc/self/limits]]

local function check_views(place, network)
  local command = {"/bin/sh", "-c", view}
  local floor <close> = start_server(place, network, command)
  local _, ours = run_library(place, network, command)
  local _, _, bare = floor:run "f"
  local next_line = bare:gmatch "[^\n]*"
  for line in ours:gmatch "[^\n]*" do
    local other = next_line()
    if line ~= other then
      error(("the sandboxes differ: '%s' from the library, '%s' from the floor"):format(line,
        tostring(other)), 0)
    end
  end
  floor:run "p"
end

local function measure(place, network)
  local command = {"/bin/true"}
  local floor <close> = start_server(place, network, command)
  local known = {
    a = function() return (run_library(place, network, command)) end,
    b = function() return (floor:run "f") end,
    c = function() return (floor:run "p") end,
  }
  local ways = {}
  for way in chosen:gmatch "." do ways[#ways + 1] = known[way] end
  return (rounds.take(ways, count))
end

local function bwrap_version()
  local pipe <close> = assert(io.popen(peers.find "bwrap" .. " --version"))
  return assert(pipe:read("l"))
end

local names = {a = "moonsand.sandbox", b = "floor: bare C", c = bwrap_version() .. " (*)"}

local titles = {
  none = "user mount pid ipc uts cgroup net: the default",
  host = "user mount pid ipc uts cgroup: network = \"host\"",
}

local function report(title, times)
  print(("%-52s  median  fastest"):format(title))
  for k, list in ipairs(times) do
    local way = chosen:sub(k, k)
    print(("  %s  %-45s %7.3f  %7.3f ms"):format(way, names[way], rounds.median(list) * 1000,
      rounds.fastest(list) * 1000))
  end
  if chosen ~= "abc" then return end
  print(("  a/b %.2f (aim: 1.15)   a/c %.2f (aim: 0.50)   %d rounds"):format(
    rounds.ratio(times[1], times[2]), rounds.ratio(times[1], times[3]), #times[1]))
end

local function main()
  local undo <close> = scope.new()
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
  undo:defer(function() core.remove_tree(place) end)
  for i = 1, 3 do assert(core.mkdirs(place .. "/" .. i)) end
  print(("a sandbox with /bin/true: at most %d rounds in turns, uid %d"):format(count, core.uid()))
  for _, network in ipairs(arg[3] and {arg[3]} or {"none", "host"}) do
    check_views(place, network)
    report(titles[network], measure(place, network))
  end
  print "(*) it has no overlay: three read-only binds instead; ratios: medians of each round's"
end

main()
