-- The page of a build, in a browser without a window.
local host = require "spec.support.host"
local json = require "dkjson"
local report = require "moonsand.cli.show.report"

local browser
for _, name in ipairs {"chromium-headless-shell", "chromium"} do
  browser = browser or os.execute("command -v " .. name .. " >/dev/null") and name
end

-- A build of so many tasks: two slots, every third one from the store, one failure.
local function events(count)
  local list = {{event = "build_started", time = 100, at = 1763647323, jobs = 2, total = count,
    run = count, targets = {"world"}}}
  local function send(fields) list[#list + 1] = fields end
  for i = 1, count do
    local task = ("r%d:%s"):format(i // 4, ({"fetch", "compile", "install", "test"})[i % 4 + 1])
    if i % 3 == 0 then
      send {event = "task_ended", task = task, outcome = "cached", seconds = 0, time = 100}
    else
      local at = 100 + i
      send {event = "task_started", task = task, time = at, slot = i % 2 + 1, why = "not built yet",
        needs = i > 2 and {list[#list].task} or {}}
      send {event = "task_ended", task = task, time = at + 1.5, slot = i % 2 + 1, seconds = 1.5,
        outcome = i == count and "failed" or "ok", why = "CFLAGS is \"</script>\", was \"\"",
        cpu = 0.5, memory = 64 << 20, exit_code = i == count and 2 or nil, log = "the log"}
    end
  end
  send {event = "build_ended", time = 102 + count, seconds = 2 + count, ok = false,
    counts = {ok = count * 2 // 3, cached = count // 3, failed = 1, not_started = 0}}
  return list
end

local options = {read = function() return "a <b> c\nx.c:1: error: no\n" end}

describe("the report of a build", function()
  it("has a trace event for each task that ran, in the lane of its job slot", function()
    local trace = json.decode(report.trace(report.of(events(4), options)))
    local one = trace.traceEvents[2]
    assert.are.equal(3, #trace.traceEvents)
    assert.are.equal("r0:install compile", "r0:install " .. trace.traceEvents[1].cat)
    assert.are.same({"X", 2000000, 1500000, 1}, {one.ph, one.ts, one.dur, one.tid})
    assert.are.equal(67108864, one.args.memory)
  end)

  it("marks the tasks that waited for each other until the end", function()
    local found = report.of({
      {event = "build_started", time = 0, targets = {"a"}},
      {event = "task_started", task = "a:fetch", time = 0, needs = {}},
      {event = "task_started", task = "b:fetch", time = 0, needs = {}},
      {event = "task_ended", task = "a:fetch", time = 1, outcome = "ok"},
      {event = "task_ended", task = "b:fetch", time = 5, outcome = "ok"},
      {event = "task_started", task = "a:compile", time = 5, needs = {"a:fetch", "b:fetch"}},
      {event = "task_ended", task = "a:compile", time = 7, outcome = "ok"},
    }, options)
    local path = {}
    for _, one in ipairs(found.trace.traceEvents) do
      if one.args.critical then path[#path + 1] = one.name end
    end
    assert.are.same({"b:fetch", "a:compile"}, path)
    assert.is_truthy(found.date:find(", 7.0s, not ended", 1, true), found.date)
  end)

  it("has the block and the end of the log of what failed, and no way out of its elements",
    function()
      local page = report.page(report.of(events(4), options))
      assert.is_truthy(page:find("a \\u003cb> c", 1, true))
      local _, count = page:gsub("</script>", "")
      assert.are.equal(3, count)
      assert.is_nil(page:find "https?://")
    end)
end)

describe("the page of a report", function()
  -- The elements of the page after its scripts, and those that a spec adds, have run.
  local function shown(page, extra)
    if not browser then return nil end
    local dir <close> = host.scratch()
    local path = dir:file("page.html", (page:gsub("</body>", function()
      return (extra or "") .. "</body>"
    end)))
    local pipe <close> = assert(io.popen(([[
      HOME='%s' timeout 60 %s --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir='%s/profile' --virtual-time-budget=5000 --dump-dom 'file://%s' 2>/dev/null
    ]]):format(dir.path, browser, dir.path, path)))
    return pipe:read "a"
  end

  local function rows(dom)
    local _, count = dom:match('<table id="tasks">(.-)</table>'):gsub("<tr", "")
    return count - 1
  end

  it("draws thousands of tasks, and says how many there are", function()
    if not browser then return pending "no Chromium is installed" end
    local dom = shown(report.page(report.of(events(5000), options)))
    assert.is_truthy(dom:find('data%-ready="%d+"'), "the script did not end")
    assert.is_truthy(dom:find("5000 of 5000", 1, true))
    assert.are.equal(401, rows(dom))
    assert.is_truthy(dom:find("r1249:", 1, true) or dom:find("4600 more", 1, true))
  end)

  it("filters by words of task, outcome and reason", function()
    if not browser then return pending "no Chromium is installed" end
    local dom = shown(report.page(report.of(events(100), options)),
      '<script>filter.value = "r7: INSTALL"; filter.oninput();</script>')
    assert.is_truthy(dom:find("1 of 100", 1, true))
    assert.are.equal(1, rows(dom))
    assert.is_truthy(dom:find("<td>r7:install</td>", 1, true))
  end)

  it("shows failures, and has a light and a dark dress", function()
    if not browser then return pending "no Chromium is installed" end
    local dom = shown(report.page(report.of(events(100), options)),
      "<script>document.getElementById('theme').click();</script>")
    assert.is_truthy(dom:find('data-theme="dark"', 1, true))
    assert.is_truthy(dom:find("failed after 1.5s: exit 2", 1, true))
    assert.is_truthy(dom:find("x.c:1: error: no", 1, true))
  end)

  it("exports the trace", function()
    if not browser then return pending "no Chromium is installed" end
    local dom = shown(report.page(report.of(events(20), options)), [[<script>
      URL.createObjectURL = blob => { blob.text().then(text => {
        const out = document.createElement("output"); out.textContent = text;
        document.body.append(out); }); return "#"; };
      document.getElementById("save").click();</script>]])
    local text = dom:match "<output>(.-)</output>"
    text = text:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&")
    assert.are.equal(14, #json.decode(text).traceEvents)
  end)
end)

describe("moonsand report", function()
  local function shell(dir, text)
    local pipe <close> = assert(io.popen(([[
      exec 2>&1
      M="$PWD/bin/moonsand"
      export BBPATH="$PWD/examples/recipes" MOONSAND_DIR='%s/state' LC_ALL=C.UTF-8
      cd '%s'
      %s]]):format(dir.path, dir.path, text)))
    local out = pipe:read("a")
    local _, how, code = pipe:close()
    return out, how == "exit" and code or how
  end

  it("writes a page about the last build", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M build -q hello:compile; $M report")
    assert.are.equal("moonsand-report.html\n", out)
    assert.are.equal(0, code)
    local page = dir:read "moonsand-report.html"
    assert.is_truthy(page:find("<title>moonsand build hello:compile</title>", 1, true))
    local trace = json.decode(page:match '<script type="application/json" id="trace">(.-)</script>')
    assert.are.equal(5, #trace.traceEvents)
    assert.is_true(trace.traceEvents[5].args.memory > 0)
    assert.are.equal("hello:compile", trace.traceEvents[5].name)
  end)

  it("lists the builds, and writes of each the page, the trace or JSON", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello:fetch; $M build -q hello:unpack
      $M report --list; first=$($M report --list | sed -n '2s/ .*//p')
      $M report --trace - "$first"; $M report --json; $M report -o p.html]])
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^%d+%-%d+%S* +ok +%d+%.%ds  hello:unpack$", lines[1])
    assert.matches("hello:fetch$", lines[2])
    assert.are.equal("hello:fetch", json.decode(lines[3]).traceEvents[1].name)
    assert.are.equal(1, json.decode(lines[4]).build.counts.ok)
    assert.are.equal("p.html", lines[5])
  end)

  it("writes the trace of a build when that was asked for", function()
    local dir <close> = host.scratch()
    shell(dir, "$M build -q --trace t.json hello:fetch")
    assert.are.equal("hello:fetch", json.decode(dir:read "t.json").traceEvents[1].name)
  end)

  it("says what to do where there was no build", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M report")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: there is no build to tell of\n" ..
      "  moonsand build TARGET, then moonsand report\n", out)
  end)
end)
