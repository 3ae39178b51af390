local loop = require "moonsand.loop"
local schedule = require "moonsand.build.schedule"

-- {"a", "b < a", ...}: nodes and what they wait for; `weights` are optional.
local function nodes(specs, weights)
  local list, by_name = {}, {}
  for i, spec in ipairs(specs) do
    local name, rest = spec:match "^(%S+) ?<? ?(.*)$"
    local node = {name = name, needs = {}, needed_by = {}, weight = (weights or {})[name] or 1}
    for other in rest:gmatch "%S+" do
      table.insert(node.needs, {node = by_name[other]})
      table.insert(by_name[other].needed_by, node)
    end
    list[i], by_name[name] = node, node
  end
  return list
end

local function names(list)
  local result = {}
  for i, node in ipairs(list) do result[i] = node.name end
  return table.concat(result, " ")
end

-- Run; the trace has "+a" for a start and "-a" for an end.
local function run(specs, options)
  options = options or {}
  local trace = {}
  local outcome = schedule.run {
    nodes = nodes(specs, options.weights), jobs = options.jobs or 1,
    keep_going = function() return options.keep_going end, hold = options.hold,
    run = function(node, aside)
      if options.first then options.first(node, aside) end
      trace[#trace + 1] = "+" .. node.name
      if not options.at_once then loop.wait({}, 0) end
      trace[#trace + 1] = "-" .. node.name
      return not (options.fails or {})[node.name]
    end,
  }
  return table.concat(trace, " "), outcome
end

describe("the scheduler", function()
  it("starts a task after everything that it needs", function()
    assert.are.equal("+a -a +b -b +c -c", (run {"a", "b < a", "c < a b"}))
  end)

  it("runs as many tasks at a time as it has jobs", function()
    assert.matches("^%+a %+b ", (run({"a", "b", "c"}, {jobs = 2})))
  end)

  it("prefers the task that most others wait for", function()
    assert.are.equal("+b -b +a -a", (run({"a", "b"}, {weights = {b = 5}})))
  end)

  it("starts nothing new after a failure", function()
    local trace, outcome = run({"a", "b", "c < a"}, {fails = {a = true}})
    assert.are.equal("+a -a", trace)
    assert.are.equal("a", names(outcome.failed))
    assert.are.equal("b c", names(outcome.not_started))
  end)

  it("goes on with what does not depend on the failure when asked to", function()
    local trace, outcome = run({"a", "b", "c < a"}, {fails = {a = true}, keep_going = true})
    assert.are.equal("+a -a +b -b", trace)
    assert.are.equal("c", names(outcome.not_started))
  end)

  it("gives each running node the lowest number that is free", function()
    local slots = {}
    run({"a", "b", "c < a"}, {jobs = 2, first = function(node)
      slots[#slots + 1] = node.name .. node.slot
      if node.name == "b" then loop.wait({}, 0.02) end
    end})
    assert.are.equal("a1 b2 c1", table.concat(slots, " "))
  end)

  it("runs another node in the place of one that waits for somebody else", function()
    local free
    local trace = run({"a", "b"}, {weights = {a = 2}, first = function(node, aside)
      if node.name == "b" then free = true end
      if node.name == "a" then
        aside(function()
          while not free do loop.wait({}, 0.001) end
        end)
      end
    end})
    assert.matches("^%+[ab] ", trace)
    assert.is_true(free)
  end)

  it("starts nothing while it is told to hold, unless nothing runs", function()
    assert.are.equal("+a -a +b -b", (run({"a", "b"}, {jobs = 2, hold = function()
      return true
    end})))
  end)

  it("does something else meanwhile, and ends it with the last node", function()
    local turns, closed = 0, false
    local outcome = schedule.run {
      nodes = nodes {"a", "b < a"}, jobs = 1,
      run = function()
        loop.wait({}, 0.01)
        return true
      end,
      meanwhile = function()
        local _ <close> = setmetatable({}, {__close = function() closed = true end})
        while true do
          turns = turns + 1
          loop.wait({}, 0)
        end
      end,
    }
    assert.are.same({}, outcome.failed)
    assert.is_true(turns > 2)
    assert.is_true(closed)
  end)

  it("ends a long chain of tasks that take no time", function()
    local specs = {"t1"}
    for i = 2, 1000 do specs[i] = ("t%d < t%d"):format(i, i - 1) end
    local _, outcome = run(specs, {at_once = true})
    assert.are.equal(0, #outcome.not_started)
  end)

  it("hands on an error of the executor", function()
    assert.has_error(function()
      schedule.run {nodes = nodes {"a"}, jobs = 1, run = function() error("broken", 0) end}
    end)
  end)
end)
