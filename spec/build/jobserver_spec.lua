local core = require "moonsand.core"
local project = require "spec.support.project"

-- Each target says when it starts and when it ends; "+ 12.3" and "- 12.6".
local makefile = [[
all: a b c
a b c:
	@read up rest < /proc/uptime; echo "+ $$up"; sleep 0.05; \
	  read up rest < /proc/uptime; echo "- $$up"
]]
local recipe = 'SRC_URI = "file://Makefile"\nB = "${WORKDIR}"\n' ..
  "do_compile() {\n    oe_runmake\n}\n"

-- The most that ran at one moment, over the logs of all tasks.
local function most_at_once(logs)
  local list, now, most = {}, 0, 0
  for _, text in ipairs(logs) do
    for sign, time in text:gmatch "([+-]) ([%d.]+)" do list[#list + 1] = {sign, tonumber(time)} end
  end
  table.sort(list, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[1] == "-" and b[1] == "+"
  end)
  for _, entry in ipairs(list) do
    now = now + (entry[1] == "+" and 1 or -1)
    most = math.max(most, now)
  end
  return most, #list
end

describe("the pool of jobs", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local function build(jobs)
    here:write {
      ["a/a_1.bb"] = recipe, ["a/files/Makefile"] = makefile,
      ["b/b_1.bb"] = recipe, ["b/files/Makefile"] = makefile,
    }
    assert.is_true(here:build({"a:compile", "b:compile"}, {jobs = jobs}).ok)
    return most_at_once {here:log "a:compile", here:log "b:compile"}
  end

  it("is shared by all tasks and the makes inside of them", function()
    local most, entries = build(3)
    assert.are.equal(12, entries)
    assert.is_true(most <= 3, ("%d ran at once"):format(most))
  end)

  -- What is counted are processes of this machine, by a word on their command lines.
  local function processes_with(word)
    local count = 0
    for _, name in ipairs(assert(core.readdir "/proc")) do
      local path = "/proc/" .. name .. "/cmdline"
      local file <close> = name:find "^%d+$" and io.open(path, "rb") or nil
      local text = file and file:read "a"
      if text and text:find("^sleep%z" .. word) then count = count + 1 end
    end
    return count
  end

  it("never has more compilers at once than jobs, whatever a make of its own would do", function()
    local word = ("0.1%07d"):format(core.getpid())
    local targets, most = {}, 0
    for _, name in ipairs {"a", "b", "c"} do
      here:write {
        [name .. "/" .. name .. "_1.bb"] = recipe,
        [name .. "/files/Makefile"] = "all: 1 2 3 4\n1 2 3 4:\n\t@sleep " .. word .. "; echo $@\n",
      }
      targets[#targets + 1] = name .. ":compile"
    end
    local summary = here:build(targets, {jobs = 2, tick = function()
      most = math.max(most, processes_with(word))
    end})
    assert.is_true(summary.ok)
    assert.is_true(most >= 1 and most <= 2, ("%d at once"):format(most))
  end)

  it("of one lets one command run at a time", function()
    assert.are.equal(1, (build(1)))
  end)

  it("lets one make use all of it", function()
    here:write {["a/a_1.bb"] = recipe, ["a/files/Makefile"] = [[
all: a b
a: ; until test -e b-is-there; do sleep 0.01; done
b: ; touch b-is-there
]]}
    assert.is_true(here:build({"a:compile"}, {jobs = 2}).ok)
  end)
end)

describe("the tokens of a killed task", function()
  local host = require "spec.support.host"
  local jobserver = require "moonsand.build.jobserver"
  local loop = require "moonsand.loop"

  local function fill(path)
    assert(os.execute(("mkfifo -m 600 '%s'"):format(path)))
  end

  -- Everything that is in the pool now.
  local function count(pool)
    return #(pool.pipe:read(4096) or "")
  end

  it("come back, once what runs beside it has ended", function()
    local dir <close> = host.scratch()
    local pool <close> = jobserver.open(dir.path, 3, fill)
    local work <close> = loop.new()
    local trace = {}
    work:spawn(function()
      pool:take()
      loop.wait({}, 0.1)
      trace[#trace + 1] = "other ended"
      pool:give()
    end)
    work:spawn(function()
      pool:take()
      assert(pool.pipe:read(1)) -- its make takes another one, and is killed with it
      pool:give(true)
      pool:take()
      trace[#trace + 1] = "next started"
    end)
    work:run()
    assert.are.same({"other ended", "next started"}, trace)
    assert.are.equal(2, count(pool))
  end)

  it("are not waited for after a task that ended by itself", function()
    local dir <close> = host.scratch()
    local pool <close> = jobserver.open(dir.path, 2, fill)
    local work <close> = loop.new()
    local trace = {}
    work:spawn(function()
      pool:take()
      loop.wait({}, 0.05)
      trace[#trace + 1] = "other ended"
      pool:give()
    end)
    work:spawn(function()
      pool:take()
      pool:give(false)
      pool:take()
      trace[#trace + 1] = "next started"
      pool:give()
    end)
    work:run()
    assert.are.same({"next started", "other ended"}, trace)
  end)

  it("that lie unused are lent to who has one, and come back", function()
    local dir <close> = host.scratch()
    local pool <close> = jobserver.open(dir.path, 3, fill)
    pool:take()
    do
      local spare <close> = pool:spare()
      assert.are.equal(2, spare.count)
      local none <close> = pool:spare()
      assert.are.equal(0, none.count)
    end
    local spare <close> = pool:spare()
    assert.are.equal(2, spare.count)
  end)

  it("are put back by builds whose task was killed, too", function()
    local here = project.new()
    here:write {["a/a_1.bb"] = "do_compile() {\n    kill -9 $$\n}\n",
      ["b/b_1.bb"] = recipe, ["b/files/Makefile"] = makefile}
    local summary = here:build({"a:compile", "b:compile"}, {jobs = 2, keep_going = true})
    assert.are.equal("failed", summary.outcomes["a:compile"])
    assert.are.equal("ok", summary.outcomes["b:compile"])
    here:close()
  end)
end)
