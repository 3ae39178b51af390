--- How long the report of a large build takes: to write it, and for a browser to draw it.
---
---   lua5.4 bench/report.lua [TASKS]      `make bench` sets LUA_PATH
---
--- The browser is a headless Chromium, when there is one; it says itself how long the page's script
--- took, from its first line to the last one.
local core = require "moonsand.core"
local report = require "moonsand.cli.show.report"

local count = math.tointeger(arg[1] or 5000)
local kinds = {"fetch", "unpack", "configure", "compile", "install"}

local function events()
  local list = {{event = "build_started", time = 0, at = 1763647323, jobs = 8, total = count,
    targets = {"world"}}}
  for i = 1, count do
    local task = ("recipe-%d:%s"):format(i // #kinds, kinds[i % #kinds + 1])
    list[#list + 1] = {event = "task_started", task = task, time = i // 8, slot = i % 8 + 1,
      why = 'CFLAGS is "-O3", was "-O2"', needs = {list[#list].task}}
    list[#list + 1] = {event = "task_ended", task = task, time = i // 8 + 0.9, seconds = 0.9,
      slot = i % 8 + 1, outcome = "ok", why = 'CFLAGS is "-O3", was "-O2"', cpu = 0.5,
      memory = 64 << 20}
  end
  list[#list + 1] = {event = "build_ended", time = count // 8 + 1, seconds = count // 8 + 1,
    ok = true, counts = {ok = count}}
  return list
end

local function drawn(page)
  local dir = assert(core.mkdtemp "/tmp/moonsand-bench.")
  local file <close> = assert(io.open(dir .. "/page.html", "w"))
  file:write(page)
  file:flush()
  local pipe <close> = assert(io.popen(([[HOME='%s' chromium --headless --no-sandbox --disable-gpu \
    --disable-dev-shm-usage --user-data-dir='%s/profile' --dump-dom 'file://%s/page.html' \
    2>/dev/null]]):format(dir, dir, dir)))
  local dom = pipe:read "a"
  core.remove_tree(dir)
  return dom:match 'data%-ready="(%d+)"'
end

local list = events()
local started = core.clock()
local page = report.page(report.of(list, {read = function() end}))
print(("%d tasks: written in %.2f s, %.1f MB"):format(count, core.clock() - started, #page / 1e6))
if os.execute "command -v chromium >/dev/null" then
  for _ = 1, 3 do print(("drawn in %s ms"):format(drawn(page) or "?")) end
else
  print "drawn: chromium is not installed"
end
