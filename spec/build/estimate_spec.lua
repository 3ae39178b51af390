local estimate = require "moonsand.build.estimate"
local heap = require "moonsand.build.heap"
local host = require "spec.support.host"
local pressure = require "moonsand.build.pressure"
local times = require "moonsand.build.times"

-- {"a 5", "b 2 < a"}: nodes, what they take, and what they wait for.
local function nodes(specs)
  local list, by_name = {}, {}
  for i, spec in ipairs(specs) do
    local name, seconds, rest = spec:match "^(%S+) (%S+) ?<? ?(.*)$"
    local node = {name = name, task = "do_" .. name:match ":?([^:]*)$", kind = "task", run = true,
      seconds = tonumber(seconds), needs = {}, needed_by = {}}
    for other in rest:gmatch "%S+" do
      table.insert(node.needs, {node = by_name[other]})
      table.insert(by_name[other].needed_by, node)
    end
    list[i], by_name[name] = node, node
  end
  local known = {of = function(_, node) return node.seconds, true end}
  estimate.weigh(list, known)
  return list, by_name
end

describe("the weight of a task", function()
  it("is the longest way from its start to the end of the build", function()
    local _, node = nodes {"a 1", "b 5 < a", "c 2 < a", "d 1 < b c"}
    assert.are.same({7, 6, 3, 1}, {node.a.weight, node.b.weight, node.c.weight, node.d.weight})
  end)
end)

describe("the time of a build", function()
  it("is the sum with one job, and the longest way with enough of them", function()
    local list = nodes {"a 1", "b 5 < a", "c 2 < a", "d 1 < b c"}
    assert.are.equal(9, estimate.wall(list, 1))
    assert.are.equal(7, estimate.wall(list, 2))
    assert.are.equal(7, estimate.wall(list, 8))
  end)

  it("is nothing for nothing", function()
    assert.are.equal(0, estimate.wall({}, 2))
  end)

  it("is less with each task that is done", function()
    local list, node = nodes {"a 1", "b 5 < a", "c 2 < a"}
    local progress = estimate.progress(list, 2)
    assert.are.equal(6, progress:left())
    progress:done(node.a)
    progress:done(node.c)
    assert.are.equal(5, progress:left())
    progress:start(node.b)
    assert.is_true(progress:left() > 4.9)
    progress:done(node.b)
    assert.are.equal(0, progress:left())
  end)

  it("is not told while more than half of the tasks never ran", function()
    local list = nodes {"a 1", "b 1", "c 1"}
    list[1].timed, list[2].timed = false, false
    assert.is_nil(estimate.progress(list, 1):left())
  end)
end)

describe("the times of tasks", function()
  local function node(name, kind)
    return {name = name, task = "do_" .. name:match ":(.*)$", kind = kind or "task"}
  end

  it("are kept from build to build, and the last ones count most", function()
    local dir <close> = host.scratch()
    local first = times.open(dir.path)
    first:took(node "zlib:compile", 4)
    first:took(node "zlib:compile", 8)
    local seconds, known = times.open(dir.path):of(node "zlib:compile")
    assert.are.equal(6, seconds)
    assert.is_true(known)
  end)

  it("of a task that never ran are those of its namesakes", function()
    local dir <close> = host.scratch()
    dir:file("times", "a:compile 1.000\nb:compile 3.000\nc:compile 9.000\nc:fetch 77.000\n")
    local seconds, known = times.open(dir.path):of(node "d:compile")
    assert.are.equal(3, seconds)
    assert.is_false(known)
    assert.are.equal(0, (times.open(dir.path):of(node("d:build", "noexec"))))
  end)

  it("take a file that does not grow with every build", function()
    local dir <close> = host.scratch()
    local lines = {}
    for i = 1, 2000 do lines[i] = ("a:t%d %d.000\n"):format(i % 3, i) end
    dir:file("times", table.concat(lines) .. "half a li")
    times.open(dir.path)
    assert.are.equal("a:t0 1998.000\na:t1 1999.000\na:t2 2000.000\n", dir:read "times")
  end)
end)

describe("a heap", function()
  it("gives back everything in order", function()
    local one, list = heap.new(function(a, b) return a < b end), {}
    for _, number in ipairs {5, 3, 9, 1, 7, 3, 8, 2} do one:push(number) end
    assert.are.equal(1, one:pop())
    one:push(0)
    while #one > 0 do list[#list + 1] = one:pop() end
    assert.are.same({0, 2, 3, 3, 5, 7, 8, 9}, list)
    assert.is_nil(one:pop())
  end)
end)

describe("limits of pressure", function()
  local function limits(variables, world)
    local data = {
      get = function(_, name) return variables[name] end,
      place = function() return "local.conf:3" end,
    }
    return pressure.new(data, world)
  end

  local function world(total)
    local self = {now = 0, total = total}
    self.clock = function() return self.now end
    self.read = function()
      return self.total and ("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n"):format(self.total)
    end
    return self
  end

  it("hold while more time is waited for in a second than they say", function()
    local one = world(1000)
    local found = limits({BB_PRESSURE_MAX_CPU = "50000"}, one)
    assert.is_nil(found:high())
    one.now, one.total = 2, 1000 + 2 * 60000
    assert.are.equal("cpu", found:high())
    one.now, one.total = 2.5, one.total + 10 -- too soon to measure again
    assert.are.equal("cpu", found:high())
    one.now = 4
    assert.is_nil(found:high())
  end)

  it("are none when no variable says so", function()
    assert.is_nil(limits({}, world(1)))
  end)

  it("are refused when they are no number, or the kernel has no such file", function()
    local ok, problem = pcall(limits, {BB_PRESSURE_MAX_IO = "much"}, world(1))
    assert.is_false(ok)
    assert.are.equal("local.conf:3", problem.where)
    ok, problem = pcall(limits, {BB_PRESSURE_MAX_IO = "500"}, world(nil))
    assert.is_false(ok)
    assert.matches("/proc/pressure/io", problem.message)
  end)
end)
