--- What a sandbox costs: (a) from the Lua library, (b) from bare C, (c) from bubblewrap; in turns.
---
---   lua5.4 bench/sandbox.lua [ROUNDS [WAYS [NETWORK]]]   `make bench` sets LUA_PATH, LUA_CPATH, O
---
--- All three make the same namespaces and mounts, which come from the library's own plan, capture
--- both outputs, and run /bin/true. Each round runs each of them once, beginning with another one
--- each time. Before anything is timed, what is seen inside must be the same.
local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"

local rounds = math.tointeger(arg[1] or 300)
local chosen = arg[2] or "abc"
local build = os.getenv "O" or "build"
local bwrap_path = "/usr/bin/bwrap"
local pause = 0.002 -- seconds: the kernel takes the last sandbox apart a little later

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

--- Keep a text in a file of the benchmark's; returns its path.
local function kept(place, name, text)
  local path = place .. "/" .. name
  local file <close> = assert(core.open(path, "w"))
  assert(file:write(text))
  return path
end

--- The filter of the plan, for floor.c to install as it is.
local function filter_words(plan, place)
  for _, step in ipairs(plan) do
    if step[1] == "seccomp" then return {"filter", kept(place, "filter", step.program)} end
  end
  return {}
end

--- The words that tell floor.c what the plan says.
local function floor_words(plan, network, place)
  local words, has_etc = {}, false
  if network == "none" then words[1] = "net" end
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

local bwrap = {}

function bwrap.bind(s)
  return {s.optional and "--ro-bind-try" or "--ro-bind", s.source, s.target}
end

function bwrap.symlink(s) return {"--symlink", s.text, s.target} end

function bwrap.proc(s)
  local words = {"--proc", s.target}
  if s.read_only then append(words, {"--remount-ro", s.target}) end
  return words
end

function bwrap.dev(s) return {"--dev", s.target} end

function bwrap.tmpfs(s)
  return s.target == "/" and {} or {"--perms", ("%o"):format(s.mode), "--tmpfs", s.target}
end

--- bubblewrap 0.8 has no overlay: the lowers as read-only binds cost it least.
function bwrap.overlay(s)
  local words = {}
  for i, lower in ipairs(s.lower) do append(words, {"--ro-bind", lower, s.target .. "/" .. i}) end
  return words
end

--- bubblewrap's words, and the files that it reads from descriptors 10, 11, ...
local function bwrap_words(plan, network, place)
  local words = {bwrap_path, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
    "--unshare-cgroup", "--hostname", "moonsand", "--die-with-parent", "--new-session",
    "--cap-drop", "ALL", "--clearenv"}
  local files = {}
  if network == "none" then words[#words + 1] = "--unshare-net" end
  for _, step in ipairs(plan) do
    if step[1] == "file" then
      files[#files + 1] = kept(place, "file" .. #files, step.text)
      append(words, {"--perms", "0644", "--file", tostring(9 + #files), step.target})
    elseif step[1] == "exec" then
      for _, name in ipairs {"PATH", "HOME", "LANG", "TERM"} do
        append(words, {"--setenv", name, step.env[name]})
      end
    elseif bwrap[step[1]] then
      append(words, bwrap[step[1]](step))
    end
  end
  append(words, {"--remount-ro", "/", "--chdir", "/work", "--"})
  return words, files
end

--- The floor as a server of rounds: popen is one-way, so its words come through a named pipe.
local Floor = {}
Floor.__index = Floor

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function start_floor(place, network, command)
  local plan = sandbox.new(options(place, network, command)):plan()
  local peer, files = bwrap_words(plan, network, place)
  local words = {build .. "/bench/floor", build .. "/core/moonsand-init"}
  append(words, floor_words(plan, network, place))
  words[#words + 1] = "--"
  append(words, command)
  words[#words + 1] = "--"
  append(words, files)
  words[#words + 1] = "--"
  append(words, peer)
  append(words, command)
  for i, word in ipairs(words) do words[i] = quoted(word) end
  local answers = place .. "/answers"
  os.remove(answers)
  assert(os.execute("mkfifo " .. quoted(answers)))
  local shell_line = ("exec %s >%s"):format(table.concat(words, " "), quoted(answers))
  local orders = assert(io.popen(shell_line, "w"))
  orders:setvbuf "no"
  return setmetatable({orders = orders, answers = assert(io.open(answers))}, Floor)
end

--- One round -> seconds, output
function Floor:run(letter)
  self.orders:write(letter)
  local ns, status, size = self.answers:read("n", "n", "n")
  assert(ns and self.answers:read(1) == "\n", "bench/floor ended early")
  local output = size > 0 and self.answers:read(size) or ""
  assert(status == 0, ("%s ended with status %d: %s"):format(letter, status, output))
  return ns / 1e9, output
end

function Floor:close()
  self.orders:close()
  self.answers:close()
end

Floor.__close = Floor.close

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
  local floor <close> = start_floor(place, network, command)
  local _, ours = run_library(place, network, command)
  local _, bare = floor:run "f"
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

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

local function ratios(a, b)
  local list = {}
  for i = 1, #a do list[i] = a[i] / b[i] end
  return list
end

local function measure(place, network)
  local command = {"/bin/true"}
  local floor <close> = start_floor(place, network, command)
  local ways = {
    a = function() return run_library(place, network, command) end,
    b = function() return floor:run "f" end,
    c = function() return floor:run "p" end,
  }
  local times = {a = {}, b = {}, c = {}}
  for i = -4, rounds do -- the first ones warm up
    for k = 0, #chosen - 1 do
      local at = (i + k) % #chosen + 1
      local way = chosen:sub(at, at)
      core.poll({}, pause)
      local seconds = ways[way]()
      if i > 0 then times[way][i] = seconds end
    end
  end
  return times
end

local function bwrap_version()
  local pipe <close> = assert(io.popen(bwrap_path .. " --version"))
  return assert(pipe:read("l"))
end

local names = {a = "moonsand.sandbox", b = "floor: bare C", c = bwrap_version() .. " (*)"}

local titles = {
  none = "user mount pid ipc uts cgroup net: the default",
  host = "user mount pid ipc uts cgroup: network = \"host\"",
}

local function report(title, times)
  print(("%-52s  median  fastest"):format(title))
  for way in chosen:gmatch "." do
    print(("  %s  %-45s %7.3f  %7.3f ms"):format(way, names[way], median(times[way]) * 1000,
      math.min(table.unpack(times[way])) * 1000))
  end
  if chosen ~= "abc" then return end
  print(("  a/b %.2f (aim: 1.30)   a/c %.2f (aim: 0.60)"):format(
    median(ratios(times.a, times.b)), median(ratios(times.a, times.c))))
end

local function main()
  local undo <close> = scope.new()
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))
  undo:defer(function() core.remove_tree(place) end)
  for i = 1, 3 do assert(core.mkdirs(place .. "/" .. i)) end
  print(("a sandbox with /bin/true: %d rounds in turns, uid %d"):format(rounds, core.uid()))
  for _, network in ipairs(arg[3] and {arg[3]} or {"none", "host"}) do
    check_views(place, network)
    report(titles[network], measure(place, network))
  end
  print "(*) it has no overlay: three read-only binds instead; ratios: medians of each round's"
end

main()
